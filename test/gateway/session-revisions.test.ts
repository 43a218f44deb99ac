/** The older revisions with sessions: batches of 2025-03-26, the clients of 2025-06-18, and streams of both. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import {
  lastEventId,
  messagesOf,
  openStream,
  post,
  POST_HEADERS,
  type RawStream,
} from './client.ts';
import { startEverything, type ServerProcess } from './everything.ts';
import { startWorld, type World } from './world.ts';

let servers: ServerProcess[] = [];
let world: World;

before(async () => {
  servers = await Promise.all([0, 1].map(() => startEverything()));
});
beforeEach(async () => {
  world = await startWorld({ backends: servers.map((server) => server.port) });
});
afterEach(async () => {
  await world.stop();
});
after(async () => {
  await Promise.all(servers.map((server) => server.kill()));
});

/** Opens a session of `version`; 2025-03-26 knows no version header. */
async function open(version: string): Promise<Record<string, string>> {
  const answer = await post(world.pod(0).url, {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: {
      protocolVersion: version,
      capabilities: {},
      clientInfo: { name: 'old', version: '1' },
    },
  });
  const headers = {
    'mcp-session-id': answer.headers.get('mcp-session-id') ?? '',
    ...(version === '2025-03-26' ? {} : { 'mcp-protocol-version': version }),
  };
  await post(world.pod(1).url, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
  return headers;
}
const call = (id: number, name: string, args: object): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args, _meta: { progressToken: id } },
});
const stream = (url: URL, headers: Record<string, string>, body: unknown): Promise<RawStream> =>
  openStream(url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...headers },
    body: JSON.stringify(body),
  });

test(verifies('gateway.batch'), async () => {
  const headers = await open('2025-03-26');
  const batch = [
    call(1, 'echo', { message: 'one' }),
    { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
    { jsonrpc: '2.0', id: 2, method: 'ping' },
    call(3, 'echo', { message: 'three' }),
  ];
  for (const index of [0, 1]) {
    const answers = await stream(world.pod(index).url, headers, batch);
    await answers.ended;
    const ids = messagesOf(answers).map(({ id }) => id);
    assert.deepEqual([ids.length, new Set(ids)], [3, new Set([1, 2, 3])]);
    assert.match(lastEventId(answers), /\.f\./);
  }
  const notes = [
    { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
    { jsonrpc: '2.0', id: 'nobody asked', result: {} },
  ];
  assert.equal((await post(world.pod(1).url, notes, headers)).status, 202);
  for (const version of ['2025-06-18', '2025-11-25']) {
    const refused = await post(world.pod(1).url, batch, await open(version));
    assert.deepEqual([refused.status, refused.json.error?.code], [400, -32600]);
  }
});

test('a batch whose pod dies: every request has its answer or its error, once', async () => {
  const headers = await open('2025-03-26');
  const batch = [
    call(1, 'echo', { message: 'one' }),
    call(2, 'trigger-long-running-operation', { duration: 30, steps: 300 }),
  ];
  const first = await stream(world.pod(0).url, headers, batch);
  await eventually('the first answer', () => messagesOf(first).some(({ id }) => id === 1));
  const from = lastEventId(first);
  first.close();
  await eventually('its copy', () =>
    world
      .pod(1)
      .sessions.held.of(headers['mcp-session-id'] ?? '')
      .some(({ events }) => events.some(({ data }) => data.includes('Echo: one'))),
  );
  await world.pod(0).kill();
  const resumed = await openStream(world.pod(1).url, {
    headers: { accept: 'text/event-stream', ...headers, 'last-event-id': from },
  });
  await resumed.ended;
  const answers = messagesOf(resumed).filter(({ id }) => id !== undefined);
  assert.deepEqual(
    answers.map(({ id, error }) => [id, error.code]),
    [[2, -31001]],
  );
});

test('clients of 2025-06-18 get ids, a priming event and retry, and resume at any pod', async () => {
  const headers = await open('2025-06-18');
  const long = call(4, 'trigger-long-running-operation', { duration: 0.6, steps: 3 });
  const first = await stream(world.pod(1).url, headers, long);
  await eventually('some progress', () => messagesOf(first).length > 0);
  const [retry, priming] = first.items;
  assert.equal(retry?.type, 'retry');
  assert.deepEqual([priming?.type, priming?.type === 'event' && priming.data], ['event', '']);
  const seen = messagesOf(first).length;
  const from = lastEventId(first);
  first.close();
  const resumed = await openStream(world.pod(0).url, {
    headers: { accept: 'text/event-stream', ...headers, 'last-event-id': from },
  });
  await resumed.ended;
  assert.equal(messagesOf(resumed).length, 4 - seen);
  assert.equal(messagesOf(resumed).at(-1)?.id, 4);
});

test('a second GET stream: each message goes on one, and none is lost when the newer one leaves', async () => {
  const headers = await open('2025-11-25');
  const get = (index: number): Promise<RawStream> =>
    openStream(world.pod(index).url, { headers: { accept: 'text/event-stream', ...headers } });
  const [older, newer] = [await get(0), await get(1)];
  assert.deepEqual([older.status, newer.status], [200, 200]);
  await eventually('both are primed', () => older.items.length > 0 && newer.items.length > 0);
  const uri = 'demo://resource/static/document/architecture.md';
  const subscribe = { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri } };
  await post(world.pod(0).url, subscribe, headers);
  await post(world.pod(1).url, call(2, 'toggle-subscriber-updates', {}), headers);
  const updates = (each: RawStream): number =>
    messagesOf(each).filter(({ method }) => method === 'notifications/resources/updated').length;
  await eventually('an update', () => updates(newer) > 0);
  assert.equal(updates(older), 0);
  newer.close();
  await eventually('the older one goes on', () => updates(older) > 0, 20_000);
  older.close();
});
