/** What a client learns of a move, and what it needs not know, with servers that differ. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { messagesOf, openRaw, openStream, post, type RawStream } from './client.ts';
import { scene } from './stub-world.ts';
import type { StubOptions } from './stub-server.ts';
import type { World } from './world.ts';

const tool = (name: string, hints: object = {}): object => ({ name, annotations: hints });
const cursorOf = (params: object = {}): string =>
  'cursor' in params ? String(params.cursor) : '0';
/** A server with these tools, one on a page, and these capabilities. */
const serving = (tools: readonly object[], listChanged = true): StubOptions => ({
  capabilities: { tools: { listChanged }, prompts: { listChanged }, resources: {} },
  onCall({ message, response }) {
    if (message.method !== 'tools/list') return false;
    const page = Number(cursorOf(message.params));
    const next = page + 1 < tools.length ? { nextCursor: String(page + 1) } : {};
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { tools: [tools[page]], ...next } }),
    );
    return true;
  },
});
const list = (method: string, cursor?: string): object => ({
  jsonrpc: '2.0',
  id: `${method} ${cursor}`,
  method,
  params: cursor === undefined ? {} : { cursor },
});
const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };
const methods = (stream: RawStream): unknown[] =>
  messagesOf(stream).map((message) => message.method);

/** Opens a session on pod 0, lists its tools and prompts, and has the pod die under an open stream. */
async function moved(
  world: World,
): Promise<{ stream: RawStream; headers: Awaited<ReturnType<typeof openRaw>> }> {
  const headers = await openRaw(world.pod(0).url);
  await post(world.pod(0).url, list('tools/list'), headers);
  await post(world.pod(0).url, list('tools/list', '1'), headers);
  await post(world.pod(0).url, list('prompts/list'), headers);
  await eventually(
    'the lists are noted',
    () =>
      Object.keys(
        world.pod(1).sessions.directory.local(headers['mcp-session-id'])?.listDigests ?? {},
      ).length === 2,
  );
  const stream = await openStream(world.pod(1).url, {
    headers: { accept: 'text/event-stream', ...headers },
  });
  await eventually('priming', () => stream.items.length > 0);
  await world.pod(0).kill();
  return { stream, headers };
}

test(verifies('gateway.list-changed'), async (t) => {
  const { world } = await scene(t, [
    serving([tool('a'), tool('b')]),
    serving([tool('a'), tool('c')]),
  ]);
  const { stream } = await moved(world);
  await eventually('the client is told', () => methods(stream).length > 0);
  // The prompts are the same here, and nobody is told about those.
  assert.deepEqual(methods(stream), ['notifications/tools/list_changed']);
  stream.close();
});

test('the same list in another order is the same; who promised nothing tells nothing', async (t) => {
  for (const [before, after] of [
    [serving([tool('a'), tool('b')]), serving([tool('b'), tool('a')])],
    [serving([tool('a'), tool('b')], false), serving([tool('c'), tool('d')], false)],
  ] as const) {
    const { world, stubs } = await scene(t, [before, after]);
    const { stream, headers } = await moved(world);
    await post(world.pod(1).url, PING, headers);
    const last = before.capabilities === after.capabilities ? 'prompts/list' : 'ping';
    await eventually('the lists were compared', () => stubs[1]?.seen.includes(last));
    // A notification of the same pod comes after what the comparison had to say.
    assert.deepEqual(methods(stream), []);
    stream.close();
  }
});

test('a lost call of a client that never listed its tools is repeated if its tool allows that', async (t) => {
  const runs: string[] = [];
  const lists = serving([tool('read', { readOnlyHint: true }), tool('write')]);
  const { world, stubs } = await scene(t, [
    {
      ...lists,
      onCall(call) {
        if (call.message.method !== 'tools/call') return lists.onCall?.(call) ?? false;
        const { name } = call.message.params as { name: string };
        runs.push(name);
        const dies = runs.filter((run) => run === name).length === 1;
        if (dies) call.response.destroy();
        return dies;
      },
    },
  ]);
  const call = (name: string): object => ({
    jsonrpc: '2.0',
    id: name,
    method: 'tools/call',
    params: { name },
  });
  const { url } = world.pod(0);
  const headers = await openRaw(url);
  const lost = await post(url, call('write'), headers);
  assert.equal(lost.json.error?.data.retryable, false);
  assert.equal(stubs[0]?.seen.filter((method) => method === 'tools/list').length, 2, 'both pages');
  assert.deepEqual((await post(url, call('read'), headers)).json.result, { method: 'tools/call' });
  assert.deepEqual(runs, ['write', 'read', 'read']);
});
