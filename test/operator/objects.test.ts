/** What the objects, pods, events and status of a cluster are at a real API server, with its admission and its scheduler. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { systemClock as clock } from '../../src/host/index.ts';
import { RESOURCES, type KubeObject, type ResourceType } from '../../src/kube/index.ts';
import { MCP_CLUSTERS, PROMOTE_ANNOTATION } from '../../src/api/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { condition, events, is, isCalm, NAME, openBench, type Bench } from './bench.ts';
import { addNode, BENCH_TOLERATION, provision } from './fake-nodes.ts';
import { skip, startRealApi, type RealApi } from './real-api.ts';

void suite('objects of a cluster at a real API server', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(true);
  });
  after(() => api?.stop());

  const merge = (b: Bench, type: ResourceType, name: string, body: object) =>
    api.client.patch(type, { namespace: b.namespace, name }, { type: 'merge', body });

  test(verifies('operator.adopts-orphans'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    const { metadata } = await b.until('calm', isCalm);
    const owners = async (name: string) =>
      (await b.read(RESOURCES.configMaps, name))?.metadata.ownerReferences ?? [];
    await merge(b, RESOURCES.configMaps, 'tools-config', { metadata: { ownerReferences: null } });
    await eventually(
      'the orphan to be adopted',
      async () => (await owners('tools-config'))[0]?.uid === metadata.uid,
    );
    const stranger = { 'app.kubernetes.io/managed-by': 'somebody' };
    await merge(b, RESOURCES.services, NAME, {
      metadata: { ownerReferences: null, labels: stranger },
    });
    const refused = await b.until('a refusal', is('Reconciled', 'False'));
    assert.equal(condition(refused, 'Reconciled')?.reason, 'ForeignObject');
    assert.match(condition(refused, 'Reconciled')?.message ?? '', /Service tools belongs to/);
    const service = await b.read(RESOURCES.services, NAME);
    assert.deepEqual(service?.metadata.ownerReferences ?? [], [], 'it is left alone');
  });

  test(verifies('operator.inherited-metadata'), async (t) => {
    const b = await openBench(api, t);
    const inheritedMetadata = {
      labels: { team: 'search', 'mcpcluster.io/cluster': 'another' },
      annotations: { 'example.com/contact': 'on-call' },
    };
    await b.create({ inheritedMetadata });
    await b.until('calm', isCalm);
    const pods = b.pods.started.length;
    const kinds = [
      ...[RESOURCES.statefulSets, RESOURCES.services, RESOURCES.configMaps, RESOURCES.secrets],
      ...[RESOURCES.endpointSlices, RESOURCES.podDisruptionBudgets, RESOURCES.serviceAccounts],
      RESOURCES.networkPolicies,
    ];
    const ours = async (): Promise<readonly KubeObject[]> => {
      const labelSelector = `mcpcluster.io/cluster=${NAME}`;
      const scope = { namespace: b.namespace, labelSelector };
      const lists = await Promise.all(kinds.map((kind) => api.client.list(kind, scope)));
      // What the API server's own controllers make copies labels, not annotations.
      return lists
        .flatMap(({ items }) => items)
        .filter(({ metadata }) => metadata.ownerReferences?.[0]?.kind === 'McpCluster');
    };
    const objects = await ours();
    assert.ok(objects.length >= 9, objects.map(({ metadata }) => metadata.name).join());
    for (const { kind, metadata } of objects) {
      const { labels = {}, annotations = {}, name } = metadata;
      assert.equal(labels['team'], 'search', `${kind} ${name}`);
      assert.equal(annotations['example.com/contact'], 'on-call', `${kind} ${name}`);
    }
    await b.patch({ inheritedMetadata: { labels: { team: null }, annotations: null } });
    await eventually('them to be gone', async () =>
      (await ours())
        .filter(({ kind }) => kind !== 'Secret')
        .every(
          ({ metadata: { labels = {}, annotations = {} } }) =>
            labels['team'] === undefined && annotations['example.com/contact'] === undefined,
        ),
    );
    await b.until('calm', isCalm);
    assert.equal(b.pods.started.length, pods, 'no pod restarts for it');
  });

  test(verifies('operator.pod-template'), async (t) => {
    const b = await openBench(api, t);
    await b.create({
      podTemplate: {
        metadata: {
          labels: { team: 'search', 'mcpcluster.io/cluster': 'another' },
          annotations: { 'example.com/contact': 'on-call' },
        },
        nodeSelector: { disk: 'fast' },
        tolerations: [{ key: 'dedicated', operator: 'Exists' }],
        imagePullSecrets: [{ name: 'registry' }],
        volumes: [{ name: 'scratch', emptyDir: {} }],
      },
    });
    await b.until('calm', isCalm);
    const { metadata, spec } = (await b.read(RESOURCES.pods, 'tools-0')) as KubeObject & {
      spec: Record<string, unknown>;
    };
    assert.equal(metadata.labels?.['team'], 'search');
    assert.equal(metadata.labels['mcpcluster.io/cluster'], NAME, 'our own label stays');
    assert.equal(metadata.annotations?.['example.com/contact'], 'on-call');
    assert.deepEqual(spec['nodeSelector'], { disk: 'fast' });
    assert.deepEqual(spec['imagePullSecrets'], [{ name: 'registry' }]);
    assert.ok(JSON.stringify(spec['tolerations']).includes('"key":"dedicated"'));
    assert.ok(JSON.stringify(spec['volumes']).includes('"name":"scratch"'));
  });

  test(verifies('operator.restricted-pods'), async (t) => {
    const b = await openBench(api, t);
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    const body = { metadata: { labels } };
    await api.client.patch(RESOURCES.namespaces, { name: b.namespace }, { type: 'merge', body });
    const container = { name: 'any', image: 'any' };
    const careless: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: b.namespace, name: 'careless' },
      spec: { containers: [container] },
    };
    await assert.rejects(api.client.create(RESOURCES.pods, careless), /violates PodSecurity/);
    // A server with transport Stdio has one container more.
    await b.create({
      server: { image: 'docker.io/mcp/files', transport: 'Stdio', command: ['files'], port: 3001 },
    });
    await b.until('three pods', (cluster) => cluster.status?.readyReplicas === 3);
  });

  test(verifies('operator.version-skew'), async (t) => {
    const b = await openBench(api, t);
    for (const name of ['tools-0', 'tools-1', 'tools-2'])
      b.pods.overrides.set(name, { version: '0.4.0' });
    await b.operator.stop();
    const startAs = async (tag: string): Promise<void> => {
      await b.operator.stop();
      const options = { sidecarImage: `ghcr.io/mcp-cluster/mcp-cluster:${tag}` };
      b.operator = await b.start(api.client, undefined, options);
    };
    await startAs('0.4.0');
    await b.create();
    await b.until('calm', isCalm);
    b.pods.started.splice(0);
    await startAs('0.6.0');
    const kept = await b.until(
      'the rule',
      (cluster) => cluster.status?.members?.[2]?.blockedBy === 'version_skew',
    );
    const told = condition(kept, 'Progressing')?.message ?? '';
    assert.match(told, /0\.6\.0 is more than one minor version away.*one minor version at a time/);
    assert.deepEqual(b.pods.started, []);
    await startAs('0.5.0');
    await b.until('the update', (cluster) => b.pods.started.length === 3 && isCalm(cluster));
  });

  test(verifies('operator.events-counted'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    for (let round = 0; round < 2; round += 1) {
      b.pods.dead.add('tools-1');
      b.pods.tell();
      await b.until('the death', (cluster) => cluster.status?.members?.[1]?.health === 'Dead');
      b.pods.dead.delete('tools-1');
      b.pods.tell();
      await b.until('the return', isCalm);
    }
    const died = await eventually('the series', async () => {
      const { items } = await api.client.list(RESOURCES.events, { namespace: b.namespace });
      const found = items.filter(({ reason }) => reason === 'MemberDied');
      return found[0]?.['series'] !== undefined && found;
    });
    assert.equal(died.length, 1);
    const { series, reportingController } = died[0] as KubeObject & { series: { count: number } };
    assert.equal(series.count, 2);
    assert.equal(reportingController, 'mcpcluster.io/operator');
  });

  test(verifies('operator.leader-in-status'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    const first = await b.until('calm', isCalm);
    const since = Date.parse(first.status?.leaderSince ?? '');
    assert.ok(since <= Date.now(), `since ${first.status?.leaderSince}`);
    await eventually('another second', () => Date.now() >= since + 1000);
    b.pods.log.transfer('tools-0', 'tools-1', ['tools-0', 'tools-1', 'tools-2']);
    b.pods.tell();
    const next = await b.until('its leader', (cluster) => cluster.status?.leader === 'tools-1');
    assert.ok(Date.parse(next.status?.leaderSince ?? '') > since);
    b.pods.tell();
    await b.pods.asked(3);
    assert.equal((await b.cluster()).status?.leaderSince, next.status?.leaderSince);
  });

  test(verifies('operator.promote'), async (t) => {
    const targets: unknown[] = [];
    const b = await openBench(api, t, {
      ...api.client,
      apply(type, object, options) {
        if (options.subresource === 'status') targets.push(targetOf(object));
        return api.client.apply(type, object, options);
      },
    });
    await b.create();
    const { status } = await b.until('calm', isCalm);
    const ask = (text: string) =>
      merge(b, MCP_CLUSTERS, NAME, { metadata: { annotations: { [PROMOTE_ANNOTATION]: text } } });
    await ask(`${status?.term}:tools-2`);
    const done = await b.until('its leader', (cluster) => cluster.status?.leader === 'tools-2');
    await b.until('calm', isCalm);
    assert.deepEqual(b.pods.told, ['tools-0 lets tools-2 lead']);
    assert.ok(targets.includes('tools-2'), 'the status said who was to lead');
    assert.equal((await b.cluster()).status?.targetLeader, undefined);
    await ask(`${done.status?.term}:tools-9`);
    const refused = await b.until('the refusal', is('Reconciled', 'False'));
    assert.match(condition(refused, 'Reconciled')?.message ?? '', /tools-9 cannot lead/);
  });

  test(verifies('operator.clock-jumps'), async (t) => {
    const b = await openBench(api, t);
    // Certificates are looked at when the operator starts, and then now and then.
    const startAhead = async (aheadMs: number): Promise<void> => {
      await b.operator.stop();
      const jumped = { ...clock, wall: () => clock.wall() + aheadMs };
      b.operator = await b.start(api.client, undefined, { clock: jumped });
    };
    await b.create();
    await b.until('calm', isCalm);
    const authority = async (): Promise<Record<string, string>> =>
      (await b.read(RESOURCES.secrets, `${NAME}-ca`))?.['data'] as Record<string, string>;
    const first = await authority();
    await startAhead(4_000 * 86_400_000);
    await eventually(
      'an authority of another time',
      async () => (await authority())['ca.crt'] !== first['ca.crt'],
    );
    await startAhead(0);
    await b.patch({ sessions: { max: 77 } });
    await b.until('calm', isCalm);
    const keys = await authority();
    assert.equal(keys['previous.crt'], first['ca.crt'], 'the one that is valid is trusted');
    assert.equal(keys['previous.key'], first['ca.key'], 'and signs');
    assert.deepEqual(b.pods.started.length, 3, 'no pod was touched');
    assert.deepEqual(await events(b, 'Warning'), []);
  });

  test(verifies('operator.placement'), async (t) => {
    const b = await openBench(api, t);
    b.pods.onlyScheduled = true;
    const { client } = api;
    for (const zone of ['a', 'b', 'c']) await addNode(client, `${b.namespace}-${zone}`, zone);
    const tolerations = [BENCH_TOLERATION];
    await b.create({ podTemplate: { tolerations, antiAffinity: 'Required' } });
    for (const ordinal of [0, 1, 2]) await provision(client, b.namespace, `data-tools-${ordinal}`);
    await b.until('calm', isCalm);
    const nodes = async (): Promise<readonly (string | undefined)[]> => {
      const pods = await Promise.all([0, 1, 2, 3].map((n) => b.read(RESOURCES.pods, `tools-${n}`)));
      return pods.map((pod) => (pod?.['spec'] as { nodeName?: string } | undefined)?.nodeName);
    };
    assert.equal(new Set((await nodes()).slice(0, 3)).size, 3, 'one pod in each zone');
    await b.patch({ replicas: 4 });
    await provision(client, b.namespace, 'data-tools-3');
    const homeless = await eventually('the scheduler to give up', async () => {
      const pod = await b.read(RESOURCES.pods, 'tools-3');
      const { conditions = [] } = (pod?.['status'] ?? {}) as {
        conditions?: { type: string; message?: string }[];
      };
      // At first it may have looked before the claim had its volume.
      return conditions.some(({ message = '' }) => message.includes('anti-affinity')) && conditions;
    });
    // Only what lasts is a problem: half a minute, which is over when it began an hour ago.
    const lastTransitionTime = '2026-01-01T00:00:00Z';
    await api.client.patch(
      RESOURCES.pods,
      { namespace: b.namespace, name: 'tools-3' },
      {
        type: 'merge',
        subresource: 'status',
        body: { status: { conditions: homeless.map((each) => ({ ...each, lastTransitionTime })) } },
      },
    );
    const told = await b.until(
      'the report',
      (cluster) => condition(cluster, 'Degraded')?.reason === 'PodUnschedulable',
    );
    assert.match(condition(told, 'Degraded')?.message ?? '', /anti-affinity/);
    assert.equal(condition(told, 'Available')?.status, 'True');
    await addNode(client, `${b.namespace}-d`, 'a');
    await b.until('four', (cluster) => cluster.status?.readyReplicas === 4, 20_000);
    assert.equal((await nodes())[3], `${b.namespace}-d`);
  });
});

function targetOf(cluster: object): string | undefined {
  return (cluster as { status?: { targetLeader?: string } }).status?.targetLeader;
}
