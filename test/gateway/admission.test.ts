/** Admission before real gateways: bulkheads, rate limits and deadlines as a client meets them. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { DEFAULT_POLICIES, type GatewayPolicies } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { lastMessage, openRaw, openStream, post, POST_HEADERS, type RawAnswer } from './client.ts';
import { beginStream, startStub, type StubCall, type StubServer } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

/** Calls of the tool `hang` that the server has not answered. */
const hanging = new Set<StubCall>();
let server: StubServer;
let world: World | undefined;

before(async () => {
  server = await startStub({
    onCall(call) {
      const { name, big } = (call.message.params ?? {}) as { name?: string; big?: number };
      if (name === 'hang') {
        hanging.add(call);
        return true;
      }
      if (name === 'stream') {
        const send = beginStream(call.response);
        send('1', { jsonrpc: '2.0', method: 'notifications/message', params: {} });
        hanging.add(call);
        return true;
      }
      if (big === undefined) return false;
      const result = { text: 'x'.repeat(big) };
      call.response.writeHead(200, { 'content-type': 'application/json' });
      call.response.end(JSON.stringify({ jsonrpc: '2.0', id: call.message.id, result }));
      return true;
    },
  });
});
afterEach(async () => {
  for (const { response } of hanging) response.destroy();
  hanging.clear();
  await world?.stop();
  world = undefined;
});
after(async () => {
  await server.stop();
});

async function start(policies: Partial<GatewayPolicies>, pods = 1): Promise<World> {
  const backends = Array.from({ length: pods }, () => server.port);
  world = await startWorld({
    backends,
    config: { policies: { ...DEFAULT_POLICIES, ...policies } },
  });
  return world;
}

const bulkhead = {
  name: 'tools',
  match: { methods: ['tools/call'] },
  per: 'Tool',
  maxConcurrent: 2,
  maxQueue: 0,
  maxWaitMs: 5_000,
  order: 'FIFO',
  adaptive: false,
} as const;

const call = (id: number, name: string, extra: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, ...extra },
});

/** Ends a call of `hang` with a result. */
function release(): void {
  const [first] = hanging;
  if (first === undefined) throw new Error('nothing hangs');
  hanging.delete(first);
  first.response.writeHead(200, { 'content-type': 'application/json' });
  first.response.end(JSON.stringify({ jsonrpc: '2.0', id: first.message.id, result: {} }));
}

/** The value of one series in the exposition of a pod's metrics. */
async function metric(of: World, series: string): Promise<number> {
  const text = await of.pod(0).metrics.exposition();
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? NaN);
}

function assertRejected(answer: RawAnswer, status: number, code: number, id: number): void {
  assert.equal(answer.status, status, answer.body);
  assert.equal(answer.json.error?.code, code);
  assert.equal(answer.json.id, id);
  const retryAfter = Number(answer.headers.get('retry-after'));
  assert.ok(retryAfter >= 1);
  assert.equal(answer.json.error?.data['retryAfter'], retryAfter);
}

test(verifies('admission.bulkhead-isolates'), async () => {
  const here = await start({ bulkheads: [bulkhead] });
  const { url } = here.pod(0);
  const headers = await openRaw(url);
  const hung = [1, 2].map((id) => post(url, call(id, 'hang'), headers));
  await eventually('both hang', () => hanging.size === 2);
  assertRejected(await post(url, call(3, 'hang'), headers), 503, -31041, 3);
  const other = await post(url, call(4, 'fine'), headers);
  assert.equal(other.status, 200);
  assert.equal(await metric(here, 'gateway_bulkhead_in_use{bulkhead="tools"}'), 2);
  const rejected = 'gateway_bulkhead_rejected_total{bulkhead="tools",reason="full"}';
  assert.equal(await metric(here, rejected), 1);
  release();
  release();
  assert.deepEqual(
    (await Promise.all(hung)).map(({ status }) => status),
    [200, 200],
  );
  const last = post(url, call(5, 'hang'), headers);
  await eventually('it hangs, too', () => hanging.size === 1);
  release();
  assert.equal((await last).status, 200);
  assert.equal(await metric(here, 'gateway_bulkhead_in_use{bulkhead="tools"}'), 0);
});

