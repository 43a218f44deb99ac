/** Faults at the API server, a real one behind a spoiling proxy: the operator converges, doubles nothing, leaves nothing. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test, type TestContext } from 'node:test';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  RESOURCES,
  type KubeClient,
  type KubeConnection,
} from '../../src/kube/index.ts';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { countWrites, endpoints, isCalm, NAME, openBench } from './bench.ts';
import {
  PASS,
  startFaultyApi,
  type Asked,
  type Fate,
  type FaultyApi,
  type Plan,
} from './faulty-api.ts';
import { skip, startRealApi, userCluster, type RealApi } from './real-api.ts';

const PROGRAM = join(import.meta.dirname, '../../src/cli/main.ts');
/** How long an API server is away; the longest wait between two attempts of an informer is 30 s. */
const DOWN_MS = 60_000;
/** What a cluster is made of; one each. */
const KINDS = [
  RESOURCES.statefulSets,
  RESOURCES.services,
  RESOURCES.configMaps,
  RESOURCES.secrets,
  RESOURCES.endpointSlices,
  RESOURCES.podDisruptionBudgets,
  RESOURCES.serviceAccounts,
];

const isEvent = ({ path }: Asked): boolean => path.includes('/events');
const theFirst =
  (fate: Fate): Plan =>
  (asked) =>
    asked.before === 0 && !asked.isWatch ? fate : PASS;

interface Scenario {
  readonly name: string;
  readonly plan: Plan;
  readonly fates: readonly Fate['kind'][];
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a conflict on every write, once',
    plan: (asked) => (asked.isWrite && asked.before === 0 ? { kind: 'refuse', status: 409 } : PASS),
    fates: ['refuse'],
  },
  {
    name: '429 with Retry-After on every request, once',
    plan: theFirst({ kind: 'refuse', status: 429, retryAfterSeconds: 1 }),
    fates: ['refuse'],
  },
  {
    name: '500 on every request, once',
    plan: theFirst({ kind: 'refuse', status: 500 }),
    fates: ['refuse'],
  },
  {
    name: 'every write is done, and its first answer lost',
    plan: (asked) =>
      asked.isWrite && !isEvent(asked) && asked.before === 0 ? { kind: 'lose-answer' } : PASS,
    fates: ['lose-answer'],
  },
  {
    name: 'every watch is cut after a second',
    plan: ({ isWatch }) => (isWatch ? { kind: 'cut', afterMs: 1_000 } : PASS),
    fates: ['cut'],
  },
  {
    name: 'the first three watches of each kind begin with an expired version',
    plan: ({ isWatch, before: count }) => (isWatch && count < 3 ? { kind: 'expire' } : PASS),
    fates: ['expire'],
  },
];

