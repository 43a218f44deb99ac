/** Events that an owner had sent, or was about to send, when its pod died: on other pods in time, and sent once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect as connectTo, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { Member } from '../../src/gateway/index.ts';
import { parseEventId } from '../../src/sessions/index.ts';
import { required } from '../../src/std/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import {
  lastEventId,
  messagesOf,
  openRaw,
  openStream,
  post,
  POST_HEADERS,
  type RawStream,
} from './client.ts';
import { beginStream, startStub, type StubOptions, type StubServer } from './stub-server.ts';
import { startWorld, type Pod, type World, type WorldOptions } from './world.ts';

type Headers = Awaited<ReturnType<typeof openRaw>>;
const CALL = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'once' } };
const note = (n: number, text = ''): object => ({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { n, text },
});
const ANSWER = { jsonrpc: '2.0', id: 2, result: { content: [] } };

interface Scene {
  readonly world: World;
  readonly stubs: readonly StubServer[];
  /** Writers of the POST streams and the GET streams that servers have opened, in order. */
  readonly calls: ReturnType<typeof beginStream>[];
  readonly gets: ServerResponse[];
}

/** Servers whose streams the test writes itself. */
async function scene(t: TestContext, options: Omit<WorldOptions, 'backends'> = {}): Promise<Scene> {
  const calls: Scene['calls'] = [];
  const gets: ServerResponse[] = [];
  const stub: StubOptions = {
    onGet: (response) => gets.push(response),
    onCall({ message, response }) {
      if (message.method === 'tools/list') {
        const tools = [{ name: 'once' }, { name: 'read', annotations: { readOnlyHint: true } }];
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { tools } }));
        return true;
      }
      if (message.method !== 'tools/call') return false;
      calls.push(beginStream(response));
      response.flushHeaders();
      return true;
    },
  };
  const stubs = await Promise.all([0, 1, 2].map(() => startStub(stub)));
  const world = await startWorld({ ...options, backends: stubs.map(({ port }) => port) });
  t.after(async () => {
    await world.stop();
    await Promise.all(stubs.map((each) => each.stop()));
  });
  return { world, stubs, calls, gets };
}

const callStream = (pod: Pod, headers: Headers, name = 'once'): Promise<RawStream> =>
  openStream(pod.url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...headers },
    body: JSON.stringify({ ...CALL, params: { name } }),
  });
const getStream = (pod: Pod, headers: Headers, lastId?: string): Promise<RawStream> =>
  openStream(pod.url, {
    headers: {
      accept: 'text/event-stream',
      ...headers,
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    },
  });
const numbers = (stream: RawStream): unknown[] =>
  messagesOf(stream)
    .filter((message) => message.method === 'notifications/message')
    .map((message) => message.params['n']);

/** Events that some pod but `owner` holds of the session. */
const heldElsewhere = (world: World, headers: Headers, owner: string): number =>
  Math.max(
    ...[0, 1, 2]
      .map((index) => world.pod(index))
      .filter(({ node }) => node !== owner)
      .map((pod) => heldAt(pod, headers)),
  );

const heldAt = ({ sessions }: Pod, headers: Headers): number =>
  sessions.held
    .of(headers['mcp-session-id'])
    .flatMap(({ events }) => events)
    .filter(({ id }) => parseEventId(id)?.sequence !== 0).length;

test(verifies('gateway.resume-after-death'), async (t) => {
  const { world, stubs, calls } = await scene(t);
  const headers = await openRaw(world.pod(0).url);
  const stream = await callStream(world.pod(1), headers);
  const write = await eventually('the call runs', () => calls[0]);
  write('a', note(1));
  await eventually('the first event', () => numbers(stream).length === 1);
  stream.close();
  // Nobody is there to read the rest, the answer included.
  write('b', note(2));
  write('c', ANSWER);
  await eventually('copies', () => heldElsewhere(world, headers, 'pod-0') === 3);
  await world.pod(0).kill();
  for (const index of [1, 2]) {
    const resumed = await getStream(world.pod(index), headers, lastEventId(stream));
    await resumed.ended;
    assert.deepEqual(numbers(resumed), [2], 'what was read is not sent again');
    assert.deepEqual(messagesOf(resumed).at(-1), ANSWER);
    assert.match(lastEventId(resumed), /^1\.1\.3\.f\./);
  }
  const called = stubs.flatMap(({ seen }) => seen.filter((method) => method === 'tools/call'));
  assert.equal(called.length, 1, 'nothing was repeated');
});

