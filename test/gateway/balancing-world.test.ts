/** Balancing, ejection and breakers between real gateways. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { DEFAULT_POLICIES, type GatewayPolicies } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { INITIALIZE, openRaw, post, type RawAnswer } from './client.ts';
import { startStub, type StubOptions, type StubServer } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

interface Setting {
  readonly world: World;
  readonly stubs: readonly StubServer[];
}

/** Three pods; `stub` says how the server of each behaves. */
async function setUp(
  t: TestContext,
  policies: GatewayPolicies,
  stub: (index: number) => StubOptions = () => ({}),
): Promise<Setting> {
  const stubs = await Promise.all([0, 1, 2].map((index) => startStub(stub(index))));
  const world = await startWorld({ backends: stubs.map(({ port }) => port), config: { policies } });
  t.after(async () => {
    await world.stop();
    await Promise.all(stubs.map((each) => each.stop()));
  });
  return { world, stubs };
}

const withHealth = (
  circuitBreaker: Partial<GatewayPolicies['health']['circuitBreaker']>,
  outlierDetection: Partial<GatewayPolicies['health']['outlierDetection']> = {},
): GatewayPolicies => {
  const { health } = DEFAULT_POLICIES;
  return {
    ...DEFAULT_POLICIES,
    health: {
      ...health,
      circuitBreaker: { ...health.circuitBreaker, ...circuitBreaker },
      outlierDetection: { ...health.outlierDetection, ...outlierDetection },
    },
  };
};
const withBalancing = (
  loadBalancing: Partial<GatewayPolicies['loadBalancing']>,
): GatewayPolicies => ({
  ...DEFAULT_POLICIES,
  loadBalancing: { ...DEFAULT_POLICIES.loadBalancing, ...loadBalancing },
});
/** Opens sessions through one pod; the owners of them. */
async function open(world: World, through: number, count: number): Promise<string[]> {
  const owners: string[] = [];
  for (let session = 0; session < count; session++) {
    const headers = await openRaw(world.pod(through).url);
    owners.push((await world.ownerOf(headers['mcp-session-id'])).node);
  }
  return owners;
}
type SessionHeaders = Awaited<ReturnType<typeof openRaw>>;
async function sessionAt(world: World, node: string): Promise<SessionHeaders> {
  for (let tries = 0; tries < 20; tries++) {
    const headers = await openRaw(world.pod(1).url);
    if ((await world.ownerOf(headers['mcp-session-id'])).node === node) return headers;
  }
  return assert.fail(`no session at ${node}`);
}
let nextId = 1;
const callTool = (world: World, headers: SessionHeaders, name: string): Promise<RawAnswer> =>
  post(
    world.pod(1).url,
    { jsonrpc: '2.0', id: nextId++, method: 'tools/call', params: { name, arguments: {} } },
    headers,
  );
/** A server whose tool `bad` fails while `broken` says so. */
const failing = (broken: () => boolean): StubOptions => ({
  onCall({ message, response }) {
    const { name } = (message.params ?? {}) as { name?: string };
    if (message.method !== 'tools/call' || name !== 'bad' || !broken()) return false;
    response.writeHead(500).end('broken');
    return true;
  },
});

test(verifies('balancing.new-sessions'), async (t) => {
  const { world } = await setUp(t, withBalancing({ strategy: 'RoundRobin' }));
  assert.equal(new Set(await open(world, 0, 6)).size, 3, 'each in turn');
  world.pod(2).belief.told = { ready: false };
  world.announce();
  assert.ok(!(await open(world, 0, 6)).includes('pod-2'), 'not ready: it catches up, or is fenced');
  world.pod(2).belief.told = {};
  world.pod(1).belief.leaseValid = false;
  world.announce();
  assert.ok(
    !(await open(world, 1, 6)).includes('pod-1'),
    'a pod without its lease knows it itself',
  );
  world.pod(1).belief.leaseValid = true;
  const draining = world.pod(0).gateway.drain();
  assert.ok(
    !(await open(world, 0, 6)).includes('pod-0'),
    'draining, even before others heard of it',
  );
  await draining;
});

