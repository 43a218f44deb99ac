/** What a client may get wrong: status and code of the specification, never a 500, never a crash. */
import assert from 'node:assert/strict';
import { connect as connectSocket } from 'node:net';
import { after, before, test } from 'node:test';
import { verifies } from '../requirements.ts';
import { INITIALIZE, openRaw, post, raw, type RawAnswer } from './client.ts';
import { startEverything, type ServerProcess } from './everything.ts';
import { startWorld, type World } from './world.ts';

let server: ServerProcess;
let world: World;
let url: URL;
let session: Record<string, string>;

before(async () => {
  server = await startEverything();
  world = await startWorld({
    backends: [server.port],
    sessionsMax: 3,
    config: {
      allowedOrigins: ['https://good.example'],
      allowedHosts: [],
      limits: { bodyBytes: 20_000, headerBytes: 8_192, streamsPerSession: 4 },
    },
  });
  ({ url } = world.pod(0));
  session = await openRaw(url);
});
after(async () => {
  await world.stop();
  await server.kill();
});

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };
const GET = { accept: 'text/event-stream' };
const modern = {
  ...PING,
  method: 'server/discover',
  params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
};

/** Name, request, status, JSON-RPC code. */
const rows: [string, () => Promise<RawAnswer>, number, number][] = [
  ['malformed JSON', () => post(url, '{"jsonrpc":', session), 400, -32700],
  ['not UTF-8', () => post(url, '\u0000\ufffd', session), 400, -32700],
  ['not JSON-RPC', () => post(url, { hello: 1 }, session), 400, -32600],
  ['fractional id', () => post(url, { ...PING, id: 1.5 }, session), 400, -32600],
  ['empty batch', () => post(url, [], session), 400, -32600],
  ['batch after 2025-03-26', () => post(url, [PING], session), 400, -32600],
  ['initialize in a batch', () => post(url, [INITIALIZE]), 400, -32600],
  ['initialize without version', () => post(url, { ...INITIALIZE, params: {} }), 400, -32600],
  ['initialize in a session', () => post(url, INITIALIZE, session), 400, -32600],
  ['no session id', () => post(url, PING), 400, -32000],
  ['no session id on GET', () => raw(url, { headers: GET }), 400, -32000],
  ['no session id on DELETE', () => raw(url, { method: 'DELETE' }), 400, -32000],
  ['unknown session', () => post(url, PING, { 'mcp-session-id': 'nobody' }), 404, -32001],
  [
    'unknown session on GET',
    () => raw(url, { headers: { ...GET, 'mcp-session-id': 'x' } }),
    404,
    -32001,
  ],
  ['session id with blanks', () => post(url, PING, { 'mcp-session-id': 'a b' }), 400, -32000],
  ['no Accept', () => post(url, PING, { ...session, accept: 'application/json' }), 406, -32000],
  [
    'wrong Accept on GET',
    () => raw(url, { headers: { ...session, accept: 'text/html' } }),
    406,
    -32000,
  ],
  [
    'content type',
    () => post(url, PING, { ...session, 'content-type': 'text/plain' }),
    415,
    -32000,
  ],
  ['body over the limit', () => post(url, 'x'.repeat(20_001), session), 413, -32000],
  [
    'bad version header',
    () => post(url, PING, { ...session, 'mcp-protocol-version': '1999-01-01' }),
    400,
    -32000,
  ],
  [
    'modern version header',
    () => post(url, PING, { ...session, 'mcp-protocol-version': '2026-07-28' }),
    400,
    -32602,
  ],
  ['modern request without capabilities', () => post(url, modern), 400, -32602],
  [
    'bad Origin',
    () => post(url, PING, { ...session, origin: 'https://evil.example' }),
    403,
    -32000,
  ],
  ['PUT', () => raw(url, { method: 'PUT', headers: session }), 405, -32000],
  ['another path', () => raw(new URL('/other', url), {}), 404, -32000],
  [
    'foreign event id',
    () => raw(url, { headers: { ...session, ...GET, 'last-event-id': 'abc' } }),
    400,
    -32000,
  ],
];

test(verifies('gateway.bad-input'), async (t) => {
  for (const [name, request, status, code] of rows) {
    await t.test(name, async () => {
      const answer = await request();
      assert.deepEqual(
        { status: answer.status, code: answer.json.error?.code },
        { status, code },
        answer.body,
      );
    });
  }
  assert.deepEqual((await post(url, PING, session)).json.result, {}, 'the session is unharmed');
});

test('an allowed Origin passes', async () => {
  const answer = await post(url, PING, { ...session, origin: 'https://good.example' });
  assert.equal(answer.status, 200);
});

test('headers over the limit and broken HTTP get an HTTP answer', async () => {
  const send = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectSocket(Number(url.port), url.hostname, () => socket.write(text));
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
    });
  assert.match(
    await send(`GET /mcp HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(9000)}\r\n\r\n`),
    /^HTTP\/1.1 431/,
  );
  assert.match(await send('NONSENSE\r\n\r\n'), /^HTTP\/1.1 400/);
});

test('DELETE ends the session; then it is unknown', async () => {
  const headers = await openRaw(url);
  const ended = await raw(url, { method: 'DELETE', headers });
  assert.equal(ended.status, 200);
  assert.equal((await post(url, PING, headers)).status, 404);
  assert.equal((await raw(url, { method: 'DELETE', headers })).status, 404);
});

test('more sessions than the cluster holds are refused until one ends', async () => {
  const opened = [await openRaw(url), await openRaw(url)];
  const refused = await post(url, INITIALIZE);
  assert.equal(refused.status, 503);
  assert.equal(refused.json.error?.data.retryable, true);
  for (const headers of opened) await raw(url, { method: 'DELETE', headers });
});

test('more requests at once than a session may have get 429', async () => {
  const slow = (id: number): object => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'trigger-long-running-operation', arguments: { duration: 0.3, steps: 1 } },
  });
  const answers = await Promise.all([10, 11, 12, 13, 14].map((id) => post(url, slow(id), session)));
  assert.deepEqual(answers.map((answer) => String(answer.status)).toSorted(), [
    '200',
    '200',
    '200',
    '200',
    '429',
  ]);
});
