/** Server and channel over real sockets: identity, failures, streams, plain HTTP, draining. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { RpcError, type RpcServer, type ServerBidiStream } from '../../src/rpc/index.ts';
import type { TlsMaterial } from '../../src/security/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import {
  createAuthority,
  echoService,
  memberMaterial,
  memberTls,
  testChannel,
  testServer,
} from './fixture.ts';

type Talk = ServerBidiStream<{ text: string }, { text: string }>;

function addEcho(server: RpcServer, onTalk?: (stream: Talk) => void): void {
  server.addService(echoService, {
    async say({ text }, context) {
      if (text === 'missing') throw new RpcError('not-found', 'no such thing');
      if (text === 'bug') throw new Error('secret detail');
      if (text === 'wait') await once(context.signal, 'abort');
      return { text: text.toUpperCase() };
    },
    count({ text }, stream) {
      for (let i = 1; i <= Number(text); i++) stream.send({ text: String(i) });
      stream.end();
    },
    talk(stream) {
      if (onTalk !== undefined) return onTalk(stream);
      stream.onMessage(({ text }) => stream.send({ text: `${text}!` }));
      stream.onEnd(() => stream.end());
    },
  });
}

async function started(t: TestContext, server: RpcServer): Promise<number> {
  t.after(() => server.stop());
  return (await server.listen()).port;
}

test('unary calls answer, and failures arrive as catalogued errors', async (t) => {
  const tls = await memberTls();
  const server = testServer(tls);
  addEcho(server);
  const port = await started(t, server);
  const channel = testChannel(tls, () => port);
  t.after(() => channel.close());
  const echo = channel.client(echoService);
  assert.deepEqual(await echo.say({ text: 'hi' }), { text: 'HI' });
  await assert.rejects(echo.say({ text: 'missing' }), {
    code: 'not-found',
    message: 'no such thing',
  });
  await assert.rejects(echo.say({ text: 'bug' }), { code: 'internal', message: 'internal error' });
  await assert.rejects(echo.say({ text: 'wait' }, { timeoutMs: 50 }), {
    code: 'deadline-exceeded',
  });
  const abort = new AbortController();
  const call = echo.say({ text: 'wait' }, { signal: abort.signal });
  abort.abort();
  await assert.rejects(call, { code: 'cancelled' });
});

test('streams carry messages both ways and end in good order', async (t) => {
  const tls = await memberTls();
  const server = testServer(tls);
  addEcho(server);
  const port = await started(t, server);
  const channel = testChannel(tls, () => port);
  t.after(() => channel.close());
  const echo = channel.client(echoService);
  const counted: string[] = [];
  await new Promise<void>((resolve, reject) => {
    void echo.count(
      { text: '3' },
      {
        onMessage: (message) => counted.push(message.text),
        onEnd: (error) => (error === undefined ? resolve() : reject(error)),
      },
    );
  });
  assert.deepEqual(counted, ['1', '2', '3']);
  const heard: string[] = [];
  let ended = false;
  const talk = await echo.talk({
    onMessage: (message) => heard.push(message.text),
    onEnd: () => (ended = true),
  });
  assert.equal(talk.send({ text: 'a' }), true);
  talk.send({ text: 'b' });
  await eventually('echo', () => heard.length === 2);
  talk.end();
  await eventually('end', () => ended);
  assert.deepEqual(heard, ['a!', 'b!']);
  assert.equal(talk.send({ text: 'c' }), false);
});

test(verifies('rpc.members-only'), async (t) => {
  const authority = await createAuthority();
  const ours = await memberMaterial(authority, 'cluster-1');
  const foreign = await memberMaterial(authority, 'cluster-2');
  const stranger = await memberMaterial(await createAuthority(), 'cluster-1');
  const tlsOf = (material: TlsMaterial) => ({ current: () => material, onChange: () => () => {} });
  const server = testServer(tlsOf(ours));
  addEcho(server);
  const port = await started(t, server);
  const say = async (material: TlsMaterial, clusterId: string): Promise<unknown> => {
    const channel = testChannel(tlsOf(material), () => port, { clusterId });
    t.after(() => channel.close());
    return channel.client(echoService).say({ text: 'x' }, { timeoutMs: 1000 });
  };
  assert.deepEqual(await say(ours, 'cluster-1'), { text: 'X' });
  // A client of another cluster under the same authority, one that does not check the server, and one of another authority.
  await assert.rejects(say(foreign, 'cluster-2'), { code: 'unavailable', connection: 'tls' });
  await assert.rejects(say(foreign, 'cluster-1'), { code: 'unavailable' });
  await assert.rejects(say(stranger, 'cluster-1'), { code: 'unavailable' });
});

test(verifies('rpc.refused-is-told-at-once'), async (t) => {
  const tls = await memberTls();
  const server = testServer(tls);
  addEcho(server);
  let port = (await server.listen()).port;
  const channel = testChannel(tls, () => port);
  t.after(() => channel.close());
  const states: string[] = [];
  channel.onState((state) => states.push(state.state === 'failed' ? state.failure : state.state));
  const echo = channel.client(echoService);
  await echo.say({ text: 'x' });
  await server.stop();
  await eventually('loss of the connection', () => states.at(-1) === 'reset');
  await assert.rejects(echo.say({ text: 'x' }), { code: 'unavailable', connection: 'refused' });
  assert.deepEqual(states, ['connecting', 'ready', 'reset', 'connecting', 'refused']);
  // The peer comes back somewhere else: the address is asked for again.
  const second = testServer(tls);
  addEcho(second);
  port = await started(t, second);
  await eventually('reconnect', async () => (await echo.say({ text: 'y' })).text === 'Y');
});

test('a name is resolved at each attempt', async (t) => {
  const tls = await memberTls();
  const server = testServer(tls);
  addEcho(server);
  const port = await started(t, server);
  let resolved = 0;
  const channel = testChannel(tls, () => port, {
    resolve: async () => {
      resolved += 1;
      if (resolved === 1) throw new Error('getaddrinfo ENOTFOUND member');
      return { host: 'localhost', port };
    },
  });
  t.after(() => channel.close());
  const echo = channel.client(echoService);
  await assert.rejects(echo.say({ text: 'x' }), { code: 'unavailable', connection: 'unresolved' });
  await eventually('second attempt', async () => (await echo.say({ text: 'x' })).text === 'X');
  assert.equal(resolved, 2);
});

test('rotated certificates are used for new connections', async (t) => {
  const first = await memberMaterial(await createAuthority(), 'cluster-1');
  const second = await memberMaterial(await createAuthority(), 'cluster-1');
  let current = first;
  const listeners = new Set<(material: TlsMaterial) => void>();
  const rotating = {
    current: () => current,
    onChange(listener: (material: TlsMaterial) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const server = testServer(rotating);
  addEcho(server);
  const port = await started(t, server);
  const before = testChannel(rotating, () => port);
  t.after(() => before.close());
  const echo = before.client(echoService);
  await echo.say({ text: 'x' });
  current = second;
  for (const listener of listeners) listener(second);
  const after = testChannel(rotating, () => port);
  t.after(() => after.close());
  assert.deepEqual(await after.client(echoService).say({ text: 'new' }), { text: 'NEW' });
  assert.deepEqual(await echo.say({ text: 'old' }), { text: 'OLD' });
});

test(verifies('rpc.plain-http-on-the-same-port'), async (t) => {
  const tls = await memberTls();
  const server = testServer(tls, {
    plainHttp: (request, response) => response.end(`plain ${request.url}`),
  });
  addEcho(server);
  const port = await started(t, server);
  const response = await fetch(`http://127.0.0.1:${port}/healthz`);
  assert.equal(await response.text(), 'plain /healthz');
  const channel = testChannel(tls, () => port);
  t.after(() => channel.close());
  assert.deepEqual(await channel.client(echoService).say({ text: 'x' }), { text: 'X' });
  const strict = testServer(tls);
  const strictPort = await started(t, strict);
  await assert.rejects(fetch(`http://127.0.0.1:${strictPort}/healthz`));
});

test(verifies('rpc.stalled-peer-is-bounded'), async (t) => {
  const tls = await memberTls();
  const server = testServer(tls);
  // The peer never reads: it registers no receiver of messages.
  addEcho(server, () => undefined);
  const port = await started(t, server);
  const channel = testChannel(tls, () => port);
  t.after(() => channel.close());
  const talk = await channel.client(echoService).talk({ onMessage: () => {}, onEnd: () => {} });
  const text = 'x'.repeat(64 * 1024);
  let sent = 0;
  while (talk.send({ text }, text.length)) {
    sent += 1;
    assert.ok(sent < 1000, 'the stream never refused');
  }
  assert.ok(talk.waitingBytes() < 9 * 2 ** 20);
});

test(verifies('rpc.dead-peer-is-noticed'), async (t) => {
  const tls = await memberTls();
  const server = testServer(tls);
  addEcho(server);
  const port = await started(t, server);
  // Between the two stands a proxy that can fall silent without closing, as a lost node does.
  let silent = false;
  const proxy = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      from.on('data', (chunk) => silent || to.write(chunk));
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => proxy.close());
  const proxyPort = (proxy.address() as { port: number }).port;
  const channel = testChannel(tls, () => proxyPort, { keepalive: { timeMs: 50, timeoutMs: 50 } });
  t.after(() => channel.close());
  await channel.client(echoService).say({ text: 'x' });
  silent = true;
  await eventually('the channel notices', () => channel.state().state === 'failed', 2000);
});

test('draining tells clients to go and refuses new ones', async (t) => {
  const tls = await memberTls();
  const server = testServer(tls);
  addEcho(server);
  const port = await started(t, server);
  const channel = testChannel(tls, () => port);
  t.after(() => channel.close());
  const echo = channel.client(echoService);
  await echo.say({ text: 'x' });
  server.drain(100);
  await eventually('the client leaves', () => channel.state().state !== 'ready');
  await assert.rejects(echo.say({ text: 'x' }), { code: 'unavailable' });
});