test('the sessions of a dead pod are spread over the others, even when all move at once', async (t) => {
  const { world } = await setUp(t, DEFAULT_POLICIES);
  const only = (node: string | undefined): void => {
    for (const index of [0, 1, 2])
      world.pod(index).belief.told = { ready: node === undefined || node === `pod-${index}` };
    world.announce();
  };
  only('pod-2');
  const sessions: SessionHeaders[] = [];
  for (let count = 0; count < 20; count++) sessions.push(await openRaw(world.pod(0).url));
  only(undefined);
  await world.pod(2).kill();
  world.pod(2).belief.state = 'gone';
  world.announce();
  await Promise.all(
    sessions.map(async (headers, index) => {
      const body = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
      assert.equal((await post(world.pod(index % 2).url, body, headers)).status, 200);
    }),
  );
  const owners = await Promise.all(
    sessions.map(async (headers) => (await world.ownerOf(headers['mcp-session-id'])).node),
  );
  const first = owners.filter((node) => node === 'pod-0').length;
  assert.ok(first >= 8 && first <= 12, `${first} of 20`);
  assert.ok(!owners.includes('pod-2'));
});

test('weights of pods and of the resource, changed while the gateway runs', async (t) => {
  let policies = withBalancing({ strategy: 'WeightedRoundRobin', weights: { 'pod-0': 3 } });
  const live = {
    get loadBalancing() {
      return policies.loadBalancing;
    },
  };
  const { world } = await setUp(
    t,
    Object.setPrototypeOf(live, DEFAULT_POLICIES) as GatewayPolicies,
  );
  const shareOf = (owners: string[], node: string): number =>
    owners.filter((each) => each === node).length;
  const first = await open(world, 1, 10);
  assert.equal(shareOf(first, 'pod-0'), 6);
  world.pod(0).belief.told = { weight: 1 };
  world.announce();
  const second = await open(world, 1, 9);
  assert.equal(shareOf(second, 'pod-0'), 3, 'what the pod says comes first');
  policies = withBalancing({ strategy: 'WeightedRoundRobin', weights: { 'pod-2': 0 } });
  assert.equal(shareOf(await open(world, 1, 6), 'pod-2'), 0, 'other policies are in force at once');
});

test(`sessions of one principal stay together: ${verifies('balancing.hash-minimal')}`, async (t) => {
  const { world } = await setUp(
    t,
    withBalancing({
      strategy: 'ConsistentHash',
      consistentHash: { on: 'Header', name: 'X-Team', loadFactor: 100 },
    }),
  );
  const ownersOf = async (team: string): Promise<Set<string>> => {
    const owners = new Set<string>();
    for (let session = 0; session < 6; session++) {
      const answer = await post(world.pod(session % 3).url, INITIALIZE, { 'x-team': team });
      owners.add((await world.ownerOf(answer.headers.get('mcp-session-id') ?? '')).node);
    }
    return owners;
  };
  const teams = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(ownersOf));
  for (const owners of teams) assert.equal(owners.size, 1);
  assert.ok(new Set(teams.flatMap((owners) => [...owners])).size > 1);
});

test(`in a session: ${verifies('balancing.capabilities')}`, async (t) => {
  const capabilities = [{ tool: 'gpu_*', requires: ['gpu'] }];
  const { world } = await setUp(t, withBalancing({ strategy: 'Capability', capabilities }));
  const before = await sessionAt(world, 'pod-1');
  const refused = await callTool(world, before, 'gpu_train');
  assert.equal(refused.status, 503);
  assert.deepEqual(refused.json.error?.data, { retryable: false, requires: ['gpu'] });
  assert.equal(refused.json.error?.code, -31_031);
  assert.equal((await callTool(world, before, 'other')).status, 200);
  world.pod(2).belief.told = { capabilities: ['gpu'] };
  world.announce();
  assert.deepEqual(new Set(await open(world, 0, 4)), new Set(['pod-2']));
  const after = await sessionAt(world, 'pod-2');
  assert.equal((await callTool(world, after, 'gpu_train')).status, 200);
});