void suite('operator at an API server with faults', { skip, concurrency: 8 }, () => {
  let api: RealApi;
  let upstream: KubeConnection;
  before(async () => {
    api = await startRealApi(true);
    upstream = await loadKubeConnection({ kubeconfig: api.plane.kubeconfig });
  });
  after(async () => {
    await upstream?.close();
    await api?.stop();
  });

  const behind = async (
    t: TestContext,
    plan: Plan,
  ): Promise<{ faulty: FaultyApi; client: KubeClient }> => {
    const faulty = await startFaultyApi(upstream, plan);
    const client = createKubeClient(faulty.connection, { clock, random, metrics: createMetrics() });
    t.after(() => faulty.stop());
    return { faulty, client };
  };

  for (const { name, plan, fates } of SCENARIOS) {
    test(`${verifies('operator.api-faults')} ${name}`, async (t) => {
      const { faulty, client } = await behind(t, plan);
      const b = await openBench(api, t, client);
      await b.create();
      await b.until('calm', isCalm, 60_000);
      await b.patch({ server: { image: 'docker.io/mcp/everything:2', port: 3001 } });
      await b.until(
        'calm with the new template',
        (cluster) => isCalm(cluster) && b.pods.started.length === 6,
        60_000,
      );
      for (const fate of fates) assert.ok((faulty.spoiled.get(fate) ?? 0) > 0, fate);
      await isOnceAndWhole(b, api);
      await b.api.client.delete(MCP_CLUSTERS, { namespace: b.namespace, name: NAME });
      await isEmpty(b.namespace, api);
    });
  }

  test(verifies('operator.api-stale-list'), async (t) => {
    const { faulty, client } = await behind(t, () => PASS);
    const b = await openBench(api, t, client);
    await b.create();
    await b.until('calm', isCalm);
    await b.operator.stop();
    await b.patch({ replicas: 5 });
    // The next operator's first lists are those from before the cluster was made.
    faulty.plan = ({ isWatch, isWrite, path }) =>
      isWatch || isWrite || !path.includes('limit=') ? PASS : { kind: 'stale' };
    let creations = 0;
    b.operator = await b.start(countWrites(client, () => void (creations += 1)));
    await b.until(
      'five',
      (cluster) => isCalm(cluster) && cluster.status?.readyReplicas === 5,
      60_000,
    );
    assert.ok((faulty.spoiled.get('stale') ?? 0) > 0);
    assert.ok(creations > 0);
    await isOnceAndWhole(b, api, 5);
  });

  test(verifies('operator.api-down'), { timeout: DOWN_MS + 120_000 }, async (t) => {
    const { faulty, client } = await behind(t, () => PASS);
    const b = await openBench(api, t, client);
    await b.create();
    const before = await b.until('calm', isCalm);
    await faulty.down();
    await b.patch({ server: { image: 'docker.io/mcp/everything:2', port: 3001 } });
    const { promise, resolve } = Promise.withResolvers<void>();
    // The length of the outage is what is tested, not a wait for something.
    setTimeout(resolve, DOWN_MS);
    await promise;
    assert.deepEqual(await endpoints(b), { 'tools-0': true, 'tools-1': true, 'tools-2': true });
    await faulty.up();
    const later = await b.until(
      'calm with the new template',
      (cluster) => isCalm(cluster) && b.pods.started.length === 6,
      60_000,
    );
    assert.equal(later.metadata.uid, before.metadata.uid);
    await isOnceAndWhole(b, api);
  });

  test(verifies('operator.one-leader-acts'), { timeout: 120_000 }, async (t) => {
    const namespace = await api.namespace('two-operators');
    const start = async () => {
      const { faulty } = await behind(t, () => PASS);
      return {
        faulty,
        child: startOperator(t, await kubeconfigOf(t, faulty.kubeconfig), namespace),
      };
    };
    const first = await start();
    await api.client.create(MCP_CLUSTERS, userCluster(namespace, NAME));
    await eventually('the first to act', () => actions(first.faulty, namespace).length > 5, 60_000);
    const second = await start();
    await eventually('the second to wait', () => second.faulty.asked('leases') > 1, 60_000);
    // It is stopped in the middle of its work, between one write and the next.
    const release = Promise.withResolvers<void>();
    first.faulty.plan = ({ isWrite, path }) =>
      isWrite && path.includes(namespace) && !/\/(leases|events)/.test(path)
        ? { kind: 'hold', until: release.promise }
        : PASS;
    const ref = { namespace, name: NAME };
    await api.client.patch(MCP_CLUSTERS, ref, { type: 'merge', body: { spec: { replicas: 5 } } });
    await eventually('the first to wait', () => first.faulty.holding() > 0);
    first.child.kill('SIGSTOP');
    await eventually(
      'the second to act',
      () => actions(second.faulty, namespace).length > 0,
      60_000,
    );
    const before = actions(first.faulty, namespace).length;
    const ended = once(first.child, 'exit');
    // What it waited for is there when it wakes.
    release.resolve();
    await eventually('the answer to be sent', () => first.faulty.holding() === 0);
    first.child.kill('SIGCONT');
    const [code] = (await ended) as [number | null];
    assert.notEqual(code, 0);
    assert.deepEqual(actions(first.faulty, namespace).slice(before), []);
  });
});

/** What was written into this namespace, events and the Lease aside. */
function actions({ writes }: FaultyApi, namespace: string): string[] {
  return writes.filter(
    (line) => line.includes(`/namespaces/${namespace}/`) && !line.includes('/events'),
  );
}

async function kubeconfigOf(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'operator-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'kubeconfig');
  await writeFile(path, text);
  return path;
}

function startOperator(t: TestContext, kubeconfig: string, namespace: string): ChildProcess {
  const flags = ['--kubeconfig', kubeconfig, '--watch-namespaces', namespace];
  const child = spawn(
    process.execPath,
    [PROGRAM, 'operator', ...flags, '--health-address', '127.0.0.1:0', '--serving-port', '0'],
    { stdio: 'ignore' },
  );
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function isOnceAndWhole(
  b: Awaited<ReturnType<typeof openBench>>,
  api: RealApi,
  pods = 3,
): Promise<void> {
  const { namespace } = b;
  const names: string[] = [];
  for (const type of KINDS) {
    const { items } = await api.client.list(type, { namespace });
    for (const { kind, metadata } of items) {
      if (
        metadata.ownerReferences?.some(
          (owner) => owner.controller === true && owner.kind === 'McpCluster',
        )
      )
        names.push(`${kind} ${metadata.name}`);
    }
  }
  assert.equal(new Set(names).size, names.length);
  const sets = names.filter((name) => name.startsWith('StatefulSet'));
  assert.deepEqual(sets, [`StatefulSet ${NAME}`], names.join(', '));
  assert.equal(Object.keys(await endpoints(b)).length, pods);
}

async function isEmpty(namespace: string, api: RealApi): Promise<void> {
  await eventually(
    'everything to be gone',
    async () => {
      for (const type of [...KINDS, RESOURCES.pods]) {
        const { items } = await api.client.list(type, { namespace });
        // What Kubernetes itself puts into every namespace stays.
        const ours = items.filter(({ metadata }) => metadata.name?.startsWith(NAME) === true);
        if (ours.length > 0) return false;
      }
      return true;
    },
    60_000,
  );
}
