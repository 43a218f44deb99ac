/** Bodies of callers that nobody knows: not waited for, not held, and not taken for requests. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { test } from 'node:test';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { startStub } from './stub-server.ts';
import { startWorld } from './world.ts';

interface Opened {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  readonly statuses: () => string[];
}

test(verifies('auth.before-body'), async (t) => {
  const stub = await startStub();
  const auth = { providers: [{ type: 'TokenFile', path: '/no/such/file' } as const], rules: [] };
  const world = await startWorld({
    backends: [stub.port],
    config: { policies: { ...DEFAULT_POLICIES, auth } },
  });
  t.after(async () => {
    await world.stop();
    await stub.stop();
  });
  const { hostname, port } = world.pod(0).url;
  const open = async (): Promise<Opened> => {
    const socket = connectSocket(Number(port), hostname);
    await once(socket, 'connect');
    t.after(() => socket.destroy());
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    const closed = once(socket, 'close');
    return { socket, closed, statuses: () => answer.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [] };
  };
  const head = (length: number): string =>
    `POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

  const early = await open();
  early.socket.write(`${head(4_000_000)}{`);
  await eventually('the refusal does not wait for the body', () => early.statuses().length === 1);
  assert.deepEqual(early.statuses(), ['401']);

  const whole = await open();
  const hidden = 'GET /.well-known/oauth-protected-resource HTTP/1.1\r\nHost: x\r\n\r\n';
  whole.socket.write(head(hidden.length) + hidden + head(2) + '{}');
  await eventually('both are answered', () => whole.statuses().length >= 2);
  whole.socket.end();
  await whole.closed;
  assert.deepEqual(whole.statuses(), ['401', '401'], 'nothing in a body is a request');

  const long = await open();
  const body = hidden.padEnd(1_000_000, hidden);
  long.socket.write(head(body.length) + body + head(2) + '{}');
  await eventually('the first is answered', () => long.statuses().length >= 1);
  long.socket.end();
  await long.closed;
  // The connection may be closed after the first.
  assert.deepEqual(new Set(long.statuses()), new Set(['401']), 'nor in a long one');
});
