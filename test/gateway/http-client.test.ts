/** Answers of a real server through the gateway's client: bounded, given up, broken off, and connections used again. */
import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, test } from 'node:test';
import {
  createHttpClient,
  plainConnector,
  readText,
  TransportError,
  type HttpResponse,
} from '../../src/gateway/http-client.ts';
import { systemClock } from '../../src/host/index.ts';
import { eventually } from '../eventually.ts';

/** The server's end of the connection on which the latest request came. */
let latest: Socket | null = null;
const isGone = (): boolean => latest?.destroyed === true;
let answer: (response: ServerResponse) => void = () => undefined;
const server = createServer((_, response) => {
  latest = response.socket;
  answer(response);
});
const client = createHttpClient(plainConnector(1_000, systemClock));

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  await client.stop();
  server.closeAllConnections();
  server.close();
});

function ask(signal?: AbortSignal): Promise<HttpResponse> {
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return client.request({ origin, path: '/', method: 'GET', headers: ['x-a', 'b'], signal });
}

/** Writes until nobody takes any more, for ever; `written` says how much. */
function endless(response: ServerResponse): { readonly written: () => number } {
  let written = 0;
  const chunk = Buffer.alloc(64 * 1024);
  const go = (): void => {
    while (!response.destroyed && response.write(chunk)) written += chunk.length;
  };
  response.on('drain', go);
  go();
  return { written: () => written };
}

test('a short answer is there at once, and only once', async () => {
  answer = (response) => response.end('yes');
  const response = await ask();
  const whole = response.body.takeWhole();
  assert.equal(Buffer.concat(whole ?? []).toString(), 'yes');
  assert.equal(response.body.takeWhole(), undefined);
  assert.equal(await readText(response), '');
});

test('an answer that nobody reads is not fetched; given up, its connection ends', async () => {
  let sent = (): number => 0;
  answer = (response) => {
    sent = endless(response).written;
  };
  const { body } = await ask();
  let last = -1;
  await eventually('the server has to wait', () => {
    const still = sent() === last;
    last = sent();
    return still;
  });
  // What the kernel's buffers and ours hold.
  assert.ok(last < 32 * 1024 * 1024, `${last} bytes were taken`);
  assert.equal(isGone(), false);
  body.destroy();
  await eventually('the connection is gone', isGone);
  for await (const chunk of body) assert.fail(`${chunk.length} bytes after the end`);
});

test('a reader that leaves ends the answer', async () => {
  answer = (response) => void endless(response);
  for await (const chunk of (await ask()).body) {
    assert.ok(chunk.length > 0);
    break;
  }
  await eventually('the connection is gone', isGone);
});

test('the rest of a short answer keeps the connection, the rest of a long one ends it', async () => {
  answer = (response) => response.end('x'.repeat(50_000));
  await (await ask()).body.dump();
  const kept = latest;
  await eventually('the connection is used again', async () => {
    await (await ask()).body.dump();
    return latest === kept;
  });
  answer = (response) => void endless(response);
  await (await ask()).body.dump();
  await eventually('the connection is gone', isGone);
});

test('who stops waiting hears why, before the answer and within it', async () => {
  const reason = new Error('enough');
  const early = new AbortController();
  answer = () => early.abort(reason);
  await assert.rejects(ask(early.signal), reason);
  await assert.rejects(ask(AbortSignal.abort(reason)), reason);
  const late = new AbortController();
  answer = (response) => void response.write('part');
  const { body } = await ask(late.signal);
  await assert.rejects(async () => {
    for await (const chunk of body) if (chunk.length > 0) late.abort(reason);
  }, reason);
  await eventually('the connection is gone', isGone);
});

test('a server that breaks off is told apart from one that was never reached', async () => {
  answer = (response) => response.destroy();
  await assert.rejects(ask(), (error) => error instanceof TransportError && error.sent);
  answer = (response) => response.write('part', () => response.destroy());
  await assert.rejects(readText(await ask()));
  const nobody = { origin: 'http://127.0.0.1:1', path: '/', method: 'GET', headers: [] } as const;
  await assert.rejects(
    client.request(nobody),
    (error) => error instanceof TransportError && !error.sent && error.refused,
  );
});