test(verifies('admission.bulkhead-queue'), async () => {
  const policy = { ...bulkhead, maxConcurrent: 1, maxQueue: 2, maxWaitMs: 60_000 };
  const here = await start({ bulkheads: [policy] });
  const { url } = here.pod(0);
  const headers = await openRaw(url);
  const first = post(url, call(1, 'hang'), headers);
  await eventually('one hangs', () => hanging.size === 1);
  const leaving = new AbortController();
  const left = fetch(url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...headers },
    body: JSON.stringify(call(2, 'hang')),
    signal: leaving.signal,
  }).catch(() => undefined);
  const queued = 'gateway_bulkhead_queued{bulkhead="tools"}';
  await eventually('one waits', async () => (await metric(here, queued)) === 1);
  const third = post(url, call(3, 'hang'), headers);
  await eventually('two wait', async () => (await metric(here, queued)) === 2);
  assertRejected(await post(url, call(4, 'hang'), headers), 503, -31041, 4);
  leaving.abort();
  await left;
  await eventually('the place is free again', async () => (await metric(here, queued)) === 1);
  release();
  assert.equal((await first).status, 200);
  await eventually('the third runs', () => hanging.size === 1);
  assert.equal([...hanging][0]?.message.id, 3);
  release();
  assert.equal((await third).status, 200);
  assert.equal(await metric(here, 'gateway_bulkhead_wait_seconds_count{bulkhead="tools"}'), 1);
});

test('whoever waited too long is told when to come again', async () => {
  const policy = { ...bulkhead, maxConcurrent: 1, maxQueue: 2, maxWaitMs: 20 };
  const here = await start({ bulkheads: [policy] });
  const { url } = here.pod(0);
  const headers = await openRaw(url);
  const first = post(url, call(1, 'hang'), headers);
  await eventually('one hangs', () => hanging.size === 1);
  assertRejected(await post(url, call(2, 'hang'), headers), 503, -31041, 2);
  const waited = 'gateway_bulkhead_rejected_total{bulkhead="tools",reason="wait"}';
  assert.equal(await metric(here, waited), 1);
  release();
  await first;
});

test('what is full by one session alone is 429, and only for that session', async () => {
  const here = await start({ bulkheads: [{ ...bulkhead, per: 'Session', maxConcurrent: 1 }] });
  const { url } = here.pod(0);
  const [one, two] = [await openRaw(url), await openRaw(url)];
  const hung = post(url, call(1, 'hang'), one);
  await eventually('one hangs', () => hanging.size === 1);
  assertRejected(await post(url, call(2, 'fine'), one), 429, -31041, 2);
  assert.equal((await post(url, call(3, 'fine'), two)).status, 200);
  release();
  await hung;
});

test(verifies('admission.stream-holds-place'), async () => {
  const here = await start({ bulkheads: [{ ...bulkhead, maxConcurrent: 1 }] });
  const { url } = here.pod(0);
  const headers = await openRaw(url);
  const body = JSON.stringify(call(1, 'stream'));
  const open = { method: 'POST', headers: { ...POST_HEADERS, ...headers }, body };
  const stream = await openStream(url, open);
  await eventually('the stream runs', () => stream.items.length > 1);
  assertRejected(await post(url, call(2, 'stream'), headers), 503, -31041, 2);
  const [running] = hanging;
  running?.response.end(
    `id: 2\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: 1, result: {} })}\n\n`,
  );
  await stream.ended;
  hanging.clear();
  const next = await openStream(url, { ...open, body: JSON.stringify(call(3, 'stream')) });
  assert.equal(next.status, 200);
  await eventually('the server works on it', () => hanging.size === 1);
  next.close();
  await eventually(
    'the reader has left',
    async () => (await metric(here, 'gateway_streams')) === 0,
  );
  // A client that leaves has cancelled nothing: the server still works.
  assertRejected(await post(url, call(4, 'stream'), headers), 503, -31041, 4);
  [...hanging][0]?.response.end(
    `id: 2\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: 3, result: {} })}\n\n`,
  );
  const inUse = 'gateway_bulkhead_in_use{bulkhead="tools"}';
  await eventually('its place is free', async () => (await metric(here, inUse)) === 0);
});

test('whoever leaves before any answer holds its place until the server has answered', async () => {
  const here = await start({ bulkheads: [{ ...bulkhead, maxConcurrent: 1 }] });
  const { url } = here.pod(0);
  const headers = await openRaw(url);
  const leaving = new AbortController();
  const left = fetch(url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...headers },
    body: JSON.stringify(call(1, 'hang')),
    signal: leaving.signal,
  }).catch(() => undefined);
  await eventually('it hangs', () => hanging.size === 1);
  leaving.abort();
  await left;
  assertRejected(await post(url, call(2, 'hang'), headers), 503, -31041, 2);
  release();
  const inUse = 'gateway_bulkhead_in_use{bulkhead="tools"}';
  await eventually('its place is free', async () => (await metric(here, inUse)) === 0);
});

