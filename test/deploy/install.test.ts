/** The chart's life with the real helm at a real API server and at the laptop cluster's: install, upgrade, rollback, uninstall. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { dump, loadAll } from 'js-yaml';
import { chartFolder, findHelm, helm, NAMESPACE, renderChart } from '../../deploy/helm.ts';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  RESOURCES,
  type KubeClient,
  type KubeObject,
} from '../../src/kube/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { startServer } from '../devcluster/apiserver/fixture.ts';
import { createKubectl, findKubectl } from '../e2e/kubectl.ts';
import { eventually } from '../eventually.ts';
import { readCluster, skip, startRealApi, type RealApi } from '../operator/real-api.ts';
import { verifies } from '../requirements.ts';

const program = findHelm() ?? '';
const noHelm = program === '' ? 'no helm in $HELM, $KUBEBUILDER_ASSETS or $PATH' : false;
const RELEASE = 'mcp-cluster-operator';
const CRD = 'mcpclusters.mcpcluster.io';

interface Target {
  readonly client: KubeClient;
  readonly kubeconfig: string;
}

interface OperatorDeployment extends KubeObject {
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly metadata: object;
      readonly spec: { readonly containers: [{ readonly args: string[] }] };
    };
  };
}

const deploymentOf = (client: KubeClient) =>
  client.get<OperatorDeployment>(RESOURCES.deployments, { namespace: NAMESPACE, name: RELEASE });

/** Everything somebody does with a release, in order; `installFlags` go to the first install. */
async function liveThrough({ client, kubeconfig }: Target, installFlags: string[]): Promise<void> {
  const run = (...args: string[]): Promise<string> =>
    helm(program, [...args, '--namespace', NAMESPACE], { KUBECONFIG: kubeconfig });
  const shape = async () => {
    const { replicas, template } =
      (await deploymentOf(client))?.spec ?? assert.fail('no Deployment');
    const level = template.spec.containers[0].args.find((arg) => arg.startsWith('--log-level'));
    const budget = { namespace: NAMESPACE, name: RELEASE };
    const hasBudget = (await client.get(RESOURCES.podDisruptionBudgets, budget)) !== undefined;
    return { replicas, level, hasBudget };
  };
  const small = { replicas: 1, level: '--log-level=info', hasBudget: false };

  const notes = await run('install', RELEASE, chartFolder, ...installFlags);
  assert.deepEqual(await shape(), small);
  // What the notes say to do next is done.
  const [, sample = ''] = /<<'END'\n([\s\S]*?)\nEND\n/.exec(notes) ?? assert.fail(notes);
  const [cluster] = loadAll(sample) as [KubeObject];
  const { name } = cluster.metadata as { name: string };
  await eventually('the definition to be served', () =>
    client.create(MCP_CLUSTERS, {
      ...cluster,
      metadata: { ...cluster.metadata, namespace: 'default' },
    }),
  );

  await run('upgrade', RELEASE, chartFolder, '--set', 'replicas=2', '--set', 'logLevel=debug');
  assert.deepEqual(await shape(), { replicas: 2, level: '--log-level=debug', hasBudget: true });
  await assert.rejects(run('upgrade', RELEASE, chartFolder, '--set', 'replicas=0'), /minimum/);
  await run('rollback', RELEASE, '1');
  assert.deepEqual(await shape(), small);
  const history = JSON.parse(await run('history', RELEASE, '--output', 'json')) as {
    revision: number;
    status: string;
  }[];
  assert.deepEqual(
    history.map(({ revision, status }) => `${revision} ${status}`),
    ['1 superseded', '2 superseded', '3 deployed'],
  );

  await run('uninstall', RELEASE);
  assert.equal(await deploymentOf(client), undefined);
  const definition = await client.get(RESOURCES.customResourceDefinitions, { name: CRD });
  assert.equal(definition?.metadata.deletionTimestamp, undefined);
  const kept = await readCluster(client, 'default', name);
  assert.equal(kept.metadata.deletionTimestamp, undefined);
  // The kept definition belongs to nobody else: the same release comes back without more ado.
  await run('install', RELEASE, chartFolder);
  assert.deepEqual(await shape(), small);
  assert.equal((await readCluster(client, 'default', name)).metadata.uid, kept.metadata.uid);
}

const restricted = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
});

void suite('chart at a real API server', { skip: skip || noHelm }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(false);
    await api.client.create(RESOURCES.namespaces, restricted(NAMESPACE));
    for (const name of ['team-a', 'team-b']) await api.namespace(name);
  });
  after(() => api?.stop());

  test(verifies('chart.life'), async () => {
    const { kubeconfig } = api.plane;
    // Here somebody has applied crds/ by hand before.
    const first = helm(program, ['install', RELEASE, chartFolder, '--namespace', NAMESPACE], {
      KUBECONFIG: kubeconfig,
    });
    await assert.rejects(first, /invalid ownership metadata/);
    await liveThrough({ client: api.client, kubeconfig }, ['--take-ownership']);
  });

  test(verifies('chart.restricted'), async () => {
    const { metadata, spec } = (await deploymentOf(api.client))?.spec.template ?? assert.fail();
    const pod = (more: object) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name: 'operator', namespace: NAMESPACE },
      spec: { ...spec, ...more },
    });
    await api.client.create(RESOURCES.pods, pod({}), { dryRun: true });
    const onHost = api.client.create(RESOURCES.pods, pod({ hostNetwork: true }), { dryRun: true });
    await assert.rejects(onHost, /violates PodSecurity "restricted/);
  });

  test(verifies('chart.accepted'), async () => {
    for (const kind of ['PodMonitor', 'ServiceMonitor', 'PrometheusRule']) {
      await api.client.create(RESOURCES.customResourceDefinitions, monitoringDefinition(kind));
    }
    const kubectl = createKubectl(findKubectl() ?? 'kubectl', api.plane.kubeconfig);
    const folder = join(chartFolder, 'ci');
    const documents: string[] = [];
    for (const file of readdirSync(folder)) {
      const values = ['-f', join(folder, file)];
      // The same large definition each time, and `chart.life` has installed it.
      const rendered = await renderChart(program, [...values, '--set', 'crds.enabled=false']);
      documents.push(...rendered.map((object) => dump(object)));
    }
    await eventually('the kinds of Prometheus Operator to be served', async () => {
      const { code } = await kubectl.run('get prometheusrules,podmonitors,servicemonitors');
      return code === 0;
    });
    const said = await kubectl(
      'apply --server-side --force-conflicts --dry-run=server --validate=strict -f -',
      { input: documents.join('---\n') },
    );
    assert.equal(said.trim().split('\n').length, documents.length, said);
  });
});

/** A kind of Prometheus Operator as far as an API server must know it. */
function monitoringDefinition(kind: string): KubeObject & { readonly spec: object } {
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  const names = { kind, plural, singular, listKind: `${kind}List` };
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.monitoring.coreos.com` },
    spec: { group: 'monitoring.coreos.com', scope: 'Namespaced', names, versions: [version] },
  };
}

void suite('chart at the laptop cluster', { skip: noHelm }, () => {
  test(verifies('chart.life'), async (t) => {
    const { kubeconfig } = await startServer(t);
    const connection = await loadKubeConnection({ kubeconfig });
    const client = createKubeClient(connection, { clock, random, metrics: createMetrics() });
    t.after(() => client.close());
    await liveThrough({ client, kubeconfig }, ['--create-namespace']);
  });
});
