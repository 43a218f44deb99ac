/** `subscriptions/listen` (2026-07-28): one subscription of the client, made of one at every pod. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { messagesOf, type RawStream } from './client.ts';
import { beginEvents, startModernStub, type ModernStub, type StubRequest } from './modern-stub.ts';
import { call, connectSprayed, open, startModern, tool } from './modern-world.ts';
import { startWorld, type World } from './world.ts';
import type { TestContext } from 'node:test';

const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';
const WATCHED = 'test://watched-resource';

test(verifies('modern.listen-merged'), async (t) => {
  const { urls } = await startModern(t, 3);
  const client = await connectSprayed(t, () => urls);
  const updates: unknown[] = [];
  client.setNotificationHandler(
    'notifications/resources/updated',
    ({ params }) => void updates.push(params.uri),
  );
  const subscription = await client.listen({ resourceSubscriptions: [WATCHED] });
  assert.deepEqual(subscription.honoredFilter, { resourceSubscriptions: [WATCHED] });
  // A change at each pod's own server, of which only one is the pod the client listens at.
  for (const [index, url] of urls.entries()) {
    assert.equal((await tool(url, 'touch_resource')).status, 200);
    await eventually(`the change at pod ${index} is heard`, () => updates.length > index);
  }
  await subscription.close();
});

/** Servers that listen for the test, and gateways in front of them. */
interface Listening {
  readonly world: World;
  readonly stubs: readonly ModernStub[];
  /** Writes to the newest listen at the server. */
  tell(index: number, message: object): void;
  end(index: number): void;
}

const changed = { method: 'notifications/tools/list_changed', params: {} };
const acknowledge = (request: StubRequest, filter: object): ((message: object) => void) => {
  const write = beginEvents(request);
  const _meta = { [SUBSCRIPTION_ID]: request.message.id };
  write({
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: filter, _meta },
  });
  return (message) => {
    const { params, ...rest } = message as { params?: object };
    write({ ...rest, ...(params === undefined ? {} : { params: { ...params, _meta } }) });
  };
};

async function listening(
  t: TestContext,
  filters: readonly object[],
  options: Partial<Parameters<typeof startWorld>[0]> = {},
): Promise<Listening> {
  const writers: ((message: object) => void)[] = [];
  const requests: StubRequest[] = [];
  const stubs = await Promise.all(
    filters.map((filter, index) =>
      startModernStub(t, {
        onRequest(request) {
          if (request.message.method !== 'subscriptions/listen') return false;
          requests[index] = request;
          writers[index] = acknowledge(request, filter);
          return true;
        },
      }),
    ),
  );
  const world = await startWorld({ backends: stubs.map(({ port }) => port), ...options });
  t.after(() => world.stop());
  return {
    world,
    stubs,
    tell: (index, message) => writers[index]?.(message),
    end: (index) => requests[index]?.response.destroy(),
  };
}

const methods = (stream: RawStream): unknown[] => messagesOf(stream).map(({ method }) => method);
const TOOLS = { notifications: { toolsListChanged: true } };

test(verifies('modern.listen-first'), async (t) => {
  const { world, tell } = await listening(t, [
    { toolsListChanged: true },
    { resourceSubscriptions: [WATCHED] },
  ]);
  const wanted = { notifications: { toolsListChanged: true, resourceSubscriptions: [WATCHED] } };
  const stream = await open(world.pod(1).url, 'subscriptions/listen', wanted, { id: 'mine' });
  await eventually('it is acknowledged', () => messagesOf(stream).length === 1);
  tell(0, changed);
  tell(1, { method: 'notifications/tasks', params: { taskId: 'a' } });
  tell(1, { method: 'notifications/tasks', params: { taskId: 'b' } });
  await eventually('everything came', () => messagesOf(stream).length === 4);
  const messages = messagesOf(stream);
  assert.deepEqual(messages[0]?.params['notifications'], {
    toolsListChanged: true,
    resourceSubscriptions: [WATCHED],
  });
  for (const { params } of messages)
    assert.deepEqual(params['_meta'], { [SUBSCRIPTION_ID]: 'mine' });
  assert.equal(stream.items.filter((item) => 'id' in item).length, 0);
  stream.close();
});

test('the same news from all pods is told once, and once more for whoever read in between', async (t) => {
  const filter = { toolsListChanged: true };
  const { world, tell } = await listening(t, [filter, filter, filter]);
  const stream = await open(world.pod(0).url, 'subscriptions/listen', TOOLS);
  await eventually('it is acknowledged', () => messagesOf(stream).length === 1);
  for (const index of [0, 1, 2, 0, 1, 2]) tell(index, changed);
  await eventually('it is told twice', () => messagesOf(stream).length === 3);
  tell(0, { method: 'notifications/tasks', params: { taskId: 'end' } });
  await eventually('and no more', () => methods(stream).at(-1) === 'notifications/tasks');
  assert.equal(messagesOf(stream).length, 4);
  stream.close();
});

