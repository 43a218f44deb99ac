/** Events of a server that are too long: for the gateway, and for the copies at other pods. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { openRaw, post } from './client.ts';
import { beginEvents, startModernStub, type ModernStub } from './modern-stub.ts';
import { tool } from './modern-world.ts';
import { beginStream, startStub } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

const LIMIT = 4_096;
const limits = {
  bodyBytes: 4_194_304,
  headerBytes: 16_384,
  streamsPerSession: 16,
  eventCharsMax: LIMIT,
};
const answerOf = (id: unknown, length: number): object => ({
  jsonrpc: '2.0',
  id,
  result: { content: [{ type: 'text', text: 'x'.repeat(length) }] },
});
const message = { jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'big' } };

/** Two pods before one server of sessions, whose answers are events with ids and `length` characters. */
async function sessions(
  t: TestContext,
  length: number,
  config: object,
): Promise<{ world: World; seen: string[] }> {
  const stub = await startStub({
    onCall({ message: asked, response }) {
      if (asked.method !== 'tools/call') return false;
      const event = beginStream(response);
      event('1', { jsonrpc: '2.0', method: 'notifications/message', params: {} });
      event('2', answerOf(asked.id, length));
      response.end();
      return true;
    },
  });
  const world = await startWorld({ backends: [stub.port, stub.port], config });
  t.after(async () => {
    await world.stop();
    await stub.stop();
  });
  return { world, seen: stub.seen };
}

test(`with sessions: ${verifies('gateway.event-limit')}`, async (t) => {
  const { world, seen } = await sessions(t, LIMIT, { limits });
  const headers = await openRaw(world.pod(0).url);
  for (const index of [0, 1]) {
    const startedAt = performance.now();
    const { json } = await post(world.pod(index).url, { ...message, id: index }, headers);
    assert.ok(performance.now() - startedAt < 1_000);
    assert.deepEqual([json.id, json.error?.code], [index, -31_007]);
  }
  assert.equal(seen.filter((method) => method === 'tools/call').length, 2, 'it is not asked again');
  const owner = await world.ownerOf(headers['mcp-session-id']);
  assert.match(await owner.metrics.exposition(), /gateway_limited_total\{limit="eventChars"\} 2/);
  const well = await sessions(t, LIMIT - 200, { limits });
  const fine = await openRaw(well.world.pod(0).url);
  for (const index of [0, 1]) {
    const { json } = await post(well.world.pod(index).url, message, fine);
    assert.equal(json.result?.content[0]?.text.length, LIMIT - 200);
  }
});

test(`without sessions: ${verifies('gateway.event-limit')}`, async (t) => {
  const start = (): Promise<ModernStub> =>
    startModernStub(t, {
      onRequest(request) {
        if (request.message.method !== 'tools/call') return false;
        beginEvents(request)(answerOf(request.message.id, LIMIT));
        return true;
      },
    });
  const stubs = [await start(), await start()];
  const world = await startWorld({ backends: stubs.map(({ port }) => port), config: { limits } });
  t.after(() => world.stop());
  await eventually('the tools are known', () =>
    stubs.every((stub) => stub.of('tools/list').length > 0),
  );
  // The tool may be repeated, and would only be too long again.
  const { json, status } = await tool(world.pod(0).url, 'safe', {}, { id: 'mine' });
  assert.deepEqual([status, json.id, json.error?.code], [200, 'mine', -31_007]);
  assert.equal(stubs.flatMap((stub) => stub.of('tools/call')).length, 1);
});

test(`a list in JSON that nobody holds: ${verifies('gateway.event-limit')}`, async (t) => {
  const half = 'x'.repeat(33 * 1_048_576);
  const stub = await startStub({
    onCall({ message: asked, response }) {
      if (asked.method !== 'tools/list') return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(`{"jsonrpc":"2.0","id":5,"result":{"tools":[],"a":"${half}`);
      response.end(`${half}"}}`);
      return true;
    },
  });
  const world = await startWorld({ backends: [stub.port, stub.port] });
  t.after(async () => {
    await world.stop();
    await stub.stop();
  });
  const headers = await openRaw(world.pod(0).url);
  const before = stub.seen.length;
  const { json } = await post(world.pod(0).url, { ...message, method: 'tools/list' }, headers);
  assert.deepEqual([json.id, json.error?.code], [5, -31_007]);
  assert.equal(stub.seen.length, before + 1, 'it is not asked again');
});

test(verifies('gateway.uncopied-told'), async (t) => {
  const resume = { events: 100, bytes: 16_777_216, replicas: 1 };
  const stub = await startStub({
    onCall({ message: asked, response }) {
      if (asked.method !== 'tools/call') return false;
      beginStream(response)('1', answerOf(asked.id, 1_100_000));
      response.end();
      return true;
    },
  });
  const world = await startWorld({ backends: [stub.port, stub.port], resume });
  t.after(async () => {
    await world.stop();
    await stub.stop();
  });
  const headers = await openRaw(world.pod(0).url);
  const { json } = await post(world.pod(0).url, message, headers);
  assert.equal(json.result?.content[0]?.text.length, 1_100_000);
  const owner = await world.ownerOf(headers['mcp-session-id']);
  await eventually('the metric', async () =>
    /gateway_events_uncopied_total 1\b/.test(await owner.metrics.exposition()),
  );
});
