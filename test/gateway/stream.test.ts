/** SSE through the gateway: event ids, resuming at any pod, moves under an open stream, what is repeated and what is not. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import {
  connect,
  lastEventId,
  lastMessage,
  messagesOf,
  openRaw,
  openStream,
  post,
  POST_HEADERS,
  raw,
  type Message,
  type RawStream,
} from './client.ts';
import { startEverything, type ServerProcess } from './everything.ts';
import { startWorld, type World } from './world.ts';

let servers: ServerProcess[] = [];
let world: World;
type SessionHeaders = Awaited<ReturnType<typeof openRaw>>;

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

const call = (id: number, name: string, args: object, token?: string): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: {
    name,
    arguments: args,
    ...(token === undefined ? {} : { _meta: { progressToken: token } }),
  },
});
const postStream = (url: URL, headers: SessionHeaders, message: object): Promise<RawStream> =>
  openStream(url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...headers },
    body: JSON.stringify(message),
  });
const getStream = (url: URL, headers: SessionHeaders, lastId?: string): Promise<RawStream> =>
  openStream(url, {
    headers: {
      accept: 'text/event-stream',
      ...headers,
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    },
  });
/** Repeatable by its annotations once the session has listed its tools. */
const longCall = (id: number, seconds: number): object =>
  call(id, 'trigger-long-running-operation', { duration: seconds, steps: 4 }, 'token');

test(verifies('gateway.event-ids'), async () => {
  const { url } = world.pod(0);
  const headers = await openRaw(url);
  const stream = await postStream(url, headers, call(7, 'echo', { message: 'x' }));
  await stream.ended;
  const [retry, priming, ...rest] = stream.items;
  assert.equal(retry?.type, 'retry');
  assert.equal(priming?.type === 'event' && priming.data, '');
  assert.match(lastEventId(stream), /^1\.1\.\d+\.f\./);
  assert.equal(
    rest.every((item) => item.type === 'event' && item.id !== undefined),
    true,
  );
  assert.equal(stream.headers.get('cache-control'), 'no-cache, no-transform');
  assert.equal(stream.headers.get('x-accel-buffering'), 'no');
  assert.equal(lastMessage(stream).id, 7);
});

test(verifies('gateway.resume-anywhere'), async () => {
  const headers = await openRaw(world.pod(0).url);
  const stream = await postStream(world.pod(1).url, headers, longCall(5, 0.6));
  await eventually('some progress', () => messagesOf(stream).length >= 1);
  const seen = messagesOf(stream).map((message) => message.params.progress);
  const from = lastEventId(stream);
  stream.close();
  const resumed = await getStream(world.pod(0).url, headers, from);
  await resumed.ended;
  const messages = messagesOf(resumed);
  assert.deepEqual(
    [...seen, ...messages.slice(0, -1).map((message) => message.params.progress)],
    [1, 2, 3, 4],
  );
  assert.match(JSON.stringify(messages.at(-1)), /completed/);
  // Nothing follows the last event: the client shall stop asking, at whichever pod.
  const again = await raw(world.pod(1).url, {
    headers: { accept: 'text/event-stream', ...headers, 'last-event-id': lastEventId(resumed) },
  });
  assert.equal(again.status, 204);
});

test('a repeatable call goes on elsewhere on the same response when its pod dies', async () => {
  const headers = await openRaw(world.pod(0).url);
  await post(world.pod(0).url, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, headers);
  await eventually('the tool hints are agreed', () =>
    world
      .pod(1)
      .sessions.directory.local(headers['mcp-session-id'])
      ?.repeatableTools.includes('echo'),
  );
  const stream = await postStream(world.pod(1).url, headers, longCall(5, 0.8));
  await eventually('some progress', () => messagesOf(stream).length >= 1);
  await world.pod(0).kill();
  await stream.ended;
  const last = lastMessage(stream);
  assert.equal(last.id, 5);
  assert.match(JSON.stringify(last), /completed/);
  assert.ok(world.events.some((event) => event.type === 'request-retried'));
});

test(verifies('gateway.lost-request'), async () => {
  const headers = await openRawWith(world.pod(0).url, { sampling: {} });
  const sample = call(9, 'trigger-sampling-request', { prompt: 'p', maxTokens: 5 });
  const stream = await postStream(world.pod(1).url, headers, sample);
  await serverRequest(stream);
  const killedAt = performance.now();
  await world.pod(0).kill();
  await stream.ended;
  assert.ok(performance.now() - killedAt < 1_000, 'within a second');
  const last = lastMessage(stream);
  assert.equal(last.id, 9);
  assert.equal(last.error.data.retryable, false);
  assert.ok(last.error.code < -32768 || last.error.code > -32000);
  assert.match(lastEventId(stream), /\.f\./);
  const answer = await post(world.pod(1).url, call(10, 'echo', { message: 'y' }), headers);
  assert.equal(answer.json.result?.content[0]?.text, 'Echo: y');
});