test(verifies('modern.listen-gap'), async (t) => {
  const filter = { toolsListChanged: true, resourceSubscriptions: [WATCHED] };
  const { world, stubs, tell, end } = await listening(t, [filter, filter]);
  const stream = await open(world.pod(0).url, 'subscriptions/listen', { notifications: filter });
  await eventually('it is acknowledged', () => messagesOf(stream).length === 1);
  const listens = (index: number): number => stubs[index]?.of('subscriptions/listen').length ?? 0;
  // The server at the other pod breaks off and listens again: something may have changed meanwhile.
  end(1);
  await eventually('it is asked again', () => listens(1) === 2);
  const both = ['notifications/resources/updated', 'notifications/tools/list_changed'];
  await eventually('the client is told', () => messagesOf(stream).length === 3);
  assert.deepEqual(new Set(methods(stream).slice(1)), new Set(both));
  // The pod goes for good; its news may have gone with it, the others' come as before.
  await world.pod(1).kill();
  world.pod(1).belief.state = 'gone';
  world.announce();
  await eventually('the client is told', () => messagesOf(stream).length === 5);
  tell(0, { method: 'notifications/tasks', params: { taskId: 'a' } });
  await eventually('the rest is heard', () => messagesOf(stream).length === 6);
  // The pod comes back.
  world.pod(1).belief.state = 'alive';
  await world.restart(1);
  world.announce();
  await eventually('the new pod is listened to', () => listens(1) === 3);
  tell(1, { method: 'notifications/tasks', params: { taskId: 'b' } });
  await eventually('and heard', () => messagesOf(stream).length === 7);
  assert.equal(methods(stream).filter((each) => String(each).includes('acknowledged')).length, 1);
  stream.close();
  await eventually('both servers are left', async () => {
    const open = stubs.flatMap((stub) => stub.of('subscriptions/listen'));
    return open.every(({ response }) => response.destroyed || response.writableEnded);
  });
});

test(verifies('modern.listen-drain'), async (t) => {
  const filter = { toolsListChanged: true };
  const { world, tell } = await listening(t, [filter, filter]);
  const leaving = await open(world.pod(0).url, 'subscriptions/listen', TOOLS, { id: 'a' });
  const staying = await open(world.pod(1).url, 'subscriptions/listen', TOOLS, { id: 'b' });
  for (const stream of [leaving, staying])
    await eventually('it is acknowledged', () => messagesOf(stream).length === 1);
  await world.pod(0).gateway.drain();
  await leaving.ended;
  const last = messagesOf(leaving).at(-1) as unknown as { id: string; result: object };
  assert.equal(last.id, 'a');
  assert.deepEqual(last.result, { resultType: 'complete', _meta: { [SUBSCRIPTION_ID]: 'a' } });
  tell(1, { method: 'notifications/tasks', params: { taskId: 'x' } });
  await eventually('the other hears on', () => messagesOf(staying).length === 2);
  staying.close();
});

test('keepalives, the limit, a refusal, nothing honoured', async (t) => {
  const config = {
    timing: { keepaliveMs: 30 },
    limits: { bodyBytes: 1e6, headerBytes: 16_384, streamsPerSession: 16, listensMax: 1 },
  };
  const { world } = await listening(t, [{ toolsListChanged: true }], { config });
  const { url } = world.pod(0);
  const stream = await open(url, 'subscriptions/listen', TOOLS);
  await eventually('a comment', () => stream.items.some(({ type }) => type === 'comment'));
  const second = await call(url, 'subscriptions/listen', TOOLS);
  assert.deepEqual([second.status, second.json.error?.code], [429, -31010]);
  assert.notEqual(second.headers.get('retry-after'), null);
  assert.match(await world.pod(0).metrics.exposition(), /gateway_listens 1/);
  stream.close();
  await eventually('the place is free', async () =>
    /gateway_listens 0/.test(await world.pod(0).metrics.exposition()),
  );

  const refusing = await startModernStub(t, {
    onRequest({ message, response }) {
      if (message.method !== 'subscriptions/listen') return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      const error = { code: -32603, message: 'Subscription limit reached' };
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error }));
      return true;
    },
  });
  const small = await startWorld({ backends: [refusing.port] });
  t.after(() => small.stop());
  const refused = await call(small.pod(0).url, 'subscriptions/listen', TOOLS);
  assert.equal(refused.json.error?.code, -32603);

  // Where one pod refuses and another listens, the client listens, and the refusing server is left in peace.
  const willing = await startModernStub(t, {
    onRequest(request) {
      if (request.message.method !== 'subscriptions/listen') return false;
      acknowledge(request, { toolsListChanged: true });
      return true;
    },
  });
  const before = refusing.of('subscriptions/listen').length;
  const mixed = await startWorld({
    backends: [refusing.port, willing.port],
    config: { timing: { keepaliveMs: 30 } },
  });
  t.after(() => mixed.stop());
  const half = await open(mixed.pod(0).url, 'subscriptions/listen', TOOLS);
  await eventually(
    'time goes by',
    () => half.items.filter(({ type }) => type === 'comment').length > 10,
  );
  assert.equal(refusing.of('subscriptions/listen').length, before + 1);
  half.close();

  const nothing = await listening(t, [{}, {}]);
  const empty = await open(nothing.world.pod(0).url, 'subscriptions/listen', TOOLS);
  await empty.ended;
  assert.equal(messagesOf(empty).length, 2);
});
