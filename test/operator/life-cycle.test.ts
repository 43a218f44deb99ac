/** What people ask of a running cluster: approval, fences, sleep, windows, room, evictions; at a real API server. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  RESOURCES,
  type KubeObject,
} from '../../src/kube/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { condition, endpoints, events, is, isCalm, NAME, openBench, type Bench } from './bench.ts';
import { dyingWithoutStatefulSet, telling } from './clients.ts';
import { skip, startRealApi, type RealApi } from './real-api.ts';

const changedImage = (tag: string) => ({
  server: { image: `docker.io/mcp/everything:${tag}`, port: 3001 },
});

void suite('life of a cluster at a real API server', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(true);
  });
  after(() => api?.stop());

  const annotate = (b: Bench, annotations: Record<string, string>) =>
    api.client.patch(
      MCP_CLUSTERS,
      { namespace: b.namespace, name: NAME },
      { type: 'merge', body: { metadata: { annotations } } },
    );

  test(verifies('operator.hand-over'), async (t) => {
    const lines: string[] = [];
    const b = await openBench(api, t, telling(api.client, lines));
    await b.create();
    await b.until('calm', isCalm);
    lines.splice(0);
    await b.patch(changedImage('2'));
    await b.until(
      'the rollout',
      (cluster) => b.pods.started.length === 6 && is('Progressing', 'False')(cluster),
    );
    assert.match(
      b.pods.told.filter((each) => !each.includes('takes sessions')).join(', '),
      // Either of them has the new template; which one is taken depends on who has caught up first.
      /^tools-2 drains, tools-1 drains, tools-0 lets tools-[12] lead, tools-0 drains$/,
    );
    for (const pod of ['tools-2', 'tools-1', 'tools-0']) {
      const before = lines.slice(0, lines.indexOf(`delete ${pod}`));
      const clients = before.findLast((line) => line.startsWith('clients ')) ?? '';
      assert.ok(clients !== '' && !clients.includes(pod), `${pod} goes after ${clients}`);
    }
    const told = await events(b);
    assert.ok(told.includes('MovingLeadership') && told.includes('UpdateBlocked'));
    assert.deepEqual(await events(b, 'Warning'), []);
  });

  test(verifies('operator.supervised'), async (t) => {
    const b = await openBench(api, t);
    await b.create({ update: { mode: 'Supervised' } });
    await b.until('calm', isCalm);
    b.pods.started.splice(0);
    await b.patch(changedImage('2'));
    const waiting = await b.until(
      'the stop before the leader',
      (cluster) => condition(cluster, 'Progressing')?.reason === 'WaitingForApproval',
    );
    assert.deepEqual(b.pods.started, ['tools-2', 'tools-1']);
    assert.equal(waiting.status?.members?.[0]?.blockedBy, 'approval');
    const command = /mcpcluster\.io\/approve-update=(\S+)$/;
    const revision = command.exec(condition(waiting, 'Progressing')?.message ?? '')?.[1] ?? '';
    await annotate(b, { 'mcpcluster.io/approve-update': 'tools-of-another-time' });
    b.pods.tell();
    await b.pods.asked(6);
    assert.deepEqual(b.pods.started, ['tools-2', 'tools-1'], 'another revision approves nothing');
    await annotate(b, { 'mcpcluster.io/approve-update': revision });
    await b.until('the rest', isCalm);
    assert.deepEqual(b.pods.started, ['tools-2', 'tools-1', 'tools-0']);
  });

  test(verifies('operator.maintenance-window'), async (t) => {
    const b = await openBench(api, t);
    const opens = new Date(Date.now() + 48 * 3_600_000);
    const schedule = `0 0 ${opens.getUTCDate()} ${opens.getUTCMonth() + 1} *`;
    await b.create({ update: { maintenanceWindow: { schedule } } });
    await b.until('calm', isCalm);
    b.pods.started.splice(0);
    b.pods.overrides.set('tools-1', { backend: { ready: false, problem: 'no answer' } });
    b.pods.tell();
    await b.until('the problem', is('Degraded'));
    await b.patch(changedImage('2'));
    await eventually('the broken pod to be replaced', () => b.pods.started.length === 1);
    b.pods.overrides.clear();
    b.pods.tell();
    const waiting = await b.until(
      'the others to wait',
      (cluster) => condition(cluster, 'Progressing')?.reason === 'WaitingForWindow',
    );
    assert.deepEqual(b.pods.started, ['tools-1']);
    assert.equal(waiting.status?.members?.[2]?.blockedBy, 'maintenance_window');
    assert.equal(
      waiting.status.nextMaintenanceWindow?.slice(0, 10),
      opens.toISOString().slice(0, 10),
    );
    await b.patch({ update: { maintenanceWindow: { schedule: '0 0 31 2 *' } } });
    const wrong = await b.until('the report', is('Reconciled', 'False'));
    assert.equal(condition(wrong, 'Reconciled')?.reason, 'ScheduleUnusable');
    await b.patch({ update: { maintenanceWindow: null } });
    await b.until('the rest', isCalm);
    assert.deepEqual(b.pods.started, ['tools-1', 'tools-2', 'tools-0']);
  });

  test(verifies('operator.fenced'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    await b.patch({ fencedMembers: ['tools-1'] });
    const fenced = await b.until(
      'the fence',
      (cluster) => cluster.status?.members?.[1]?.cordon === 'Fenced',
    );
    assert.deepEqual(await endpoints(b), { 'tools-0': true, 'tools-1': false, 'tools-2': true });
    const calm = await b.until('calm all the same', isCalm);
    assert.equal(calm.status?.readyReplicas, 2);
    assert.equal(fenced.status?.members?.[1]?.ready, false);
    b.pods.started.splice(0);
    await b.patch(changedImage('2'));
    await b.until('a rollout', (cluster) => b.pods.started.length === 3 && isCalm(cluster));
    await b.patch({ fencedMembers: [] });
    await b.until('three', (cluster) => cluster.status?.readyReplicas === 3);
    assert.deepEqual(await endpoints(b), { 'tools-0': true, 'tools-1': true, 'tools-2': true });
  });

  test(verifies('operator.hibernated'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    const claims = async (): Promise<string[]> => {
      const scope = { namespace: b.namespace };
      const { items } = await api.client.list(RESOURCES.persistentVolumeClaims, scope);
      return items.map(({ metadata }) => `${metadata.name} ${metadata.uid}`).sort();
    };
    const volumes = await claims();
    assert.equal(volumes.length, 3);
    await b.patch({ hibernated: true });
    const asleep = await b.until('sleep', (cluster) => cluster.status?.replicas === 0);
    assert.equal(asleep.status?.phase, 'Hibernated');
    assert.equal(condition(asleep, 'Available')?.reason, 'Hibernated');
    assert.deepEqual(await claims(), volumes);
    assert.deepEqual(await events(b, 'Warning'), []);
    b.pods.started.splice(0);
    await b.patch({ hibernated: false });
    await b.until('all of it to be back', isCalm);
    assert.deepEqual(b.pods.started.toSorted(), ['tools-0', 'tools-1', 'tools-2']);
    assert.deepEqual(await claims(), volumes);
  });

  test(verifies('operator.volumes-grow'), async (t) => {
    const died = Promise.withResolvers<void>();
    const b = await openBench(api, t, dyingWithoutStatefulSet(api.client, died.resolve));
    const storageClassName = `roomy-${b.namespace}`;
    await api.client.create(RESOURCES.storageClasses, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: storageClassName },
      provisioner: 'example.com/none',
      allowVolumeExpansion: true,
    });
    await b.create({ storage: { storageClassName } });
    await b.until('calm', isCalm);
    const pods = b.pods.started.length;
    const before = await b.read(RESOURCES.statefulSets, NAME);
    for (const ordinal of [0, 1, 2]) await bind(b, `data-${NAME}-${ordinal}`, '1Gi');
    await b.patch({ storage: { size: '2Gi' } });
    await died.promise;
    await eventually(
      'the StatefulSet to be gone',
      async () =>
        (await b.read(RESOURCES.statefulSets, NAME))?.metadata.uid !== before?.metadata.uid,
    );
    await b.operator.stop();
    b.operator = await b.start(api.client);
    const growing = await b.until(
      'the report',
      (cluster) => condition(cluster, 'Progressing')?.reason === 'GrowingVolumes',
    );
    assert.equal(condition(growing, 'Available')?.status, 'True');
    for (const ordinal of [0, 1, 2]) {
      const claim = await b.read(RESOURCES.persistentVolumeClaims, `data-${NAME}-${ordinal}`);
      assert.equal(requested(claim), '2Gi');
      await bind(b, `data-${NAME}-${ordinal}`, '2Gi');
    }
    const after = await eventually('the StatefulSet', async () => {
      const set = await b.read(RESOURCES.statefulSets, NAME);
      return set !== undefined && set.metadata.uid !== before?.metadata.uid && set;
    });
    const { volumeClaimTemplates } = after['spec'] as { volumeClaimTemplates: KubeObject[] };
    assert.equal(requested(volumeClaimTemplates[0]), '2Gi');
    await b.until('calm', isCalm);
    assert.equal(b.pods.started.length, pods, 'no pod was made anew');
    assert.deepEqual(await endpoints(b), { 'tools-0': true, 'tools-1': true, 'tools-2': true });
  });

  test('a volume whose class cannot grow is reported, and the rest of the spec goes on', async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    for (const ordinal of [0, 1, 2]) await bind(b, `data-${NAME}-${ordinal}`, '1Gi');
    await b.patch({ storage: { size: '2Gi' } });
    const refused = await b.until('the report', is('Reconciled', 'False'));
    assert.equal(condition(refused, 'Reconciled')?.reason, 'VolumeNotExpandable');
    assert.match(
      condition(refused, 'Reconciled')?.message ?? '',
      /spec.storage.size: data-tools-0: /,
    );
    b.pods.started.splice(0);
    await b.patch(changedImage('2'));
    await eventually('the rollout', () => b.pods.started.length === 3, 20_000);
  });

  test(verifies('operator.eviction-quorum'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    // The client of the operator would ask again and again.
    const connection = await loadKubeConnection({ kubeconfig: api.plane.kubeconfig });
    const metrics = createMetrics();
    const once = createKubeClient(connection, { clock, random, metrics, retriesMax: 0 });
    t.after(() => once.close());
    const evict = (name: string): Promise<string> =>
      once.raw('POST', `/api/v1/namespaces/${b.namespace}/pods/${name}/eviction`, {
        body: {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name, namespace: b.namespace },
        },
      });
    /** As the controller counts for the budget as it is now, once that asks for `maxUnavailable`. */
    const allowed = async (maxUnavailable: number): Promise<number | undefined> => {
      const budget = await b.read(RESOURCES.podDisruptionBudgets, NAME);
      const { spec, status } = (budget ?? {}) as {
        spec?: { maxUnavailable?: number };
        status?: { disruptionsAllowed?: number; observedGeneration?: number };
      };
      const isCounted = status?.observedGeneration === budget?.metadata.generation;
      return isCounted && spec?.maxUnavailable === maxUnavailable
        ? status?.disruptionsAllowed
        : undefined;
    };
    await eventually('one to be allowed', async () => (await allowed(1)) === 1);
    await evict('tools-2');
    await assert.rejects(evict('tools-1'), { status: 429 });
    await b.until('the pod to be back', isCalm);
    // It is ready for Kubernetes, but does not follow: no other may go.
    b.pods.overrides.set('tools-2', { leaderId: '' });
    b.pods.tell();
    await eventually('none to be allowed', async () => (await allowed(0)) === 0);
    await assert.rejects(evict('tools-1'), { status: 429 });
  });

  test(verifies('operator.lost-node'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    b.pods.started.splice(0);
    const ref = { namespace: b.namespace, name: 'tools-1' };
    // A finalizer keeps the pod as a node that does not answer does.
    const hold = (finalizers: readonly string[]) =>
      api.client.patch(RESOURCES.pods, ref, { type: 'merge', body: { metadata: { finalizers } } });
    await hold(['example.com/node-is-gone']);
    const members = ['tools-0', 'tools-1', 'tools-2'].map((id) => ({
      ...{ id, state: id === 'tools-1' ? 'dead' : 'alive', leased: true },
    }));
    b.pods.dead.add('tools-1');
    for (const name of ['tools-0', 'tools-2']) b.pods.overrides.set(name, { members });
    await api.client.delete(RESOURCES.pods, ref, { gracePeriodSeconds: 0 });
    await b.until('the report', (cluster) => condition(cluster, 'Degraded')?.reason === 'PodStuck');
    const forced = async () => (await events(b)).includes('ForceDeletedPod');
    assert.equal(await forced(), false, 'it may still own sessions');
    const fenced = members.map((member) => ({ ...member, leased: member.id !== 'tools-1' }));
    for (const name of ['tools-0', 'tools-2']) b.pods.overrides.set(name, { members: fenced });
    b.pods.tell();
    await eventually('the deletion by force', forced);
    await hold([]);
    await eventually('the pod to be made anew', () => b.pods.started.includes('tools-1'));
    b.pods.overrides.clear();
    await b.until('calm', isCalm);
  });

  test(verifies('api.scale'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    const ref = { namespace: b.namespace, name: NAME };
    const scale = await api.client.get(MCP_CLUSTERS, ref, { subresource: 'scale' });
    const { replicas, selector = '' } = (scale?.['status'] ?? {}) as {
      replicas?: number;
      selector?: string;
    };
    assert.equal(replicas, 3);
    const { items } = await api.client.list(RESOURCES.pods, {
      namespace: b.namespace,
      labelSelector: selector,
    });
    assert.equal(items.length, 3);
    await api.client.patch(MCP_CLUSTERS, ref, {
      type: 'merge',
      body: { spec: { replicas: 4 } },
      subresource: 'scale',
    });
    await b.until('four', (cluster) => cluster.status?.readyReplicas === 4);
  });

  test(verifies('operator.secrets-return'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    const pods = b.pods.started.length;
    const trusted = async (): Promise<string> =>
      dataOf(await b.read(RESOURCES.configMaps, `${NAME}-trust`))['ca.crt'] ?? '';
    const before = await trusted();
    await api.client.delete(RESOURCES.secrets, { namespace: b.namespace, name: `${NAME}-ca` });
    await b.operator.stop();
    b.operator = await b.start(api.client);
    await eventually('another authority', async () => (await trusted()) !== before);
    assert.ok((await trusted()).endsWith(before), 'what running members have stays accepted');
    assert.notEqual(await b.read(RESOURCES.secrets, `${NAME}-ca`), undefined);
    await b.until('calm', isCalm);
    assert.equal(b.pods.started.length, pods);
  });

  test(verifies('operator.retention'), async (t) => {
    const b = await openBench(api, t);
    await b.create({ storage: { retention: { whenDeleted: 'Retain' } } });
    await b.until('calm', isCalm);
    const claims = async (): Promise<string[]> => {
      const scope = { namespace: b.namespace };
      const { items } = await api.client.list(RESOURCES.persistentVolumeClaims, scope);
      return items.map(({ metadata }) => `${metadata.name} ${metadata.deletionTimestamp ?? ''}`);
    };
    const before = await claims();
    await api.client.delete(MCP_CLUSTERS, { namespace: b.namespace, name: NAME });
    const isGone = async () => (await b.read(RESOURCES.statefulSets, NAME)) === undefined;
    // The garbage collector looks for new definitions every 30 seconds only.
    await eventually('the StatefulSet to be gone', isGone, 45_000);
    assert.equal(before.length, 3);
    assert.deepEqual(await claims(), before);
  });
});

function requested(claim: KubeObject | undefined): string | undefined {
  const spec = claim?.['spec'] as { resources: { requests: { storage: string } } } | undefined;
  return spec?.resources.requests.storage;
}

function dataOf(object: KubeObject | undefined): Record<string, string> {
  return (object?.['data'] ?? {}) as Record<string, string>;
}

/** What a provisioner does: a volume of so much for the claim. */
async function bind(b: Bench, name: string, storage: string): Promise<void> {
  const ref = { namespace: b.namespace, name };
  const claim = await b.read(RESOURCES.persistentVolumeClaims, name);
  const spec = claim?.['spec'] as { volumeName?: string } | undefined;
  if (spec?.volumeName === undefined) {
    const body = { spec: { volumeName: `pv-${b.namespace}-${name}` } };
    await b.api.client.patch(RESOURCES.persistentVolumeClaims, ref, { type: 'merge', body });
  }
  await b.api.client.patch(RESOURCES.persistentVolumeClaims, ref, {
    type: 'merge',
    body: { status: { phase: 'Bound', capacity: { storage } } },
    subresource: 'status',
  });
}
