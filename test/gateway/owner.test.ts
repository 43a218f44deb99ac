/** Ownership, leases, odd servers and the peer port, with servers that do what the real one never would. */
import assert from 'node:assert/strict';
import { request as tlsRequest } from 'node:https';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import {
  INITIALIZE,
  lastEventId,
  messagesOf,
  openRaw,
  openStream,
  post,
  POST_HEADERS,
  raw,
} from './client.ts';
import { freePort } from '../free-ports.ts';
import { beginStream, startStub, type StubOptions, type StubServer } from './stub-server.ts';
import { makeTls, startWorld, type Pod, type World, type WorldOptions } from './world.ts';

interface Scene {
  readonly world: World;
  readonly stubs: readonly StubServer[];
}

async function scene(
  t: TestContext,
  stubs: readonly StubOptions[],
  options: Omit<WorldOptions, 'backends'> = {},
): Promise<Scene> {
  const started = await Promise.all(stubs.map((each) => startStub(each)));
  const world = await startWorld({ ...options, backends: started.map((stub) => stub.port) });
  t.after(async () => {
    await world.stop();
    await Promise.all(started.map((stub) => stub.stop()));
  });
  return { world, stubs: started };
}

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };
const CALL = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'once' } };

test(verifies('gateway.refuse-move'), async (t) => {
  const { world } = await scene(t, [{ capabilities: { tools: {}, logging: {} } }, {}]);
  const headers = await openRaw(world.pod(0).url);
  await world.pod(0).kill();
  const answer = await post(world.pod(1).url, PING, headers);
  assert.equal(answer.status, 404);
  assert.equal(answer.json.error?.code, -32001);
  const refused = world.events.find((event) => event.type === 'session-refused');
  assert.match(refused?.why ?? '', /logging/);
  assert.equal((await post(world.pod(1).url, PING, headers)).status, 404);
});

test('JSON answers stay JSON, with the headers of the server but not its session id', async (t) => {
  const { world } = await scene(t, [{}]);
  const headers = await openRaw(world.pod(0).url);
  const answer = await post(world.pod(0).url, PING, headers);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.equal(answer.headers.get('x-stub'), 'yes');
  assert.equal(answer.headers.get('mcp-session-id'), headers['mcp-session-id']);
  assert.deepEqual(answer.json, { jsonrpc: '2.0', id: 1, result: { method: 'ping' } });
});

test('a server without sessions gets one from the gateway', async (t) => {
  const { world, stubs } = await scene(t, [{ stateless: true, getStatus: 405, deleteStatus: 405 }]);
  const { url } = world.pod(0);
  const headers = await openRaw(url);
  assert.equal((await post(url, PING, headers)).status, 200);
  assert.equal(stubs[0]?.headers.at(-1)?.['mcp-session-id'], undefined);
  const get = await raw(url, { headers: { ...headers, accept: 'text/event-stream' } });
  assert.equal(get.status, 405);
  assert.equal((await raw(url, { method: 'DELETE', headers })).status, 405);
  assert.equal((await post(url, PING, headers)).status, 200, 'the session goes on');
});

test("the server sees the client's Host, or its own where the gateway checks it", async (t) => {
  const { world, stubs } = await scene(t, [{}]);
  await openRaw(world.pod(0).url);
  assert.equal(stubs[0]?.headers.at(-1)?.host, world.pod(0).url.host);
  const checking = await scene(t, [{}], { config: { allowedHosts: [world.pod(0).url.hostname] } });
  const other = checking.world.pod(0).url;
  const refused = await post(other, INITIALIZE);
  assert.equal(refused.status, 403);
  const strict = await scene(t, [{}], { config: { allowedHosts: ['127.0.0.1'] } });
  const { port, hostname } = strict.world.pod(0).url;
  assert.equal((await post(new URL(`http://${hostname}:${port}/mcp`), INITIALIZE)).status, 403);
});