test('a stream that died before its answer: the events it had sent, then the error', async (t) => {
  const { world, calls } = await scene(t);
  const headers = await openRaw(world.pod(0).url);
  const stream = await callStream(world.pod(0), headers);
  await eventually('priming', () => stream.items.length > 0);
  stream.close();
  const write = await eventually('the call runs', () => calls[0]);
  write('a', note(1));
  await eventually('copies', () => heldElsewhere(world, headers, 'pod-0') === 1);
  await world.pod(0).kill();
  const resumed = await getStream(world.pod(2), headers, lastEventId(stream));
  await resumed.ended;
  assert.deepEqual(numbers(resumed), [1]);
  const last = messagesOf(resumed).at(-1);
  assert.equal(last?.id, 2);
  assert.equal(last?.error.data['retryable'], false);
});

test(verifies('gateway.run-again'), async (t) => {
  const { world, stubs, calls } = await scene(t);
  const headers = await openRaw(world.pod(0).url);
  // Front and owner are one: nobody has the request any more but whoever keeps its copy.
  const stream = await callStream(world.pod(0), headers, 'read');
  const write = await eventually('the call runs', () => calls[0]);
  write('a', note(1));
  await eventually('the first event', () => numbers(stream).length === 1);
  await eventually('copies', () => heldElsewhere(world, headers, 'pod-0') === 1);
  stream.close();
  await eventually('the front notices', async () => (await streams(world.pod(0))) === 0);
  await world.pod(0).kill();
  const resumed = await getStream(world.pod(2), headers, lastEventId(stream));
  const again = await eventually('it runs again', () => calls[1]);
  again('a', note(2));
  again('b', ANSWER);
  await resumed.ended;
  assert.deepEqual(numbers(resumed), [2]);
  assert.deepEqual(messagesOf(resumed).at(-1), ANSWER);
  const lists = stubs.flatMap(({ seen }) => seen.filter((method) => method === 'tools/list'));
  assert.equal(lists.length, 1, 'the new owner found out that it may');
});

test('the answer that was on its way to the front when the owner died comes from its copy', async (t) => {
  const between = await startFreezer();
  t.after(() => between.stop());
  const { world, stubs, calls } = await scene(t, {
    peerThrough: async (node, peer) => (node === 'pod-0' ? between.to(peer) : peer),
  });
  const headers = await openRaw(world.pod(0).url);
  const stream = await callStream(world.pod(1), headers);
  const write = await eventually('the call runs', () => calls[0]);
  write('a', note(1));
  await eventually('the first event', () => numbers(stream).length === 1);
  between.freeze();
  write('b', note(2));
  write('c', ANSWER);
  await eventually('copies', () => heldElsewhere(world, headers, 'pod-0') === 3);
  assert.deepEqual(numbers(stream), [1]);
  await Promise.all([world.pod(0).kill(), between.stop()]);
  await stream.ended;
  assert.deepEqual(numbers(stream), [1, 2]);
  assert.deepEqual(messagesOf(stream).at(-1), ANSWER);
  const called = stubs.flatMap(({ seen }) => seen.filter((method) => method === 'tools/call'));
  assert.equal(called.length, 1, 'the answer was not computed twice');
});

test('the standalone stream goes on over two deaths, and what nobody read finds its reader', async (t) => {
  const { world, gets } = await scene(t);
  const headers = await openRaw(world.pod(0).url);
  const say = (index: number, n: number): void => {
    required(gets[index], 'the server has a stream').write(
      `id: ${n}\ndata: ${JSON.stringify(note(n))}\n\n`,
    );
  };
  const stream = await getStream(world.pod(2), headers);
  await eventually('the server has a stream', () => gets.length === 1);
  say(0, 1);
  await eventually('the first event', () => numbers(stream).length === 1);
  stream.close();
  await eventually('the owner notices', async () => (await streams(world.pod(2))) === 0);
  say(0, 2);
  await eventually('copies', () => heldElsewhere(world, headers, 'pod-0') === 2);
  await die(world, world.pod(0));
  // Resumed far from the first owner, twice: the events of both epochs come in order.
  const resumed = await getStream(world.pod(2), headers, lastEventId(stream));
  await eventually('what was missed', () => numbers(resumed).length === 1);
  assert.deepEqual(numbers(resumed), [2]);
  const from = lastEventId(stream);
  resumed.close();
  await eventually('another server has a stream', () => gets.length === 2);
  await eventually('the owner notices', async () => (await streams(world.pod(2))) === 0);
  const second = await world.ownerOf(headers['mcp-session-id']);
  say(1, 3);
  const last = required(
    [1, 2].map((index) => world.pod(index)).find((pod) => pod !== second),
    'the pod that is left',
  );
  await eventually('copies of both epochs', () => heldAt(last, headers) === 3);
  await die(world, second);
  const fresh = await getStream(last, headers);
  await eventually('what nobody read', () => numbers(fresh).length >= 1);
  assert.deepEqual(numbers(fresh), [3]);
  const again = await getStream(last, headers, from);
  await eventually('everything after the first event', () => numbers(again).length === 2);
  assert.deepEqual(numbers(again), [2, 3]);
  fresh.close();
  again.close();
});

