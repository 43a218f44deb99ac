/** Tasks of 2026-07-28 and who may follow them, in front of a server that tells everybody everything. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { beginEvents, sendResult, startModernStub, type StubRequest } from './modern-stub.ts';
import { open, tool } from './modern-world.ts';
import { startWorld } from './world.ts';

const ALICE = { authorization: 'Bearer alice-token-0123456789' };
const BOB = { authorization: 'Bearer bob-token-012345678901' };

test('nobody follows the tasks of others', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'auth-'));
  const path = join(folder, 'tokens');
  await writeFile(path, 'alice-token-0123456789 acme\nbob-token-012345678901 acme\n');
  let tasks = 0;
  const onRequest = (request: StubRequest): boolean => {
    const { method, params, id } = request.message;
    if (method === 'tools/call') {
      tasks += 1;
      const times = { createdAt: '2026-01-01T00:00:00Z', lastUpdatedAt: '2026-01-01T00:00:00Z' };
      const task = { taskId: `task-${tasks}`, status: 'working', ttlMs: 60_000, ...times };
      sendResult(request, { resultType: 'task', ...task });
      return true;
    }
    if (method !== 'subscriptions/listen') return false;
    const { notifications } = params as { notifications: object };
    const _meta = { 'io.modelcontextprotocol/subscriptionId': id };
    beginEvents(request)({
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications, _meta },
    });
    return true;
  };
  const stubs = [await startModernStub(t, { onRequest }), await startModernStub(t, { onRequest })];
  const auth = { providers: [{ type: 'TokenFile', path } as const], rules: [] };
  const world = await startWorld({
    backends: stubs.map(({ port }) => port),
    config: { policies: { ...DEFAULT_POLICIES, auth } },
  });
  t.after(async () => {
    await world.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const [one, two] = [world.pod(0).url, world.pod(1).url];
  const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
  const made = async (headers: typeof ALICE): Promise<string> => {
    const { json } = await tool(one, 'slow', {}, { headers, capabilities });
    return (json.result as unknown as { taskId: string }).taskId;
  };
  const [ofAlice, ofBob] = [await made(ALICE), await made(BOB)];
  const taskIds = [ofAlice, ofBob, 'made-up'];
  const listen = { notifications: { toolsListChanged: true, taskIds } };
  const stream = await open(two, 'subscriptions/listen', listen, { headers: BOB, capabilities });
  t.after(() => stream.close());
  await eventually('every server was asked', () =>
    stubs.every((stub) => stub.of('subscriptions/listen').length > 0),
  );
  for (const stub of stubs)
    for (const { message } of stub.of('subscriptions/listen'))
      assert.deepEqual(message.params?.['notifications'], {
        toolsListChanged: true,
        taskIds: [ofBob],
      });
});