test(verifies('gateway.lease'), async (t) => {
  const { world, stubs } = await scene(t, [{}, {}]);
  const headers = await openRaw(world.pod(0).url);
  // Pod 0 can no longer prove that it owns; the others cannot yet know that it is gone.
  world.pod(0).belief.leaseValid = false;
  world.pod(0).belief.state = 'unsure';
  world.announce();
  const asked = stubs[0]?.seen.length;
  let answered = false;
  const answer = post(world.pod(1).url, PING, headers).finally(() => (answered = true));
  await eventually('the front keeps asking', async () => (await retries(world.pod(1))) > 3);
  assert.equal(answered, false);
  assert.equal(stubs[0]?.seen.length, asked, 'nothing reaches the server without a lease');
  world.pod(0).belief.state = 'gone';
  world.announce();
  assert.equal((await answer).status, 200);
  assert.equal((await world.ownerOf(headers['mcp-session-id'])).node, 'pod-1');
  // The lease comes back, the epoch does not.
  world.pod(0).belief.state = 'alive';
  world.pod(0).belief.leaseValid = true;
  world.announce();
  assert.equal((await post(world.pod(0).url, PING, headers)).status, 200);
  assert.equal((await world.ownerOf(headers['mcp-session-id'])).node, 'pod-1');
});

test('an answer that is ready when the lease is in doubt waits for the lease', async (t) => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const onCall: StubOptions['onCall'] = async ({ message }) => {
    if (message.method === 'tools/call') await held;
    return false;
  };
  const { world, stubs } = await scene(t, [{ onCall }]);
  const headers = await openRaw(world.pod(0).url);
  let answered = false;
  const answer = post(world.pod(0).url, CALL, headers).finally(() => (answered = true));
  await eventually('the server has the call', () => stubs[0]?.seen.includes('tools/call'));
  world.pod(0).belief.leaseValid = false;
  const checks = world.pod(0).belief.leaseChecks;
  release();
  await eventually('it waits', () => world.pod(0).belief.leaseChecks > checks + 3);
  assert.equal(answered, false);
  world.pod(0).belief.leaseValid = true;
  assert.equal((await answer).status, 200);
});

test('two fronts that find the owner dead at once: one claim wins, both are answered', async (t) => {
  const { world } = await scene(t, [{}, {}, {}]);
  for (let round = 0; round < 5; round++) await openRaw(world.pod(0).url);
  const owned = await eventually('a session of pod 0', async () => {
    const headers = await openRaw(world.pod(0).url);
    return (await world.ownerOf(headers['mcp-session-id'])).node === 'pod-0' ? headers : undefined;
  });
  await world.pod(0).kill();
  const answers = await Promise.all(
    [1, 2, 1, 2, 1, 2].map((index) => post(world.pod(index).url, PING, owned)),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200, 200, 200],
  );
  const moved = world.events.filter((event) => event.type === 'session-moved');
  assert.equal(moved.length, 1);
  assert.equal(moved[0]?.epoch, 2);
});

test(verifies('gateway.no-repeat'), async (t) => {
  let runs = 0;
  const onCall: StubOptions['onCall'] = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    runs += 1;
    response.destroy();
    return true;
  };
  const { world } = await scene(t, [{ onCall }, { onCall }]);
  const headers = await openRaw(world.pod(0).url);
  const answer = await post(world.pod(1).url, CALL, headers);
  assert.equal(answer.status, 200);
  assert.equal(answer.json.error?.data.retryable, false);
  assert.equal(runs, 1);
});

test('what never reached a server is repeated, whatever it is', async (t) => {
  const { world, stubs } = await scene(t, [{}, {}]);
  const headers = await openRaw(world.pod(0).url);
  await stubs[0]?.stop();
  const answer = await post(world.pod(1).url, CALL, headers);
  assert.deepEqual(answer.json.result, { method: 'tools/call' });
});

test('404 of the server means that it lost the session: replayed, and the call sent again', async (t) => {
  const { world, stubs } = await scene(t, [{}]);
  const headers = await openRaw(world.pod(0).url);
  stubs[0]?.forget();
  assert.deepEqual((await post(world.pod(0).url, CALL, headers)).json.result, {
    method: 'tools/call',
  });
  const { seen = [] } = stubs[0] ?? {};
  assert.deepEqual(seen.slice(seen.indexOf('tools/call')), [
    'tools/call',
    'initialize',
    'notifications/initialized',
    'GET',
    'tools/call',
  ]);
});

test('initialize waits for a server that is still starting', async (t) => {
  const port = await freePort();
  const world = await startWorld({ backends: [port], waitReady: false });
  t.after(() => world.stop());
  const opening = openRaw(world.pod(0).url);
  await eventually('the front tries', async () => (await retries(world.pod(0))) > 1);
  const stub = await startStub({ port });
  t.after(() => stub.stop());
  assert.notEqual((await opening)['mcp-session-id'], '');
});

test('a modern probe is answered although no server answers', async (t) => {
  const world = await startWorld({ backends: [await freePort()], waitReady: false });
  t.after(() => world.stop());
  const probe = {
    ...PING,
    method: 'server/discover',
    params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
  };
  assert.equal((await post(world.pod(0).url, probe)).status, 400);
});

