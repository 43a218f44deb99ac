/** A session whose pod lacks what a tool needs moves to a pod that has it. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { DEFAULT_POLICIES, type GatewayPolicies } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { openRaw, post, type RawAnswer } from './client.ts';
import { startStub, type StubServer } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

const { loadBalancing } = DEFAULT_POLICIES;
const policies: GatewayPolicies = {
  ...DEFAULT_POLICIES,
  loadBalancing: {
    ...loadBalancing,
    strategy: 'Capability',
    capabilities: [
      { tool: 'gpu_*', requires: ['gpu'] },
      { tool: 'sign', requires: ['key'] },
    ],
  },
};

interface Setting {
  readonly world: World;
  readonly headers: Awaited<ReturnType<typeof openRaw>>;
  readonly stubs: readonly StubServer[];
  /** Calls that wait for their answer. */
  readonly held: (() => void)[];
  /** Who owns the session. */
  owner(): Promise<string>;
  tell(capabilities: Readonly<Record<number, readonly string[]>>): void;
  call(name: string, through?: number): Promise<RawAnswer>;
}

/** Three pods, and a session at one that has nothing special. */
async function setUp(t: TestContext): Promise<Setting> {
  const held: (() => void)[] = [];
  const start = (): Promise<StubServer> =>
    startStub({
      onCall({ message, response }) {
        const { name } = (message.params ?? {}) as { name?: string };
        if (name !== 'held') return false;
        held.push(() => {
          response.writeHead(200, { 'content-type': 'application/json' });
          response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { content: [] } }));
        });
        return true;
      },
    });
  const stubs = await Promise.all([start(), start(), start()]);
  const config = { policies, timing: { backendWaitMs: 300 } };
  const world = await startWorld({ backends: stubs.map(({ port }) => port), config });
  t.after(async () => {
    await world.stop();
    await Promise.all(stubs.map((stub) => stub.stop()));
  });
  const headers = await openRaw(world.pod(1).url);
  let nextId = 1;
  return {
    ...{ world, headers, stubs, held },
    owner: async () => (await world.ownerOf(headers['mcp-session-id'])).node,
    tell(capabilities) {
      for (const [index, own] of Object.entries(capabilities))
        world.pod(Number(index)).belief.told = { capabilities: own };
      world.announce();
    },
    call: (name, through = 1) =>
      post(
        world.pod(through).url,
        { jsonrpc: '2.0', id: nextId++, method: 'tools/call', params: { name, arguments: {} } },
        headers,
      ),
  };
}

/** A pod that does not own the session, by index. */
const another = (owner: string): number => (Number(owner.slice(-1)) + 1) % 3;

test(verifies('balancing.capability-move'), async (t) => {
  const { world, owner, tell, call, held } = await setUp(t);
  const first = await owner();
  const able = another(first);
  const none = await call('gpu_train');
  assert.deepEqual([none.status, none.json.error?.code], [503, -31_031]);
  assert.deepEqual(none.json.error?.data, { retryable: false, requires: ['gpu'] });
  assert.equal(await owner(), first);
  tell({ [able]: ['gpu'] });
  // What runs is finished first, where it began.
  const running = call('held');
  await eventually('it runs', () => held.length === 1);
  const calls = Promise.all([0, 1, 2].map((through) => call('gpu_train', through)));
  assert.equal(await owner(), first);
  held[0]?.();
  assert.equal((await running).status, 200);
  assert.deepEqual(
    (await calls).map(({ status, json }) => [status, json.error]),
    [0, 1, 2].map(() => [200, undefined]),
  );
  assert.equal(await owner(), `pod-${able}`);
  assert.equal((await call('other', 2)).status, 200);
  assert.equal(await owner(), `pod-${able}`, 'it stays there');
  const moves = world.events.filter(({ type }) => type === 'session-moved');
  assert.equal(moves.length, 1, 'one move for all of them');
  assert.equal(
    'reason' in (moves[0] ?? {}) && (moves[0] as { reason: string }).reason,
    'capability',
  );
});

test('a session that does not come to rest stays where it is, and the call may be repeated', async (t) => {
  const { owner, tell, call, held } = await setUp(t);
  const first = await owner();
  tell({ [another(first)]: ['gpu'] });
  const running = call('held');
  await eventually('it runs', () => held.length === 1);
  const busy = await call('gpu_train');
  assert.equal(busy.status, 503);
  assert.equal(busy.json.error?.data['retryable'], true);
  assert.ok(busy.headers.has('retry-after'));
  assert.equal(await owner(), first);
  held[0]?.();
  assert.equal((await running).status, 200);
  assert.equal((await call('gpu_train')).status, 200);
});

test('a pod that has everything comes before one that has what this tool needs', async (t) => {
  const { owner, tell, call } = await setUp(t);
  const first = await owner();
  const [some, all] = [another(first), another(`pod-${another(first)}`)];
  tell({ [some]: ['gpu'], [all]: ['gpu', 'key'] });
  assert.equal((await call('gpu_train')).status, 200);
  assert.equal(await owner(), `pod-${all}`);
  assert.equal((await call('sign')).status, 200);
  assert.equal(await owner(), `pod-${all}`);
});

test('a pod that does not take the session: it stays', async (t) => {
  const { owner, tell, call, stubs } = await setUp(t);
  const first = await owner();
  const able = another(first);
  tell({ [able]: ['gpu'] });
  await stubs[able]?.stop();
  const refused = await call('gpu_train');
  assert.equal(refused.status, 503);
  assert.equal((await call('other')).status, 200);
  assert.equal(await owner(), first);
});
