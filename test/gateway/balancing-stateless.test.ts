/** Balancing of requests without a session, between real gateways and servers that tell who they are. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { DEFAULT_POLICIES, type GatewayPolicies } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import type { RawAnswer } from './client.ts';
import { startModernStub, type ModernStub, type StubRequest } from './modern-stub.ts';
import { call, tool } from './modern-world.ts';
import { startWorld, type World } from './world.ts';

type Policies = {
  readonly loadBalancing?: Partial<GatewayPolicies['loadBalancing']>;
  readonly health?: Partial<GatewayPolicies['health']>;
};

async function setUp(
  t: TestContext,
  { loadBalancing, health }: Policies,
  onRequest: (index: number, request: StubRequest) => boolean = () => false,
): Promise<{ world: World; stubs: readonly ModernStub[] }> {
  const stubs = await Promise.all(
    [0, 1, 2].map((index) =>
      startModernStub(t, { onRequest: (request) => onRequest(index, request) }),
    ),
  );
  const policies = {
    ...DEFAULT_POLICIES,
    loadBalancing: { ...DEFAULT_POLICIES.loadBalancing, ...loadBalancing },
    health: { ...DEFAULT_POLICIES.health, ...health },
  };
  const world = await startWorld({ backends: stubs.map(({ port }) => port), config: { policies } });
  t.after(() => world.stop());
  return { world, stubs };
}
/** How many calls of tools each server got. */
const calls = (stubs: readonly ModernStub[]): number[] =>
  stubs.map((stub) => stub.of('tools/call').length);

test(`without sessions: ${verifies('balancing.weights')}`, async (t) => {
  const weights = { 'pod-0': 1, 'pod-1': 2, 'pod-2': 3 };
  const { world, stubs } = await setUp(t, {
    loadBalancing: { strategy: 'WeightedRoundRobin', weights },
  });
  for (let times = 0; times < 12; times++) await tool(world.pod(0).url, 'risky');
  assert.deepEqual(calls(stubs), [2, 4, 6]);
});

test('calls with one value of an argument go to one pod, through whichever pod they come', async (t) => {
  const { world, stubs } = await setUp(t, {
    loadBalancing: {
      strategy: 'ConsistentHash',
      affinity: 'None',
      consistentHash: { on: 'Argument', name: 'repository', loadFactor: 100 },
    },
  });
  for (const [index, repository] of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].entries())
    for (let times = 0; times < 3; times++)
      await tool(world.pod((index + times) % 3).url, 'risky', { repository });
  const servers = new Map<string, Set<number>>();
  for (const [index, stub] of stubs.entries())
    for (const { message } of stub.of('tools/call')) {
      const given = message.params?.['arguments'] as { repository?: string } | undefined;
      const repository = given?.repository ?? assert.fail('no argument');
      servers.set(repository, (servers.get(repository) ?? new Set()).add(index));
    }
  assert.equal(servers.size, 8);
  for (const [repository, seen] of servers) assert.equal(seen.size, 1, repository);
  assert.ok(calls(stubs).filter((count) => count > 0).length > 1);
});

test('least connections: a pod whose requests hang gets no more of them than the others', async (t) => {
  const { world, stubs } = await setUp(t, {}, (_, { message }) => message.method === 'tools/call');
  // They break off when the gateways stop.
  const hanging = Promise.allSettled(
    Array.from({ length: 12 }, () => tool(world.pod(0).url, 'risky')),
  );
  await eventually('all arrived', () => calls(stubs).reduce((a, b) => a + b) === 12);
  assert.deepEqual(calls(stubs), [4, 4, 4]);
  await world.stop();
  await hanging;
});

test(`without sessions: ${verifies('balancing.capabilities')}`, async (t) => {
  const capabilities = [{ tool: 'risky', requires: ['gpu'] }];
  const { world, stubs } = await setUp(t, {
    loadBalancing: { strategy: 'Capability', capabilities },
  });
  const refused = await tool(world.pod(0).url, 'risky');
  assert.equal(refused.status, 503);
  assert.equal(refused.json.error?.code, -31_031);
  world.pod(1).belief.told = { capabilities: ['gpu'] };
  world.announce();
  for (let times = 0; times < 4; times++)
    assert.equal((await tool(world.pod(0).url, 'risky')).status, 200);
  assert.deepEqual(calls(stubs), [0, 4, 0]);
});

test(`without sessions: ${verifies('breaker.answer')}`, async (t) => {
  let broken = true;
  const circuitBreaker = {
    ...DEFAULT_POLICIES.health.circuitBreaker,
    ...{ enabled: true, failures: 2, openMs: 300, perTool: true },
  };
  const { world, stubs } = await setUp(t, { health: { circuitBreaker } }, (_, request) => {
    if (!broken || request.message.method !== 'tools/call') return false;
    request.response.writeHead(500).end();
    return true;
  });
  let answer = await tool(world.pod(0).url, 'risky');
  for (let times = 0; times < 20 && answer.json.error?.code !== -31_030; times++)
    answer = await tool(world.pod(0).url, 'risky');
  assert.equal(answer.json.error?.code, -31_030, 'every pod has failed often enough');
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get('retry-after'), '1');
  assert.deepEqual(
    calls(stubs),
    [2, 2, 2],
    'no server is asked more often than its breaker allows',
  );
  broken = false;
  await eventually('they close', () => world.pod(0).gateway.status().breakers.length === 0);
  assert.equal((await tool(world.pod(0).url, 'risky')).status, 200);
});

test('what names a state is refused while the breaker of its pod is open, with the fallback if there is one', async (t) => {
  for (const fallback of [undefined, 'try later']) {
    const circuitBreaker = {
      ...DEFAULT_POLICIES.health.circuitBreaker,
      ...{ enabled: true, failures: 2, openMs: 60_000 },
      ...(fallback === undefined ? {} : { fallback }),
    };
    const { world, stubs } = await setUp(
      t,
      { health: { circuitBreaker }, loadBalancing: { stateHandles: [{ argument: 'basket' }] } },
      (_, { message, response }) => {
        if (message.method !== 'tools/call') return false;
        response.writeHead(500).end();
        return true;
      },
    );
    const add = (): Promise<RawAnswer> => tool(world.pod(1).url, 'risky', { basket: 'b1' });
    for (const _ of [1, 2]) assert.equal((await add()).status, 500);
    const answer = await add();
    const held = calls(stubs);
    assert.deepEqual(
      held.toSorted((a, b) => a - b),
      [0, 0, 2],
      'one pod has the basket, and is left alone',
    );
    if (fallback === undefined) assert.equal(answer.json.error?.code, -31_030);
    else assert.deepEqual(answer.json.result?.content, [{ type: 'text', text: fallback }]);
  }
});

test(`of real servers: ${verifies('health.hedging')}`, async (t) => {
  let slow: number | undefined;
  const cancelled: number[] = [];
  const { world } = await setUp(t, { health: { hedging: { delayMs: 50 } } }, (index, request) => {
    if (request.message.method !== 'prompts/list') return false;
    slow ??= index;
    if (slow !== index) return false;
    void request.gone.then(() => cancelled.push(index));
    return true;
  });
  const startedAt = performance.now();
  assert.equal((await call(world.pod(0).url, 'prompts/list')).status, 200);
  assert.ok(performance.now() - startedAt < 5_000);
  await eventually(
    'the server that was too slow hears that nobody waits',
    () => cancelled.length > 0,
  );
  assert.deepEqual(cancelled, [slow]);
});
