/** The same workloads under the embedded controllers and under the real ones. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  isPodReady,
  type Deployment,
  type EndpointSlice,
  type PersistentVolumeClaim,
  type Pod,
  type PodDisruptionBudget,
  type StatefulSet,
} from '../../../src/devcluster/core/index.ts';
import { RESOURCES, type KubeResource, type ResourceType } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { skip } from '../../control-plane.ts';
import { verifies } from '../../requirements.ts';
import {
  looping,
  NAMESPACE,
  objectOf,
  shell,
  startTestCluster,
  type TestCluster,
} from '../cluster.ts';
import { batchBehaviour } from './batch.ts';

const WAIT_MS = 60_000;
const template = (app: string, version: string) => ({
  metadata: { labels: { app } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [shell('main', looping(), { env: [{ name: 'VERSION', value: version }] })],
  },
});
const versionOf = (pod: Pod): string | undefined => pod.spec.containers[0]?.env?.[0]?.value;

function statefulSet(name: string, spec: Record<string, unknown>): KubeResource {
  const more = {
    serviceName: name,
    selector: { matchLabels: { app: name } },
    template: template(name, '1'),
  };
  return objectOf('apps/v1', 'StatefulSet', name, { spec: { ...more, ...spec } });
}

/** What a backend does with the workloads; every expectation holds for both. */
function behaviour(backend: 'embedded' | 'kubebuilder'): void {
  let world: TestCluster;
  before(async () => {
    world = await startTestCluster(backend);
  });
  after(() => world.stop());

  const get = <T extends KubeResource>(type: ResourceType, name: string): Promise<T | undefined> =>
    world.client.get<T>(type, { namespace: NAMESPACE, name });
  const pods = async (app: string): Promise<Pod[]> => {
    const { items } = await world.client.list<Pod>(RESOURCES.pods, {
      namespace: NAMESPACE,
      labelSelector: `app=${app}`,
    });
    return items.sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  };
  const settled = (
    app: string,
    names: readonly string[],
    version = '1',
  ): Promise<Pod[] | undefined> =>
    eventually(
      `pods ${names.join()} of ${app} at version ${version}`,
      async () => {
        const found = await pods(app);
        const isSo =
          JSON.stringify(found.map(({ metadata }) => metadata.name)) === JSON.stringify(names) &&
          found.every(
            (pod) =>
              isPodReady(pod) &&
              versionOf(pod) === version &&
              pod.metadata.deletionTimestamp === undefined,
          );
        return isSo ? found : undefined;
      },
      WAIT_MS,
    );
  const patch = (type: ResourceType, name: string, body: unknown): Promise<unknown> =>
    world.client.patch(type, { namespace: NAMESPACE, name }, { type: 'merge', body });
  const until = (what: string, probe: () => Promise<boolean | undefined>): Promise<boolean> =>
    eventually(what, probe, WAIT_MS);

  test('OrderedReady: created upwards, updated and scaled downwards', async () => {
    await world.client.create(RESOURCES.statefulSets, statefulSet('ordered', { replicas: 2 }));
    const created = await settled('ordered', ['ordered-0', 'ordered-1']);
    const [first, second] = (created ?? []).map(({ status }) => status?.startTime ?? '');
    assert.ok((first ?? '') <= (second ?? ''));
    await patch(RESOURCES.statefulSets, 'ordered', {
      spec: { template: template('ordered', '2') },
    });
    await settled('ordered', ['ordered-0', 'ordered-1'], '2');
    await until('the update to be complete', async () => {
      const { status } = (await get<StatefulSet>(RESOURCES.statefulSets, 'ordered')) ?? {};
      return status?.updatedReplicas === 2 && status.currentRevision === status.updateRevision;
    });
    await patch(RESOURCES.statefulSets, 'ordered', { spec: { replicas: 1 } });
    await settled('ordered', ['ordered-0'], '2');
    await world.client.delete(
      RESOURCES.statefulSets,
      { namespace: NAMESPACE, name: 'ordered' },
      { propagationPolicy: 'Foreground' },
    );
    await world.gone(RESOURCES.statefulSets, 'ordered');
    assert.deepEqual(await pods('ordered'), []);
  });

  test('OnDelete and Parallel: pods change only when they are deleted, and keep name and claim', async () => {
    const claims = [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
      },
    ];
    const policy = { whenDeleted: 'Delete', whenScaled: 'Delete' };
    const spec = {
      replicas: 3,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      volumeClaimTemplates: claims,
      persistentVolumeClaimRetentionPolicy: policy,
    };
    await world.client.create(
      RESOURCES.services,
      objectOf('v1', 'Service', 'manual', {
        spec: { clusterIP: 'None', selector: { app: 'manual' }, ports: [{ port: 80 }] },
      }),
    );
    await world.client.create(RESOURCES.statefulSets, statefulSet('manual', spec));
    const before = await settled('manual', ['manual-0', 'manual-1', 'manual-2']);
    const nodes = new Set(before?.map((pod) => pod.spec.nodeName));
    assert.equal(nodes.size, 3, 'spread over the nodes');
    const claim = await get<PersistentVolumeClaim>(
      RESOURCES.persistentVolumeClaims,
      'data-manual-1',
    );
    await patch(RESOURCES.statefulSets, 'manual', { spec: { template: template('manual', '2') } });
    await until('the new revision to be seen', async () => {
      const { status, metadata } = (await get<StatefulSet>(RESOURCES.statefulSets, 'manual')) ?? {};
      return (
        status?.observedGeneration === metadata?.generation &&
        status?.updateRevision !== status?.currentRevision
      );
    });
    assert.deepEqual((await pods('manual')).map(versionOf), ['1', '1', '1']);
    await world.client.delete(RESOURCES.pods, { namespace: NAMESPACE, name: 'manual-1' });
    await until('manual-1 to come back new', async () => {
      const pod = await world.pod('manual-1');
      return pod !== undefined && isPodReady(pod) && versionOf(pod) === '2';
    });
    assert.deepEqual((await pods('manual')).map(versionOf), ['1', '2', '1']);
    const after = await get<PersistentVolumeClaim>(
      RESOURCES.persistentVolumeClaims,
      'data-manual-1',
    );
    assert.equal(after?.metadata.uid, claim?.metadata.uid);
    await until('endpoints of all three by name', async () => {
      const { items } = await world.client.list<EndpointSlice>(RESOURCES.endpointSlices, {
        namespace: NAMESPACE,
        labelSelector: 'kubernetes.io/service-name=manual',
      });
      const ready = items
        .flatMap(({ endpoints }) => endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready === true);
      return (
        JSON.stringify(
          ready.map(({ hostname }) => hostname ?? '').sort((a, b) => a.localeCompare(b)),
        ) === '["manual-0","manual-1","manual-2"]'
      );
    });
    await patch(RESOURCES.statefulSets, 'manual', { spec: { replicas: 2 } });
    await world.gone(RESOURCES.persistentVolumeClaims, 'data-manual-2');
    await world.client.delete(RESOURCES.statefulSets, { namespace: NAMESPACE, name: 'manual' });
    await world.gone(RESOURCES.persistentVolumeClaims, 'data-manual-0');
    await until('its pods to be gone', async () => (await pods('manual')).length === 0);
    await world.client.delete(RESOURCES.services, { namespace: NAMESPACE, name: 'manual' });
  });

  test('a Deployment rolls to its new template, and a budget follows', async () => {
    const budget = { minAvailable: 1, selector: { matchLabels: { app: 'web' } } };
    await world.client.create(
      RESOURCES.podDisruptionBudgets,
      objectOf('policy/v1', 'PodDisruptionBudget', 'web', { spec: budget }),
    );
    await world.client.create(
      RESOURCES.deployments,
      objectOf('apps/v1', 'Deployment', 'web', {
        spec: {
          replicas: 2,
          selector: { matchLabels: { app: 'web' } },
          template: template('web', '1'),
        },
      }),
    );
    const isAt = async (version: string): Promise<boolean> => {
      const found = (await pods('web')).filter(
        (pod) => pod.metadata.deletionTimestamp === undefined,
      );
      return (
        found.length === 2 && found.every((pod) => isPodReady(pod) && versionOf(pod) === version)
      );
    };
    await until('two pods', () => isAt('1'));
    await until('the budget to allow one', async () => {
      const found = await get<PodDisruptionBudget & { status?: { disruptionsAllowed?: number } }>(
        RESOURCES.podDisruptionBudgets,
        'web',
      );
      return found?.status?.disruptionsAllowed === 1;
    });
    await patch(RESOURCES.deployments, 'web', { spec: { template: template('web', '2') } });
    await until('two new pods', () => isAt('2'));
    await until('the status to say so', async () => {
      const found = await get<Deployment>(RESOURCES.deployments, 'web');
      return found?.status?.conditions?.some(
        ({ type, status }) => type === 'Available' && status === 'True',
      );
    });
    await world.client.delete(
      RESOURCES.deployments,
      { namespace: NAMESPACE, name: 'web' },
      { propagationPolicy: 'Background' },
    );
    await until('its pods to be gone', async () => (await pods('web')).length === 0);
  });

  test('orphans stay, and the next owner of that selector adopts them', async () => {
    await world.client.create(RESOURCES.statefulSets, statefulSet('orphan', { replicas: 1 }));
    const [before] = (await settled('orphan', ['orphan-0'])) ?? [];
    await world.client.delete(
      RESOURCES.statefulSets,
      { namespace: NAMESPACE, name: 'orphan' },
      { propagationPolicy: 'Orphan' },
    );
    await world.gone(RESOURCES.statefulSets, 'orphan');
    await until(
      'the pod to have no owner',
      async () => ((await world.pod('orphan-0'))?.metadata.ownerReferences ?? []).length === 0,
    );
    await world.client.create(RESOURCES.statefulSets, statefulSet('orphan', { replicas: 1 }));
    await until(
      'the pod to be adopted',
      async () => (await world.pod('orphan-0'))?.metadata.ownerReferences?.[0]?.name === 'orphan',
    );
    assert.equal((await world.pod('orphan-0'))?.metadata.uid, before?.metadata.uid);
    await world.client.delete(RESOURCES.statefulSets, { namespace: NAMESPACE, name: 'orphan' });
    await world.gone(RESOURCES.pods, 'orphan-0');
  });

  batchBehaviour(() => world);

  test('a namespace takes everything in it along', async () => {
    const name = 'short-lived';
    await world.client.create<KubeResource>(RESOURCES.namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
    });
    await until(
      'its service account',
      async () =>
        (await world.client.get(RESOURCES.serviceAccounts, {
          namespace: name,
          name: 'default',
        })) !== undefined,
    );
    const set = statefulSet('inside', { replicas: 1 });
    await world.client.create(RESOURCES.statefulSets, {
      ...set,
      metadata: { ...set.metadata, namespace: name },
    });
    await until('its pod', async () => {
      const pod = await world.client.get<Pod>(RESOURCES.pods, {
        namespace: name,
        name: 'inside-0',
      });
      return pod !== undefined && isPodReady(pod);
    });
    await world.client.delete(RESOURCES.namespaces, { name });
    await until(
      'the namespace to be gone',
      async () => (await world.client.get(RESOURCES.namespaces, { name })) === undefined,
    );
    assert.deepEqual(world.cluster.podProcesses(name, 'inside-0'), []);
  });
}

describe('workloads on the embedded control plane', () => behaviour('embedded'));
describe(verifies('devcluster.controllers-real'), { skip }, () => behaviour('kubebuilder'));