test('a pod that held copies dies: another gets them, while the session runs on', async (t) => {
  const { world, calls } = await scene(t);
  const headers = await openRaw(world.pod(0).url);
  const stream = await callStream(world.pod(0), headers);
  const from = await eventually('priming', () => lastEventId(stream) || undefined);
  stream.close();
  const write = await eventually('the call runs', () => calls[0]);
  write('a', note(1));
  write('b', ANSWER);
  const holds = (pod: Pod): boolean => heldAt(pod, headers) === 2;
  const others = [world.pod(1), world.pod(2)];
  const holder = await eventually('copies', () => others.find(holds));
  const spare = required(
    others.find((pod) => pod !== holder),
    'a third pod',
  );
  assert.equal(holds(spare), false, 'one copy is enough');
  await die(world, holder);
  await eventually('the third pod holds them', () => holds(spare));
  await world.pod(0).kill();
  const resumed = await getStream(spare, headers, from);
  await resumed.ended;
  assert.deepEqual(numbers(resumed), [1]);
  assert.deepEqual(messagesOf(resumed).at(-1), ANSWER);
});

test('without replicas nothing is copied, and a lost answer is said to be lost', async (t) => {
  const { world, calls } = await scene(t, { resume: { events: 9, bytes: 9000, replicas: 0 } });
  const headers = await openRaw(world.pod(0).url);
  const stream = await callStream(world.pod(0), headers);
  const from = await eventually('priming', () => lastEventId(stream) || undefined);
  const write = await eventually('the call runs', () => calls[0]);
  write('b', ANSWER);
  await stream.ended;
  await world.pod(0).kill();
  const resumed = await getStream(world.pod(1), headers, from);
  await resumed.ended;
  assert.equal(messagesOf(resumed).at(-1)?.error.data['retryable'], false);
});

test('an ended session leaves no copies', async (t) => {
  const { world, calls } = await scene(t);
  const headers = await openRaw(world.pod(0).url);
  const stream = await callStream(world.pod(0), headers);
  const write = await eventually('the call runs', () => calls[0]);
  write('b', ANSWER);
  await stream.ended;
  await eventually('copies', () => heldElsewhere(world, headers, 'pod-0') === 1);
  await fetch(world.pod(1).url, { method: 'DELETE', headers });
  await eventually('they are gone', () =>
    [0, 1, 2].every((index) => world.pod(index).sessions.held.size === 0),
  );
  assert.equal((await post(world.pod(2).url, CALL, headers)).status, 404);
});

/** Stands in front of a pod's peer port and can stop passing on what the pod says. */
async function startFreezer(): Promise<{
  to(peer: Member['peer']): Promise<Member['peer']>;
  freeze(): void;
  stop(): Promise<void>;
}> {
  const sockets = new Set<Socket>();
  let target: Member['peer'] | undefined;
  let frozen = false;
  const server = createServer((front) => {
    const pod = connectTo(required(target, 'the pod has started').port, target?.host ?? '');
    for (const socket of [front, pod]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    front.pipe(pod);
    pod.on('data', (data) => frozen || front.write(data));
    pod.on('close', () => front.destroy());
    front.on('close', () => pod.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    async to(peer) {
      target = peer;
      return { ...peer, host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    },
    freeze: () => (frozen = true),
    async stop() {
      if (!server.listening) return;
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** The pod dies, and the others have noticed. */
async function die(world: World, pod: Pod): Promise<void> {
  await pod.kill();
  pod.belief.state = 'gone';
  world.announce();
}

/** SSE streams open towards clients. */
async function streams(pod: Pod): Promise<number> {
  const text = await pod.metrics.exposition();
  return Number(/^gateway_streams (\d+)/m.exec(text)?.[1] ?? 0);
}
