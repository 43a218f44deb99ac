/** The operator against a real API server and real StatefulSets, with fake kubelet and sidecars. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { RESOURCES, type KubeObject } from '../../src/kube/index.ts';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { condition, countWrites, endpoints, events, is, isCalm, NAME, openBench } from './bench.ts';
import { skip, startRealApi, type RealApi } from './real-api.ts';

void suite('operator at a real API server', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(true);
  });
  after(() => api?.stop());

  test(verifies('operator.available'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    const cluster = await b.until('calm', isCalm);
    assert.equal(cluster.status?.phase, 'Running');
    assert.equal(cluster.status?.voters, 3);
    assert.equal(cluster.status?.leader, 'tools-0');
    assert.equal(cluster.status?.endpoint, `http://tools.${b.namespace}.svc:8080/mcp`);
    assert.deepEqual(
      cluster.status?.members?.map(({ name, role, ready }) => [name, role, ready]),
      [
        ['tools-0', 'Leader', true],
        ['tools-1', 'Follower', true],
        ['tools-2', 'Follower', true],
      ],
    );
    assert.deepEqual(await endpoints(b), { 'tools-0': true, 'tools-1': true, 'tools-2': true });
    const trust = await b.read(RESOURCES.configMaps, 'tools-trust');
    const data = trust?.['data'] as Record<string, string>;
    assert.deepEqual(Object.keys(data).sort(), ['ca.crt', 'cluster-id']);
    const config = (await b.read(RESOURCES.configMaps, 'tools-config'))?.['data'] as Record<
      string,
      string
    >;
    assert.deepEqual(JSON.parse(config['config.json'] ?? '').voters, [
      'tools-0',
      'tools-1',
      'tools-2',
    ]);
    await eventually('events', async () => (await events(b)).includes('BecameAvailable'));
    assert.deepEqual(await events(b, 'Warning'), []);
  });

  test(verifies('operator.quiet'), async (t) => {
    let writes = 0;
    const counting = countWrites(api.client, () => void (writes += 1));
    const b = await openBench(api, t, counting);
    await b.create();
    await b.until('calm', isCalm);
    await b.pods.settled();
    const before = writes;
    for (let round = 0; round < 3; round += 1) {
      b.pods.tell();
      await b.pods.asked(3);
    }
    assert.equal(writes, before);
  });

  test(verifies('operator.drift'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    const { namespace } = b;
    const { client } = api;
    const imageOf = (set: KubeObject | undefined): string | undefined =>
      (set?.['spec'] as Template | undefined)?.template.spec.containers[0]?.image;
    const image = imageOf(await b.read(RESOURCES.statefulSets, NAME));
    const pods = b.pods.started.length;
    // As `kubectl set image` does it.
    const containers = [{ name: 'server', image: 'docker.io/mcp/another' }];
    const edited = await client.patch<KubeObject>(
      RESOURCES.statefulSets,
      { namespace, name: NAME },
      { type: 'strategic', body: { spec: { template: { spec: { containers } } } } },
    );
    assert.equal(imageOf(edited), 'docker.io/mcp/another');
    await eventually(
      'the image',
      async () => imageOf(await b.read(RESOURCES.statefulSets, NAME)) === image,
    );
    await b.until('calm', isCalm);
    assert.equal(b.pods.started.length, pods, 'no pod was replaced for it');
    await client.delete(RESOURCES.services, { namespace, name: NAME });
    await client.delete(RESOURCES.endpointSlices, { namespace, name: `${NAME}-clients-ipv4` });
    await client.patch(
      RESOURCES.statefulSets,
      { namespace, name: NAME },
      {
        type: 'merge',
        body: { spec: { replicas: 1 } },
      },
    );
    await client.patch(
      RESOURCES.configMaps,
      { namespace, name: 'tools-config' },
      {
        type: 'merge',
        body: { data: { 'config.json': '{}' } },
      },
    );
    await eventually(
      'the Service',
      async () => (await b.read(RESOURCES.services, NAME)) !== undefined,
    );
    await eventually('the StatefulSet', async () => {
      const set = await b.read(RESOURCES.statefulSets, NAME);
      return replicasOf(set) === 3;
    });
    await eventually('the ConfigMap', async () => {
      const config = await b.read(RESOURCES.configMaps, 'tools-config');
      return dataOf(config)['config.json'] !== '{}';
    });
    // The StatefulSet controller may back off while the volumes of the removed pods are deleted.
    const isWhole = async () => Object.keys(await endpoints(b)).length === 3;
    await eventually('the EndpointSlice', isWhole, 30_000);
  });

  test(verifies('operator.foreign'), async (t) => {
    const b = await openBench(api, t);
    const foreign = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: b.namespace, name: 'tools-config' },
      data: { mine: 'yes' },
    };
    await api.client.create(RESOURCES.configMaps, foreign);
    await b.create();
    const cluster = await b.until('a refusal', is('Reconciled', 'False'));
    assert.equal(condition(cluster, 'Reconciled')?.reason, 'ForeignObject');
    assert.match(
      condition(cluster, 'Reconciled')?.message ?? '',
      /ConfigMap tools-config belongs to/,
    );
    assert.deepEqual((await b.read(RESOURCES.configMaps, 'tools-config'))?.['data'], {
      mine: 'yes',
    });
    await eventually('an event', async () => (await events(b)).includes('ForeignObject'));
  });

  test(verifies('operator.traffic'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    const diedAt = performance.now();
    b.pods.dead.add('tools-1');
    b.pods.tell();
    await eventually(
      'the dead pod to leave',
      async () => (await endpoints(b))['tools-1'] === false,
    );
    assert.ok(performance.now() - diedAt < 1000, `took ${performance.now() - diedAt} ms`);
    const cluster = await b.until('a report', is('Degraded'));
    assert.equal(condition(cluster, 'Degraded')?.reason, 'MemberDead');
    assert.equal(condition(cluster, 'Available')?.status, 'True');
    assert.equal(cluster.status?.members?.[1]?.health, 'Dead');
    b.pods.dead.delete('tools-1');
    b.pods.tell();
    await b.until('recovery', is('Degraded', 'False'));
    await eventually('events', async () => {
      const all = await events(b);
      return ['MemberDied', 'MemberReturned', 'Recovered'].every((reason) => all.includes(reason));
    });
  });

  test(verifies('operator.degraded'), async (t) => {
    const b = await openBench(api, t);
    b.pods.serverStatus.set('tools-2', {
      ready: false,
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } },
      lastState: {
        terminated: { exitCode: 1, reason: 'Error', message: 'starting\nError: no such tool\n' },
      },
    });
    b.pods.overrides.set('tools-2', { backend: { ready: false, problem: 'connection refused' } });
    await b.create();
    const cluster = await b.until(
      'Degraded, and Available all the same',
      (each) =>
        condition(each, 'Degraded')?.reason === 'ServerCrashing' &&
        each.status?.readyReplicas === 2,
    );
    const degraded = condition(cluster, 'Degraded');
    assert.equal(degraded?.reason, 'ServerCrashing');
    assert.match(
      degraded?.message ?? '',
      /tools-2: .*code 1, 3 restarts; last log line: Error: no such tool/,
    );
    assert.equal(cluster.status?.phase, 'Degraded');
    assert.deepEqual(await endpoints(b), { 'tools-0': true, 'tools-1': true, 'tools-2': false });
    await eventually('an event', async () => (await events(b)).includes('ServerCrashing'));
  });

  test(verifies('operator.rollout'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    await b.pods.settled();
    b.pods.started.splice(0);
    await b.patch({ server: { image: 'docker.io/mcp/everything:2', port: 3001 } });
    const done = await b.until(
      'the rollout',
      (cluster) => b.pods.started.length === 3 && is('Progressing', 'False')(cluster),
    );
    assert.deepEqual(b.pods.started, ['tools-2', 'tools-1', 'tools-0'], 'the leader comes last');
    assert.equal(b.pods.leastAlive(), 2, 'one pod at a time');
    assert.equal(condition(done, 'Available')?.status, 'True');
  });

  test(verifies('operator.bad-template'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    await b.pods.settled();
    b.pods.started.splice(0);
    b.pods.overrides.set('tools-2', { backend: { ready: false, problem: 'no answer' } });
    await b.patch({ server: { image: 'docker.io/mcp/everything:bad', port: 3001 } });
    const stuck = await b.until(
      'the rule that blocks',
      (cluster) => cluster.status?.members?.[1]?.blockedBy === 'updated_pods_ready',
    );
    assert.equal(condition(stuck, 'Available')?.status, 'True');
    await b.until('the report', (cluster) => cluster.status?.members?.[2]?.message === 'no answer');
    assert.deepEqual(b.pods.started, ['tools-2']);
    b.pods.overrides.clear();
    await b.patch({ server: { image: 'docker.io/mcp/everything', port: 3001 } });
    await b.until(
      'the way back',
      (cluster) => is('Progressing', 'False')(cluster) && cluster.status?.phase === 'Running',
    );
    assert.deepEqual([...new Set(b.pods.started)], ['tools-2']);
  });

  test(verifies('operator.config-hash'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    b.pods.started.splice(0);
    await b.patch({ sessions: { max: 77 } });
    await eventually('the configuration', () =>
      b.pods.configurations.some(({ config }) => JSON.parse(config).sessions.max === 77),
    );
    await b.until('calm', isCalm);
    assert.deepEqual(b.pods.started, []);
  });

  test(verifies('operator.paused'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    await b.patch({ paused: true, replicas: 4 });
    const paused = await b.until('Paused', (cluster) => cluster.status?.phase === 'Paused');
    assert.equal(condition(paused, 'Reconciled')?.reason, 'Paused');
    await api.client.delete(RESOURCES.podDisruptionBudgets, { namespace: b.namespace, name: NAME });
    await b.patch({ paused: false });
    await b.until('four pods', (cluster) => cluster.status?.readyReplicas === 4);
    assert.notEqual(await b.read(RESOURCES.podDisruptionBudgets, NAME), undefined);
  });

  test(verifies('operator.delete'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    await api.client.delete(MCP_CLUSTERS, { namespace: b.namespace, name: NAME });
    const left = async (): Promise<string[]> => {
      const lists = await Promise.all(
        [
          RESOURCES.statefulSets,
          RESOURCES.services,
          RESOURCES.configMaps,
          RESOURCES.secrets,
          RESOURCES.endpointSlices,
          RESOURCES.podDisruptionBudgets,
          RESOURCES.serviceAccounts,
          RESOURCES.pods,
          RESOURCES.persistentVolumeClaims,
        ].map((type) => api.client.list(type, { namespace: b.namespace })),
      );
      return lists
        .flatMap(({ items }) => items.map(({ kind, metadata }) => `${kind} ${metadata.name}`))
        .filter((name) => name.includes(` ${NAME}`) || name.includes(`data-${NAME}`));
    };
    assert.ok((await left()).some((name) => name.endsWith(`data-${NAME}-0`)));
    // The garbage collector looks for new definitions every 30 seconds only.
    await eventually('everything to go', async () => (await left()).length === 0, 45_000).catch(
      async () => assert.deepEqual(await left(), []),
    );
  });
});

interface Template {
  readonly template: { readonly spec: { readonly containers: readonly { image: string }[] } };
}

function replicasOf(set: KubeObject | undefined): number | undefined {
  return (set?.['spec'] as { replicas?: number } | undefined)?.replicas;
}

function dataOf(object: KubeObject | undefined): Record<string, string> {
  return (object?.['data'] ?? {}) as Record<string, string>;
}