test(verifies('health.ejection-shown'), async (t) => {
  const { world } = await setUp(t, withHealth({}, { intervalMs: 50, baseEjectionMs: 300 }), () =>
    failing(() => true),
  );
  const headers = await sessionAt(world, 'pod-2');
  for (let times = 0; times < 5; times++)
    assert.equal((await callTool(world, headers, 'bad')).status, 500);
  const front = world.pod(1);
  assert.deepEqual(
    front.gateway.status().ejected.map(({ node, reason }) => ({ node, reason })),
    [{ node: 'pod-2', reason: 'consecutive-errors' }],
  );
  assert.match(await front.metrics.exposition(), /gateway_pod_ejected\{peer="pod-2"\} 1/);
  assert.equal((await callTool(world, headers, 'good')).status, 200, 'its sessions go on');
  assert.equal((await world.ownerOf(headers['mcp-session-id'])).node, 'pod-2');
  assert.ok(!(await open(world, 1, 6)).includes('pod-2'));
  await eventually('the pod is back', () => front.gateway.status().ejected.length === 0);
  assert.match(await front.metrics.exposition(), /gateway_pod_ejected\{peer="pod-2"\} 0/);
  assert.ok((await open(world, 1, 6)).includes('pod-2'));
  const told = world.events.filter(({ type }) => type.startsWith('pod-'));
  assert.deepEqual(
    told.map(({ type, pod }) => `${pod}: ${type}`),
    ['pod-1: pod-ejected', 'pod-1: pod-returned'],
  );
});

test('a pod that was not ready and is again is not ejected any more', async (t) => {
  const { world } = await setUp(t, withHealth({}), () => failing(() => true));
  const headers = await sessionAt(world, 'pod-2');
  for (let times = 0; times < 5; times++) await callTool(world, headers, 'bad');
  const ejected = (): number => world.pod(1).gateway.status().ejected.length;
  assert.equal(ejected(), 1);
  for (const ready of [false, true]) {
    world.pod(2).belief.told = { ready };
    world.announce();
    assert.equal((await open(world, 1, 3)).includes('pod-2'), ready);
  }
  assert.equal(ejected(), 0);
});

test(verifies('health.panic'), async (t) => {
  const { world } = await setUp(
    t,
    withHealth({}, { maxEjectionPercent: 100, panicThresholdPercent: 50 }),
    () => failing(() => true),
  );
  for (const node of ['pod-2', 'pod-0']) {
    const headers = await sessionAt(world, node);
    for (let times = 0; times < 5; times++) await callTool(world, headers, 'bad');
    const ejected = world
      .pod(1)
      .gateway.status()
      .ejected.map((each) => each.node);
    assert.ok(ejected.includes(node));
    const owners = new Set(await open(world, 1, 9));
    if (node === 'pod-2') assert.ok(!owners.has('pod-2'), 'two of three are left');
    else assert.equal(owners.size, 3, 'one of three is left: too few to rely on');
  }
});

test(verifies('breaker.answer'), async (t) => {
  let broken = true;
  const rules = { enabled: true, failures: 3, openMs: 400, perTool: true };
  const { world, stubs } = await setUp(t, withHealth(rules), () => failing(() => broken));
  const headers = await sessionAt(world, 'pod-2');
  for (let times = 0; times < 3; times++) await callTool(world, headers, 'bad');
  const asked = stubs[2]?.seen.length;
  const refused = await callTool(world, headers, 'bad');
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.equal(refused.json.error?.code, -31_030);
  assert.deepEqual(refused.json.error?.data, { retryable: true, retryAfter: 1 });
  assert.equal(stubs[2]?.seen.length, asked, 'the server is left alone');
  assert.equal((await callTool(world, headers, 'good')).status, 503, 'so is the pod as a whole');
  assert.deepEqual(
    world
      .pod(1)
      .gateway.status()
      .breakers.map(({ node, tool }) => [node, tool]),
    [
      ['pod-2', undefined],
      ['pod-2', 'bad'],
    ],
  );
  assert.ok(!(await open(world, 1, 6)).includes('pod-2'));
  broken = false;
  await eventually(
    'its probes close it',
    () => world.pod(1).gateway.status().breakers.length === 0,
  );
  assert.equal((await callTool(world, headers, 'bad')).status, 200);
});

test('a fallback of the resource is the result of a tool call while its breaker is open', async (t) => {
  const rules = { enabled: true, failures: 2, openMs: 60_000, fallback: 'try the wiki' };
  const { world } = await setUp(t, withHealth(rules), () => failing(() => true));
  const headers = await sessionAt(world, 'pod-0');
  for (let times = 0; times < 2; times++) await callTool(world, headers, 'bad');
  const answer = await callTool(world, headers, 'bad');
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json.result?.content, [{ type: 'text', text: 'try the wiki' }]);
  const list = await post(
    world.pod(1).url,
    { jsonrpc: '2.0', id: 'x', method: 'tools/list' },
    headers,
  );
  assert.equal(list.status, 503, 'only tool calls have one');
  assert.equal(list.json.id, 'x');
});
