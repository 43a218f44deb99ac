/** Who reads slowly holds back whoever writes to it, and nobody else; long answers are never held as a whole. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect as connectSocket, type Socket } from 'node:net';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { openRaw, post, POST_HEADERS } from './client.ts';
import { beginStream, startStub, type StubServer } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

const MIB = 1024 * 1024;
const LONG_BYTES = 100 * MIB;
/** Socket buffers of the kernel on up to three connections, and the streams' own; far below the answer. */
const HELD_BYTES_MAX = 48 * MIB;

let stub: StubServer;
let world: World;
/** Bytes the server could hand to its socket so far. */
let taken = 0;

/** One JSON answer of {@link LONG_BYTES}, or one event after the other, as fast as the socket takes them. */
async function writeLong(id: unknown, kind: string, response: ServerResponse): Promise<void> {
  const chunk = Buffer.alloc(MIB / 4, 'x');
  const put = async (bytes: string | Buffer): Promise<boolean> => {
    taken += bytes.length;
    if (!response.write(bytes)) await Promise.race([once(response, 'drain'), closed]);
    return !response.destroyed;
  };
  const closed = once(response, 'close');
  if (kind === 'events') {
    const event = beginStream(response);
    const data = {
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { data: String(chunk) },
    };
    for (let sent = 0; sent < LONG_BYTES && !response.destroyed; sent += chunk.length) {
      event(String(sent), data);
      taken += chunk.length;
      if (response.writableNeedDrain) await Promise.race([once(response, 'drain'), closed]);
    }
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  await put(
    `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[{"type":"text","text":"`,
  );
  for (let sent = 0; sent < LONG_BYTES; sent += chunk.length) if (!(await put(chunk))) return;
  await put('"}]}}');
  response.end();
}

before(async () => {
  stub = await startStub({
    async onCall({ message, response }) {
      if (message.method !== 'tools/call') return false;
      const { name } = message.params as { name: string };
      if (name === 'never') return true;
      await writeLong(message.id, name, response);
      return true;
    },
  });
});
beforeEach(async () => {
  taken = 0;
  world = await startWorld({
    backends: [stub.port, stub.port],
    config: { timing: { stalledMs: 60_000 } },
  });
});
afterEach(() => world.stop());
after(() => stub.stop());

const call = (name: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name } });

/** Sends a call and reads nothing of its answer until told to. */
async function callUnread(url: URL, headers: object, name: string): Promise<Socket> {
  const body = call(name);
  const socket = connectSocket(Number(url.port), url.hostname);
  await once(socket, 'connect');
  socket.pause();
  const lines = Object.entries({ ...POST_HEADERS, ...headers, 'content-length': body.length });
  const head = lines.map(([header, value]) => `${header}: ${value}\r\n`).join('');
  socket.write(`POST /mcp HTTP/1.1\r\nhost: x\r\n${head}\r\n${body}`);
  return socket;
}

/** Resolves once the server has been stopped by a full buffer: it wrote something, and then nothing for a while. */
async function heldBack(): Promise<void> {
  let last = -1;
  let same = 0;
  await eventually('the server is held back', () => {
    same = taken === last && taken > MIB ? same + 1 : 0;
    last = taken;
    return same > 20;
  });
}

for (const pod of [0, 1]) {
  test(`${verifies('gateway.backpressure')} (${pod === 0 ? 'its own pod' : 'another pod'})`, async () => {
    const headers = await openRaw(world.pod(0).url);
    const socket = await callUnread(world.pod(pod).url, headers, 'answer');
    await heldBack();
    assert.ok(taken < HELD_BYTES_MAX, `${taken} bytes were taken from the server`);
    // Others are served meanwhile, also at the pod that holds the answer back.
    const other = await post(world.pod(0).url, { jsonrpc: '2.0', id: 1, method: 'ping' }, headers);
    assert.equal(other.status, 200);
    let received = 0;
    let unreadMax = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
      unreadMax = Math.max(unreadMax, taken - received);
    });
    socket.resume();
    await eventually('the whole answer', () => received > LONG_BYTES, 60_000);
    assert.ok(unreadMax < HELD_BYTES_MAX, `${unreadMax} bytes were held between server and client`);
    socket.destroy();
  });
}

test('a long answer arrives unchanged', async () => {
  const headers = await openRaw(world.pod(0).url);
  const answer = await post(world.pod(1).url, call('answer'), headers);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.equal(answer.headers.get('mcp-session-id'), headers['mcp-session-id']);
  assert.equal(answer.json.id, 7);
  assert.equal(answer.json.result?.content[0]?.text.length, LONG_BYTES);
});

test('a reader of events holds the server back by the characters it has not read', async () => {
  const headers = await openRaw(world.pod(0).url);
  const socket = await callUnread(world.pod(1).url, headers, 'events');
  await heldBack();
  assert.ok(taken < HELD_BYTES_MAX, `${taken} bytes were taken from the server`);
  socket.destroy();
});

test(verifies('gateway.stalled-client'), async () => {
  await world.stop();
  world = await startWorld({
    backends: [stub.port],
    config: { timing: { stalledMs: 300 } },
  });
  const { url, metrics } = world.pod(0);
  const headers = await openRaw(url);
  const sockets = await Promise.all(
    ['answer', 'events'].map((name) => callUnread(url, headers, name)),
  );
  const ends = sockets.map((socket) => once(socket, 'close'));
  await eventually('both are cut off', async () =>
    /gateway_limited_total\{limit="stalledMs"\} 2/.test(await metrics.exposition()),
  );
  for (const socket of sockets) socket.on('error', () => undefined).resume();
  await Promise.all(ends);
  await eventually('nothing is in flight', async () =>
    /gateway_requests_in_flight 0/.test(await metrics.exposition()),
  );
  assert.equal((await post(url, { jsonrpc: '2.0', id: 1, method: 'ping' }, headers)).status, 200);
});

test('a server that never answers holds nobody else up', async () => {
  const headers = await openRaw(world.pod(0).url);
  const waiting = await callUnread(world.pod(1).url, headers, 'never');
  for (let id = 0; id < 20; id++)
    assert.equal(
      (await post(world.pod(1).url, { jsonrpc: '2.0', id, method: 'ping' }, headers)).status,
      200,
    );
  waiting.destroy();
});

test('an answer that breaks off is cut off at the client, not ended', async () => {
  await stub.stop();
  stub = await startStub({
    onCall({ message, response }) {
      if (message.method !== 'tools/call') return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(Buffer.alloc(2 * MIB, ' '), () => response.destroy());
      return true;
    },
  });
  await world.stop();
  world = await startWorld({ backends: [stub.port, stub.port] });
  const headers = await openRaw(world.pod(0).url);
  for (const pod of [0, 1])
    await assert.rejects(
      post(world.pod(pod).url, call('answer'), headers),
      /terminated|fetch failed/,
    );
});
