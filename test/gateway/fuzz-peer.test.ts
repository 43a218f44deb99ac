/** Garbage on the peer port from somebody with a certificate of the cluster, and what it says about headers and ids. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { openRaw, post } from './client.ts';
import { seeded, statusesOf } from './raw-http.ts';
import { startStub, type StubServer } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

const CASES = Number(process.env['FUZZ_PEER'] ?? 400);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

let stub: StubServer;
let world: World;
before(async () => {
  stub = await startStub();
  world = await startWorld({ backends: [stub.port, stub.port] });
});
after(async () => {
  await world.stop();
  await stub.stop();
});

async function openPeer(): Promise<TLSSocket> {
  const [member] = world.members();
  if (member === undefined) throw new Error('no member');
  const { host, port, serverName } = member.peer;
  const { ca, cert, key } = world.tls.current();
  const socket = connect({ host, port, ca, cert, key, servername: serverName ?? '' });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** What came until the other side closed, or was silent after a whole answer. */
async function ask(bytes: string | Buffer): Promise<string> {
  const socket = await openPeer();
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.write(bytes);
  const ended = once(socket, 'close');
  await Promise.race([ended, eventually('an answer', () => /\r\n\r\n/.test(text)).catch(() => 0)]);
  socket.destroy();
  return text;
}

const question = (header: string, body = ''): string =>
  `POST /v1/serve HTTP/1.1\r\nhost: x\r\nx-mcp-cluster-request: ${header}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
const hex4 = (char: string): string => char.charCodeAt(0).toString(16).padStart(4, '0');
const encode = (value: unknown): string =>
  (JSON.stringify(value) ?? '').replace(/[^ -~]/g, (char) => `\\u${hex4(char)}`);
const INITIALIZE = JSON.stringify({
  ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: {} },
});

test(verifies('gateway.peer-garbage'), async () => {
  const pick = seeded(SEED);
  const headers = await openRaw(world.pod(0).url);
  const id = headers['mcp-session-id'];
  const ops = [
    'initialize',
    'post',
    'get',
    'resume',
    'delete',
    'stateless',
    'listen',
    'probe',
    'take',
  ];
  const odd = [
    null,
    -1,
    1.5,
    1e99,
    '',
    'x',
    '\r\n',
    [],
    {},
    true,
    '\ud800',
    'a'.repeat(5_000),
    '__proto__',
  ];
  const anything = (): unknown => odd[pick(odd.length)];
  const randomBytes = (): Buffer => Buffer.from(Array.from({ length: pick(300) }, () => pick(256)));
  const one = (): string | Buffer => {
    switch (pick(5)) {
      case 0:
        return Buffer.concat([randomBytes(), Buffer.from('\r\n\r\n')]);
      case 1:
        return question(randomBytes().toString('base64url'));
      case 2:
        return question(encode(anything()), '{}');
      default: {
        // Of another session, or of none: nothing here may end the one that is open.
        const base = { op: ops[pick(ops.length)], sessionId: 'nobody', epoch: 1, headers: {} };
        const field = ['op', 'sessionId', 'epoch', 'headers', 'claim', 'lastEventId', 'principal'];
        const head = { ...base, [field[pick(field.length)] as string]: anything() };
        return question(encode(head), pick(2) === 0 ? '' : JSON.stringify(anything()));
      }
    }
  };
  const left = Array.from({ length: CASES }, one);
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let bytes = left.pop(); bytes !== undefined; bytes = left.pop()) {
        const text = await ask(bytes);
        for (const status of statusesOf(text))
          assert.ok(
            [200, 400, 408, 431, 501, 505].includes(status),
            `${status} to ${String(bytes)}`,
          );
      }
    }),
  );
  for (const index of [0, 1]) {
    const answer = await post(
      world.pod(index).url,
      { jsonrpc: '2.0', id: 5, method: 'ping' },
      headers,
    );
    assert.equal(answer.status, 200, `session ${id} at pod ${index}: ${answer.body}`);
  }
});

test('a header from a peer cannot break out of its line towards the server', async () => {
  const before = stub.headers.length;
  for (const [name, value] of [
    ['x-a', 'b\r\nx-evil: 1'],
    ['x-a\r\nx-evil', '1'],
    ['x-a', 'b\n\nGET /evil HTTP/1.1'],
    ['x a', 'b'],
  ] as const) {
    const head = {
      op: 'initialize',
      sessionId: `s${name.length}`,
      epoch: 0,
      headers: { [name]: value },
    };
    const text = await ask(question(encode(head), INITIALIZE));
    assert.deepEqual(statusesOf(text), [200]);
    const reply = /x-mcp-cluster-reply: (.+)\r/.exec(text)?.[1] ?? '';
    const { type } = JSON.parse(reply) as { type: string };
    assert.equal(type, 'refused');
  }
  for (const seen of stub.headers.slice(before)) assert.equal(seen['x-evil'], undefined);
  assert.equal((await openRaw(world.pod(1).url))['mcp-session-id'].length > 10, true);
});
