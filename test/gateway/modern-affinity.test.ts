/** Requests of 2026-07-28 that name state in one pod's memory: tasks and state handles. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { DEFAULT_POLICIES, type GatewayPolicies } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import type { RawAnswer } from './client.ts';
import { sendResult, startModernStub, type ModernStub } from './modern-stub.ts';
import { call, startModern, tool } from './modern-world.ts';
import { startWorld, type World } from './world.ts';

const TASKS = { capabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } };
const resultOf = (answer: RawAnswer): Record<string, unknown> =>
  answer.json.result as unknown as Record<string, unknown>;
const getTask = (url: URL, taskId: unknown): Promise<RawAnswer> =>
  call(url, 'tasks/get', { taskId }, TASKS);

test(verifies('modern.tasks'), async (t) => {
  const { world, servers, urls } = await startModern(t, 3);
  const [first, second, third] = urls as [URL, URL, URL];
  const begin = async (url: URL): Promise<unknown> => {
    const made = await tool(url, 'slow_compute', { seconds: 60 }, TASKS);
    assert.equal(resultOf(made)['resultType'], 'task');
    return resultOf(made)['taskId'];
  };
  const taskId = await begin(first);
  for (const url of urls)
    assert.equal(resultOf(await getTask(url, taskId))['status'], 'working', url.href);
  // Made through a pod whose own server is down: the front may die, the task is found.
  await servers[0]?.kill();
  await eventually('the server is missed', () => !world.pod(0).gateway.backendReady());
  const other = await begin(first);
  await world.pod(0).kill();
  world.pod(0).belief.state = 'gone';
  world.announce();
  assert.equal(resultOf(await getTask(second, other))['status'], 'working');
  assert.equal(resultOf(await getTask(third, other))['status'], 'working');
  assert.equal((await call(third, 'tasks/cancel', { taskId: other }, TASKS)).status, 200);
  assert.equal(resultOf(await getTask(second, other))['status'], 'cancelled');
  // The pod of the first task is gone, and the task with it.
  assert.equal((await getTask(second, taskId)).json.error?.code, -32602);
  assert.equal((await getTask(second, 'nobody made it')).json.error?.code, -32602);
});

test('a task is waited for while its pod lives', async (t) => {
  const others = await startModernStub(t, {
    onRequest({ message, response }) {
      if (message.method !== 'tasks/get') return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      const error = { code: -32602, message: 'no such task' };
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error }));
      return true;
    },
  });
  let made = false;
  const keeper = (port?: number): Promise<ModernStub> =>
    startModernStub(t, {
      ...(port === undefined ? {} : { port }),
      onRequest(request) {
        if (request.message.method === 'tools/call' && !made) {
          made = true;
          sendResult(request, { resultType: 'task', taskId: 'a', status: 'working', ttlMs: null });
          return true;
        }
        if (request.message.method !== 'tasks/get') return false;
        sendResult(request, { taskId: 'a', status: 'completed' });
        return true;
      },
    });
  const keeping = await keeper();
  const world = await startWorld({ backends: [keeping.port, others.port] });
  t.after(() => world.stop());
  await tool(world.pod(0).url, 'risky', {}, TASKS);
  assert.ok(made);
  await keeping.stop();
  const asking = getTask(world.pod(1).url, 'a');
  await eventually('the server is missed', () => !world.pod(0).gateway.backendReady());
  await keeper(keeping.port);
  assert.equal(resultOf(await asking)['status'], 'completed');
  assert.equal(others.of('tasks/get').length, 0);
});

const handles = (tool?: string): GatewayPolicies => ({
  ...DEFAULT_POLICIES,
  loadBalancing: {
    ...DEFAULT_POLICIES.loadBalancing,
    stateHandles: [{ argument: 'basket_id', ...(tool === undefined ? {} : { tool }) }],
  },
});

test(verifies('modern.handles'), async (t) => {
  const { urls } = await startModern(t, 3, { config: { policies: handles() } });
  const baskets = await Promise.all(
    urls.map(async (url) => {
      const made = resultOf(await tool(url, 'create_basket'));
      return (made['structuredContent'] as { basket_id: string }).basket_id;
    }),
  );
  for (const basket_id of baskets) {
    let held = '';
    for (const [index, url] of urls.entries()) {
      const item = `item-${index}`;
      held = held === '' ? item : `${held},${item}`;
      const answer = await tool(url, 'add_to_basket', { basket_id, item });
      assert.deepEqual(answer.json.result?.content, [{ type: 'text', text: held }]);
    }
  }
});

/** Three pods whose servers tell who they are. */
async function naming(
  t: TestContext,
  policies: GatewayPolicies,
): Promise<{ world: World; who(index: number, args: object): Promise<string> }> {
  const stubs = await Promise.all(
    [0, 1, 2].map((index) =>
      startModernStub(t, {
        onRequest(request) {
          if (request.message.method !== 'tools/call') return false;
          sendResult(request, { content: [{ type: 'text', text: `pod-${index}` }] });
          return true;
        },
      }),
    ),
  );
  const config = { policies };
  const world = await startWorld({ backends: stubs.map(({ port }) => port), config });
  t.after(() => world.stop());
  return {
    world,
    who: async (index, args) => {
      const answer = await tool(world.pod(index).url, 'risky', args);
      return answer.json.result?.content[0]?.text ?? JSON.stringify(answer.json);
    },
  };
}