test('a call whose client left before the pod died is answered with an error when it resumes', async () => {
  const headers = await openRawWith(world.pod(0).url, { sampling: {} });
  const sample = call(3, 'trigger-sampling-request', { prompt: 'p', maxTokens: 5 });
  const stream = await postStream(world.pod(0).url, headers, sample);
  await serverRequest(stream);
  stream.close();
  await world.pod(0).kill();
  const resumed = await getStream(world.pod(1).url, headers, lastEventId(stream));
  await resumed.ended;
  const last = lastMessage(resumed);
  assert.equal(last.id, 3);
  assert.equal(last.error.data.retryable, false);
});

test('the server dies under a call: the call goes on at another pod', async () => {
  const headers = await openRaw(world.pod(0).url);
  await post(world.pod(0).url, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, headers);
  const stream = await postStream(world.pod(0).url, headers, longCall(5, 0.8));
  await eventually('some progress', () => messagesOf(stream).length >= 1);
  const [backend] = servers;
  await backend?.kill();
  await stream.ended;
  assert.match(JSON.stringify(lastMessage(stream)), /completed/);
  servers[0] = await startEverything({ port: backend?.port ?? 0 });
});

test(verifies('gateway.replay'), async () => {
  const headers = await openRaw(world.pod(0).url);
  const { url } = world.pod(1);
  const uri = 'demo://resource/static/document/architecture.md';
  const level = { jsonrpc: '2.0', id: 1, method: 'logging/setLevel', params: { level: 'error' } };
  assert.deepEqual((await post(url, level, headers)).json.result, {});
  const subscribe = { jsonrpc: '2.0', id: 2, method: 'resources/subscribe', params: { uri } };
  assert.deepEqual((await post(url, subscribe, headers)).json.result, {});
  const record = await world.pod(1).sessions.directory.refresh(headers['mcp-session-id']);
  assert.equal(record?.logLevel, 'error');
  assert.deepEqual(record?.subscriptions, [uri]);
  assert.equal(record?.initialized, true);

  const stream = await getStream(url, headers);
  await eventually('the stream is open', () => stream.items.length > 0);
  await world.pod(0).kill();
  await eventually('the missed update is announced', () =>
    messagesOf(stream).some(
      (message) =>
        message.method === 'notifications/resources/updated' && message.params.uri === uri,
    ),
  );
  // The new backend knows the subscription: its own updates arrive on the stream that was open all the time.
  const count = messagesOf(stream).length;
  await post(url, call(3, 'toggle-subscriber-updates', {}), headers);
  await eventually('an update of the new backend', () =>
    messagesOf(stream)
      .slice(count)
      .some((message) => message.method === 'notifications/resources/updated'),
  );
  stream.close();
});

test("the server's requests keep distinct ids over a move, and late answers are swallowed", async () => {
  const asked: Message[] = [];
  const headers = await openRawWith(world.pod(0).url, { sampling: {} });
  const sample = call(4, 'trigger-sampling-request', { prompt: 'p', maxTokens: 5 });
  const first = await postStream(world.pod(0).url, headers, sample);
  asked.push(await serverRequest(first));
  await world.pod(0).kill();
  const second = await postStream(world.pod(1).url, headers, { ...sample, id: 6 });
  asked.push(await serverRequest(second));
  assert.notEqual(asked[0]?.id, asked[1]?.id);
  const answer = (id: unknown): object => ({
    jsonrpc: '2.0',
    id,
    result: { role: 'assistant', model: 'm', content: { type: 'text', text: `for ${id}` } },
  });
  const { url } = world.pod(1);
  assert.equal((await post(url, answer(asked[0]?.id), headers)).status, 202);
  assert.equal((await post(url, answer(asked[1]?.id), headers)).status, 202);
  await second.ended;
  const text = JSON.stringify(lastMessage(second).result);
  assert.match(text, new RegExp(`for ${String(asked[1]?.id)}`));
  assert.equal((await post(url, answer(asked[1]?.id), headers)).status, 202);
});

test('the official client resumes a call by itself after the pod it was connected to died', async () => {
  const { client, redirect } = await connect(world.pod(0).url);
  redirect(world.pod(1).url);
  const progress: number[] = [];
  const answer = client.callTool(
    { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 4 } },
    undefined,
    { onprogress: (step) => progress.push(step.progress) },
  );
  await eventually('some progress', () => progress.length >= 1);
  redirect(world.pod(0).url);
  await world.pod(1).kill();
  assert.match(JSON.stringify(await answer), /completed/);
  assert.deepEqual(progress, [1, 2, 3, 4]);
  await client.close();
});

async function openRawWith(url: URL, capabilities: object): Promise<SessionHeaders> {
  const answer = await post(url, {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      capabilities,
      clientInfo: { name: 'raw', version: '1' },
    },
  });
  const headers = {
    'mcp-session-id': answer.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-11-25',
  };
  await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
  return headers;
}

function serverRequest(stream: RawStream): Promise<Message> {
  return eventually('a request of the server', () =>
    messagesOf(stream).find((message) => message.method !== undefined && message.id !== undefined),
  );
}