test(verifies('admission.never-blocked'), async () => {
  const here = await start({
    bulkheads: [{ ...bulkhead, match: {}, per: 'All', maxConcurrent: 1 }],
    rateLimits: [
      { name: 'all', match: {}, per: 'Session', requests: 1, intervalMs: 3_600_000, burst: 2 },
    ],
  });
  const { url } = here.pod(0);
  const headers = await openRaw(url);
  const hung = post(url, call(1, 'hang'), headers);
  await eventually('it hangs', () => hanging.size === 1);
  const listening = { ...headers, accept: 'text/event-stream' };
  const get = await openStream(url, { method: 'GET', headers: listening });
  assert.equal(get.status, 200);
  get.close();
  const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
  assert.equal((await post(url, cancel, headers)).status, 202);
  assert.equal((await post(url, { jsonrpc: '2.0', id: 'late', result: {} }, headers)).status, 202);
  release();
  assert.equal((await hung).status, 200);
  const ended = await fetch(url, { method: 'DELETE', headers });
  assert.ok(ended.status < 300);
});

test(verifies('admission.bytes-held-back'), async () => {
  const policy = { ...bulkhead, maxConcurrent: 10, quotas: { bytesPerSecond: 100_000 } };
  const here = await start({ bulkheads: [policy] });
  const { url } = here.pod(0);
  const headers = await openRaw(url);
  const begun = performance.now();
  const answers = await Promise.all(
    [1, 2, 3].map((id) => post(url, call(id, 'big', { big: 20_000 }), headers)),
  );
  // The first goes at once; a tenth of a second of the rate is allowed in advance.
  assert.ok(performance.now() - begun > 250, `${performance.now() - begun} ms`);
  assert.ok(answers.every(({ status, body }) => status === 200 && body.length > 20_000));
});

test(verifies('admission.deadline'), async () => {
  const here = await start({ requestTimeoutMs: 300 }, 2);
  const { url } = here.pod(0);
  const headers = await openRaw(url);
  for (const [pod, id] of [0, 1].map((index) => [index, index + 10] as const)) {
    server.seen.length = 0;
    const late = await post(here.pod(pod).url, call(id, 'hang'), headers);
    assert.equal(late.status, 200);
    assert.equal(late.json.error?.code, -31043);
    assert.equal(late.json.id, id);
    await eventually('the server hears of it', () =>
      server.seen.includes('notifications/cancelled'),
    );
  }
  const body = JSON.stringify(call(20, 'stream'));
  const open = { method: 'POST', headers: { ...POST_HEADERS, ...headers }, body };
  const stream = await openStream(url, open);
  await stream.ended;
  assert.equal(lastMessage(stream).error.code, -31043);
  assert.equal(lastMessage(stream).id, 20);
  assert.equal((await post(url, call(30, 'fine'), headers)).status, 200);
});

test(verifies('admission.usage-stops'), async () => {
  let cpuCores = 0.5;
  const { port } = server;
  const quotas = { cpu: 1 };
  world = await startWorld({
    backends: [port],
    usage: { current: () => ({ cpuCores, memoryBytes: 1 }) },
    config: {
      policies: { ...DEFAULT_POLICIES, bulkheads: [{ ...bulkhead, maxConcurrent: 9, quotas }] },
    },
  });
  const { url } = world.pod(0);
  const headers = await openRaw(url);
  const status = async (id: number): Promise<number> =>
    (await post(url, call(id, 'fine'), headers)).status;
  assert.equal(await status(1), 200);
  cpuCores = 1.5;
  assertRejected(await post(url, call(2, 'fine'), headers), 503, -31042, 2);
  const listing = { jsonrpc: '2.0', id: 3, method: 'tools/list' };
  assert.equal((await post(url, listing, headers)).status, 200);
  cpuCores = 0.95;
  assert.equal(await status(4), 503);
  cpuCores = 0.8;
  assert.equal(await status(5), 200);
});

test(verifies('admission.problems'), async () => {
  const here = await start({
    requestTimeoutMs: 1_000,
    bulkheads: [
      {
        ...bulkhead,
        match: { methods: ['tools/cal', 'notifications/progress'], tools: ['a'] },
        maxQueue: 1,
      },
    ],
    rateLimits: [
      { name: 'none', match: {}, per: 'All', requests: 1, intervalMs: 1_000, burst: 0 },
      { name: 'fine', match: {}, per: 'All', requests: 1, intervalMs: 1_000, burst: 1 },
    ],
  });
  assert.deepEqual(
    here
      .pod(0)
      .gateway.status()
      .policyProblems.map(({ field }) => field),
    [
      'bulkheads[0].match.methods[0]',
      'bulkheads[0].match.methods[1]',
      'bulkheads[0].match',
      'bulkheads[0].maxWait',
      'rateLimits[0]',
    ],
  );
});