test('a handle in the JSON of a text is learnt, too; what is no handle is not', async (t) => {
  const answers = ['{"basket_id":"y"}', '{"basket_id":{"a":1}}', '{', 'basket_id'];
  const stubs = await Promise.all(
    [0, 1].map((index) =>
      startModernStub(t, {
        onRequest(request) {
          if (request.message.method !== 'tools/call') return false;
          const made = index === 1 ? answers.shift() : undefined;
          sendResult(request, { content: [{ type: 'text', text: made ?? `pod-${index}` }] });
          return true;
        },
      }),
    ),
  );
  const config = { policies: handles() };
  const world = await startWorld({ backends: stubs.map(({ port }) => port), config });
  t.after(() => world.stop());
  const textOf = async (index: number, args: object): Promise<string | undefined> =>
    (await tool(world.pod(index).url, 'risky', args)).json.result?.content[0]?.text;
  for (let made = 0; made < 4; made++) await textOf(1, {});
  assert.equal(await textOf(0, { basket_id: 'y' }), 'pod-1');
  assert.equal(await textOf(0, { basket_id: { a: 1 } }), 'pod-0');
});

test('a handle that a client made up has one pod, and another one when that dies', async (t) => {
  const { world, who } = await naming(t, handles('ris*'));
  const chosen = await Promise.all([0, 1, 2].map((index) => who(index, { basket_id: 'x' })));
  assert.equal(new Set(chosen).size, 1);
  const holder = Number(chosen[0]?.slice(-1));
  await world.pod(holder).kill();
  world.pod(holder).belief.state = 'gone';
  world.announce();
  const left = [0, 1, 2].filter((index) => index !== holder);
  const next = await Promise.all(left.map((index) => who(index, { basket_id: 'x' })));
  assert.equal(new Set(next).size, 1);
  assert.notEqual(next[0], chosen[0]);
});

test('other tools, other arguments and no affinity: every pod serves its own', async (t) => {
  const local = ['pod-0', 'pod-1', 'pod-2'];
  const all = (each: Awaited<ReturnType<typeof naming>>, args: object): Promise<string[]> =>
    Promise.all([0, 1, 2].map((index) => each.who(index, args)));
  const otherTool = await naming(t, handles('add_*'));
  assert.deepEqual(await all(otherTool, { basket_id: 'x' }), local);
  assert.deepEqual(await all(otherTool, { other: 'x' }), local);
  const { loadBalancing } = handles();
  const none = {
    ...DEFAULT_POLICIES,
    loadBalancing: { ...loadBalancing, affinity: 'None' } as const,
  };
  assert.deepEqual(await all(await naming(t, none), { basket_id: 'x' }), local);
});
