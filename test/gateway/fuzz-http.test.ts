/** Malformed, ambiguous, long and slow HTTP over raw sockets before a whole gateway. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { openRaw } from './client.ts';
import { exchangeBytes, openConnection, statusesOf } from './raw-http.ts';
import { startStub, type StubServer } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

const BODY_MAX = 20_000;
const HEADER_MAX = 8_192;

let stub: StubServer;
let world: World;
let url: URL;
let session: string;

before(async () => {
  stub = await startStub();
  world = await startWorld({
    backends: [stub.port],
    config: {
      limits: { bodyBytes: BODY_MAX, headerBytes: HEADER_MAX, streamsPerSession: 8 },
      timing: { requestHeadMs: 200, requestBodyMs: 200 },
    },
  });
  ({ url } = world.pod(0));
  const headers = await openRaw(url);
  session = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
});
after(async () => {
  await world.stop();
  await stub.stop();
});

const USUAL =
  'host: x\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n';
const ping = (id: number): string => JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' });
const request = (body: string, lines = ''): string =>
  `POST /mcp HTTP/1.1\r\n${USUAL}${session}${lines}content-length: ${body.length}\r\n\r\n${body}`;
const chunked = (body: string, lines = ''): string =>
  `POST /mcp HTTP/1.1\r\n${USUAL}${session}${lines}transfer-encoding: chunked\r\n\r\n${body}`;
const head = (lines: string): string => `POST /mcp HTTP/1.1\r\n${lines}\r\n`;
/** The rest of a connection, which must never be taken for a request where the one before it was refused. */
const SMUGGLED = `GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n`;