test('a stream that the server closes for polling is closed for the client too, and resumed', async (t) => {
  let finish: (() => void) | undefined;
  const onCall: StubOptions['onCall'] = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    const write = beginStream(response);
    write('p1', '');
    response.write('retry: 20\n\n');
    finish = () => response.end();
    return true;
  };
  const { world, stubs } = await scene(t, [{ onCall }, {}]);
  const headers = await openRaw(world.pod(0).url);
  const stream = await openStream(world.pod(1).url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...headers },
    body: JSON.stringify(CALL),
  });
  await eventually('priming', () => stream.items.length > 0);
  finish?.();
  await stream.ended;
  assert.equal(messagesOf(stream).length, 0);
  await eventually('the owner polls the server', () =>
    stubs[0]?.headers.some((each) => each['last-event-id'] === 'p1'),
  );
  const resumed = await openStream(world.pod(0).url, {
    headers: { ...headers, accept: 'text/event-stream', 'last-event-id': lastEventId(stream) },
  });
  assert.equal(resumed.status, 200);
  resumed.close();
});

test('idle sessions end, those with a client connected do not', async (t) => {
  const { world } = await scene(t, [{}], {
    idleTimeoutMs: 100,
    touchIntervalMs: 50,
    config: { timing: { sweepMs: 20 } },
  });
  const { url } = world.pod(0);
  const idle = await openRaw(url);
  const used = await openRaw(url);
  const stream = await openStream(url, { headers: { ...used, accept: 'text/event-stream' } });
  // Looked for in the directory: a request would count as use.
  const { directory } = world.pod(0).sessions;
  await eventually(
    'the idle one is gone',
    () => directory.local(idle['mcp-session-id']) === undefined,
  );
  assert.equal((await post(url, PING, idle)).status, 404);
  assert.equal((await post(url, PING, used)).status, 200);
  stream.close();
});

test(verifies('gateway.peers'), async (t) => {
  const { world } = await scene(t, [{}]);
  const member = world.members()[0];
  assert.ok(member !== undefined);
  const ask = async (tls: { ca?: string; cert?: string; key?: string }): Promise<string> =>
    new Promise((resolve) => {
      const request = tlsRequest(
        {
          host: member.peer.host,
          port: member.peer.port,
          path: '/v1/serve',
          method: 'POST',
          servername: 'pod.test',
          rejectUnauthorized: false,
          ...tls,
        },
        (response) => {
          response.resume();
          resolve(String(response.statusCode));
        },
      );
      request.on('error', () => resolve('refused'));
      request.end();
    });
  const stranger = (await makeTls('another-cluster')).current();
  const own = world.tls.current();
  assert.equal(await ask({}), 'refused', 'no certificate');
  assert.equal(await ask(stranger), 'refused', 'another authority');
  assert.equal(await ask(await world.issueFor('another-cluster')), 'refused', 'another cluster');
  assert.equal(await ask(own), '400', 'a member that asks nonsense');
});

test('a client that reads slowly gets every event', async (t) => {
  const text = 'x'.repeat(100_000);
  const onCall: StubOptions['onCall'] = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    const write = beginStream(response);
    for (let n = 0; n < 40; n++)
      write(`e${n}`, { jsonrpc: '2.0', method: 'notifications/message', params: { n, text } });
    write('last', { jsonrpc: '2.0', id: 2, result: {} });
    response.end();
    return true;
  };
  const { world } = await scene(t, [{ onCall }, {}], {
    config: { limits: { ...LIMITS, unreadEventsMax: 2 } },
  });
  const headers = await openRaw(world.pod(0).url);
  const response = await fetch(world.pod(1).url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...headers },
    body: JSON.stringify(CALL),
  });
  let body = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    body += decoder.decode(chunk as Uint8Array, { stream: true });
    await turn();
  }
  assert.deepEqual(
    [...body.matchAll(/"n":(\d+)/g)].map((match) => Number(match[1])),
    Array.from({ length: 40 }, (_, n) => n),
  );
  assert.match(body, /"result"/);
});

/** Attempts after the first that a pod made as a front. */
async function retries(pod: Pod): Promise<number> {
  const text = await pod.metrics.exposition();
  return Number(/^gateway_requests_retried_total (\d+)/m.exec(text)?.[1] ?? 0);
}

const LIMITS = { bodyBytes: 4_194_304, headerBytes: 16_384, streamsPerSession: 16 };