const REFUSED: readonly [string, string, number][] = [
  ['no HTTP', 'NONSENSE\r\n\r\n', 400],
  ['a line feed alone', 'GET /mcp HTTP/1.1\nhost: x\n\n\r\n\r\n', 400],
  ['another version', 'GET /mcp HTTP/3.0\r\nhost: x\r\n\r\n', 400],
  ['a method nobody has', 'BREW /mcp HTTP/1.1\r\nhost: x\r\n\r\n', 400],
  ['no Host', head(''), 400],
  ['two Hosts', head('host: x\r\nHost: y\r\n'), 400],
  ['a target of another host', 'GET http://evil/mcp HTTP/1.1\r\nhost: x\r\n\r\n', 400],
  ['a folded line', head('host: x\r\nx-a: 1\r\n folded\r\n'), 400],
  ['a blank before the colon', head('host: x\r\ntransfer-encoding : chunked\r\n'), 400],
  ['a zero byte', head('host: x\r\nx-a: \0\r\n'), 400],
  ['no name', head('host: x\r\n: x\r\n'), 400],
  ['two lengths', head('host: x\r\ncontent-length: 5\r\ncontent-length: 5\r\n'), 400],
  ['a list of lengths', head('host: x\r\ncontent-length: 5, 5\r\n'), 400],
  ['a signed length', head('host: x\r\ncontent-length: +5\r\n'), 400],
  ['a negative length', head('host: x\r\ncontent-length: -1\r\n'), 400],
  ['a length beyond numbers', head(`host: x\r\ncontent-length: ${'9'.repeat(40)}\r\n`), 400],
  ['TE and CL', head('host: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n'), 400],
  ['TE twice', head('host: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: x\r\n'), 400],
  ['an unknown TE', head('host: x\r\ntransfer-encoding: xchunked\r\n'), 400],
  ['a list of TE', head('host: x\r\ntransfer-encoding: gzip, chunked\r\n'), 400],
  ['chunks in HTTP/1.0', 'POST /mcp HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['two session ids', head('host: x\r\nmcp-session-id: a\r\nmcp-session-id: b\r\n'), 400],
  ['another expectation', head('host: x\r\nexpect: tea\r\ncontent-length: 1\r\n'), 417],
  ['headers over the limit', head(`host: x\r\nx-a: ${'a'.repeat(HEADER_MAX)}\r\n`), 431],
  ['headers of a megabyte', `GET /mcp HTTP/1.1\r\nx-a: ${'a'.repeat(1_048_576)}`, 431],
];

test(verifies('gateway.http-refused'), async (t) => {
  for (const [name, bytes, status] of REFUSED) {
    await t.test(name, async () => {
      const answer = await exchangeBytes(url, bytes + SMUGGLED);
      assert.deepEqual(statusesOf(answer), [status], answer);
      assert.match(answer, /\r\nconnection: close\r\n/i);
    });
  }
});

const BAD_CHUNKS: readonly [string, string][] = [
  ['no size', '\r\nhello\r\n0\r\n\r\n'],
  ['a size with a prefix', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'],
  ['a size beyond numbers', `${'f'.repeat(17)}\r\nhello\r\n0\r\n\r\n`],
  ['more bytes than the size', '3\r\nhello\r\n0\r\n\r\n'],
  ['a line feed alone', '5\nhello\n0\n\n'],
  ['an extension without end', `5;${'a'.repeat(10_000)}`],
  ['an extension that hides a line', '5;a\nb\r\nhello\r\n0\r\n\r\n'],
  ['a framing header as trailer', '0\r\ncontent-length: 5\r\n\r\n'],
];

test('chunks that are none are refused, and what follows them with them', async (t) => {
  for (const [name, body] of BAD_CHUNKS) {
    await t.test(name, async () => {
      const answer = await exchangeBytes(url, chunked(body) + SMUGGLED);
      assert.deepEqual(statusesOf(answer), [400], answer);
    });
  }
});

test('chunks with extensions and trailers are read', async () => {
  const body = ping(9);
  const cut = [body.slice(0, 3), body.slice(3)];
  const chunks = cut.map((part) => `${part.length.toString(16)};a=b\r\n${part}\r\n`).join('');
  const bytes = chunked(`${chunks}0\r\nx-a: b\r\n\r\n`, 'connection: close\r\n');
  const answer = await exchangeBytes(url, bytes);
  assert.deepEqual(statusesOf(answer), [200]);
  assert.match(answer, /"id":9/);
});

test('who is slow with a head or a body is told so and let go', async () => {
  const slowHead = await openConnection(url);
  const slowBody = await openConnection(url);
  const silent = await openConnection(url);
  slowHead.write('POST /mcp HTTP/1.1\r\nhost: x\r\n');
  slowBody.write(request(ping(1)).slice(0, -3));
  const startedAt = performance.now();
  await Promise.all([slowHead.closed, slowBody.closed, silent.closed]);
  assert.ok(performance.now() - startedAt < 5_000);
  assert.deepEqual(statusesOf(slowHead.received()), [408]);
  assert.deepEqual(statusesOf(slowBody.received()), [408]);
  assert.equal(silent.received(), '');
  const text = await world.pod(0).metrics.exposition();
  assert.match(text, /gateway_limited_total\{limit="requestMs"\} 2/);
});

test(verifies('gateway.http-connection'), async () => {
  const pipelined = [1, 2, 3, 4].map((id) => request(ping(id))).join('');
  const last = request(ping(5), 'connection: close\r\n');
  const answer = await exchangeBytes(url, pipelined + last);
  assert.deepEqual(statusesOf(answer), [200, 200, 200, 200, 200]);
  const ids = [...answer.matchAll(/"id":(\d)/g)].map((found) => found[1]);
  assert.deepEqual(ids, ['1', '2', '3', '4', '5']);

  // A body nobody reads is dropped to its end, and the connection serves on.
  const body = SMUGGLED.repeat(20);
  const refused = `POST /elsewhere HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  assert.deepEqual(statusesOf(await exchangeBytes(url, refused + last)), [404, 200]);

  // One over the limit ends the connection, whatever it holds.
  const long = SMUGGLED.repeat(BODY_MAX / SMUGGLED.length + 1);
  assert.deepEqual(statusesOf(await exchangeBytes(url, request(long) + last)), [413]);
  const chunks = `${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\n`;
  assert.deepEqual(statusesOf(await exchangeBytes(url, chunked(chunks) + last)), [413]);
});

test('100 Continue is said only when the body is wanted', async () => {
  const wanted = await openConnection(url);
  const [lines, body] = request(ping(7), 'expect: 100-continue\r\nconnection: close\r\n').split(
    /(?<=\r\n\r\n)/,
  );
  wanted.write(lines ?? '');
  await eventually('100', () => statusesOf(wanted.received()).length === 1);
  wanted.write(body ?? '');
  await wanted.closed;
  assert.deepEqual(statusesOf(wanted.received()), [100, 200]);
  const unwanted = await exchangeBytes(
    url,
    `POST /elsewhere HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n`,
  );
  assert.deepEqual(statusesOf(unwanted), [404]);
});

test('nothing is left behind', async () => {
  await eventually('nothing is in flight', async () =>
    /gateway_requests_in_flight 0/.test(await world.pod(0).metrics.exposition()),
  );
  const answer = await exchangeBytes(url, request(ping(6), 'connection: close\r\n'));
  assert.deepEqual(statusesOf(answer), [200]);
});
