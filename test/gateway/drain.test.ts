/** A pod that leaves in good order: nobody notices, whatever it was doing. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { connect, echo, messagesOf, openRaw, openStream, post, POST_HEADERS } from './client.ts';
import { startEverything, type ServerProcess } from './everything.ts';
import { beginStream, startStub, type StubOptions, type StubServer } from './stub-server.ts';
import { startWorld, type World, type WorldOptions } from './world.ts';

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };
const CALL = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'once' } };

async function scene(
  t: TestContext,
  stub: StubOptions,
  options: Omit<WorldOptions, 'backends'> = {},
): Promise<{ world: World; stubs: readonly StubServer[] }> {
  const stubs = await Promise.all([0, 1, 2].map(() => startStub(stub)));
  const world = await startWorld({ ...options, backends: stubs.map(({ port }) => port) });
  t.after(async () => {
    await world.stop();
    await Promise.all(stubs.map((each) => each.stop()));
  });
  return { world, stubs };
}
const owners = (world: World): Record<string, number> =>
  Object.fromEntries(world.pod(1).sessions.directory.counts());

test(verifies('gateway.hand-over'), async (t) => {
  const { world, stubs } = await scene(t, {});
  const sessions = [];
  for (let n = 0; n < 9; n++) sessions.push(await openRaw(world.pod(n % 3).url));
  assert.deepEqual(owners(world), { 'pod-0': 3, 'pod-1': 3, 'pod-2': 3 });
  await world.pod(0).gateway.drain();
  // They are elsewhere although no client has asked, on servers that know them, and the first one has let them go.
  const counts = owners(world);
  assert.equal(counts['pod-0'], undefined);
  assert.equal((counts['pod-1'] ?? 0) + (counts['pod-2'] ?? 0), 9);
  const moved = world.events.filter((event) => event.type === 'session-moved');
  assert.deepEqual(
    moved.map(({ from, reason }) => `${from} ${reason}`),
    Array.from({ length: 3 }, () => 'pod-0 owner-draining'),
  );
  await eventually(
    'the old server lets them go',
    () => stubs[0]?.seen.filter((method) => method === 'DELETE').length === 3,
  );
  for (const [index, headers] of sessions.entries())
    assert.equal((await post(world.pod(index % 3).url, PING, headers)).status, 200);
  assert.equal(world.events.filter((event) => event.type === 'session-moved').length, 3);
  const fresh = await openRaw(world.pod(0).url);
  assert.notEqual((await world.ownerOf(fresh['mcp-session-id'])).node, 'pod-0');
});

test(verifies('gateway.cordon'), async (t) => {
  const { world } = await scene(t, {});
  const sessions = [];
  for (let n = 0; n < 9; n++) sessions.push(await openRaw(world.pod(n % 3).url));
  await world.pod(0).gateway.cordon();
  assert.equal(owners(world)['pod-0'], undefined);
  const elsewhere = await openRaw(world.pod(0).url);
  assert.notEqual((await world.ownerOf(elsewhere['mcp-session-id'])).node, 'pod-0');
  assert.equal((await post(world.pod(0).url, PING, sessions[0] ?? {})).status, 200);
  world.pod(0).gateway.uncordon();
  const back = await openRaw(world.pod(0).url);
  assert.equal((await world.ownerOf(back['mcp-session-id'])).node, 'pod-0');
  assert.equal((await post(world.pod(1).url, PING, back)).status, 200);
});

test('an open stream moves with its session, without a gap and without its client noticing', async (t) => {
  const gets: NodeJS.WritableStream[] = [];
  const { world } = await scene(t, { onGet: (response) => void gets.push(response) });
  const say = (index: number, n: number): void => {
    const message = { jsonrpc: '2.0', method: 'notifications/message', params: { n } };
    gets[index]?.write(`data: ${JSON.stringify(message)}\n\n`);
  };
  const headers = await openRaw(world.pod(0).url);
  const stream = await openStream(world.pod(2).url, {
    headers: { accept: 'text/event-stream', ...headers },
  });
  await eventually('the server has a stream', () => gets.length === 1);
  say(0, 1);
  await eventually('the first', () => messagesOf(stream).length === 1);
  await world.pod(0).gateway.drain();
  await eventually('the new server has a stream', () => gets.length === 2);
  say(1, 2);
  await eventually('the second', () => messagesOf(stream).length === 2);
  assert.deepEqual(
    messagesOf(stream).map(({ params }) => params['n']),
    [1, 2],
  );
  stream.close();
});

test('a running request ends where it began, with the answers it needs; new ones go elsewhere', async (t) => {
  let write: ReturnType<typeof beginStream> | undefined;
  let answered: (() => void) | undefined;
  const { world, stubs } = await scene(t, {
    onCall({ message, response }) {
      if (message.method === undefined && message.id !== undefined) answered?.();
      if (message.method !== 'tools/call') return false;
      write = beginStream(response);
      response.flushHeaders();
      answered = () => write?.('z', { jsonrpc: '2.0', id: 2, result: { content: [] } });
      return true;
    },
  });
  const headers = await openRaw(world.pod(0).url);
  const stream = await openStream(world.pod(1).url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...headers },
    body: JSON.stringify(CALL),
  });
  await eventually('the call runs', () => write !== undefined);
  const drained = world.pod(0).gateway.drain();
  // This one waits until the session is at rest, and is served by its next owner.
  const held = post(world.pod(1).url, PING, headers);
  write?.('a', { jsonrpc: '2.0', id: 7, method: 'roots/list' });
  const asked = await eventually('the server asks', () =>
    messagesOf(stream).find((message) => message.method === 'roots/list'),
  );
  const answer = { jsonrpc: '2.0', id: asked.id, result: { roots: [] } };
  assert.equal((await post(world.pod(2).url, answer, headers)).status, 202);
  await stream.ended;
  assert.equal(messagesOf(stream).at(-1)?.id, 2);
  assert.equal((await held).status, 200);
  await drained;
  assert.equal(stubs[0]?.seen.includes('ping'), false);
  assert.notEqual((await world.ownerOf(headers['mcp-session-id'])).node, 'pod-0');
});

test('what runs longer than a drain may take is cut, and told so', async (t) => {
  const { world } = await scene(
    t,
    {
      onCall({ message, response }) {
        if (message.method !== 'tools/call') return false;
        beginStream(response);
        response.flushHeaders();
        return true;
      },
    },
    { config: { timing: { handOverMs: 200, drainMs: 200, lingerMs: 10 } } },
  );
  const headers = await openRaw(world.pod(0).url);
  const stream = await openStream(world.pod(1).url, {
    method: 'POST',
    headers: { ...POST_HEADERS, ...headers },
    body: JSON.stringify(CALL),
  });
  await world.pod(0).gateway.drain();
  await stream.ended;
  assert.equal(messagesOf(stream).at(-1)?.error.data['retryable'], false);
  assert.equal((await post(world.pod(1).url, PING, headers)).status, 200);
});

test('the last pod has nobody to give its sessions to: they wait for the next', async (t) => {
  const stub = await startStub();
  const world = await startWorld({ backends: [stub.port] });
  t.after(async () => {
    await world.stop();
    await stub.stop();
  });
  const headers = await openRaw(world.pod(0).url);
  const { gateway } = world.pod(0);
  assert.deepEqual(await gateway.handOver(), { moved: 0, released: 1, cut: 0 });
  assert.deepEqual(await gateway.handOver(), { moved: 0, released: 1, cut: 0 }, 'only once');
  const pod = await world.restart(0);
  await eventually('its server answers', () => pod.gateway.backendReady());
  assert.equal((await post(pod.url, PING, headers)).status, 200);
});

test('a session that is being opened when its pod leaves is opened, and then goes with the others', async (t) => {
  const opening = Promise.withResolvers<void>();
  const { world, stubs } = await scene(t, { onInitialize: () => opening.promise });
  const opened = openRaw(world.pod(0).url);
  const asked = await eventually('a server is asked', () => {
    const index = stubs.findIndex(({ seen }) => seen.includes('initialize'));
    return index >= 0 && { pod: world.pod(index) };
  });
  const left = asked.pod.gateway.handOver();
  opening.resolve();
  const headers = await opened;
  assert.deepEqual(await left, { moved: 1, released: 0, cut: 0 });
  assert.notEqual((await world.ownerOf(headers['mcp-session-id'])).node, asked.pod.node);
});

test('clients of a draining pod are sent away in good order', async (t) => {
  const { world } = await scene(t, {});
  const headers = await openRaw(world.pod(1).url);
  const stream = await openStream(world.pod(0).url, {
    headers: { accept: 'text/event-stream', ...headers },
  });
  await eventually('priming', () => stream.items.length > 0);
  const before = await post(world.pod(0).url, PING, headers);
  assert.notEqual(before.headers.get('connection'), 'close');
  const drained = world.pod(0).gateway.drain();
  await stream.ended;
  const last = await post(world.pod(0).url, PING, headers);
  assert.deepEqual([last.status, last.headers.get('connection')], [200, 'close']);
  await drained;
});

test(verifies('gateway.rolling-restart'), async (t) => {
  const servers: ServerProcess[] = await Promise.all([0, 1, 2].map(() => startEverything()));
  const world = await startWorld({ backends: servers.map(({ port }) => port) });
  t.after(async () => {
    await world.stop();
    await Promise.all(servers.map((server) => server.kill()));
  });
  /** As the Service: a pod that takes work, any of them. */
  let turn = 0;
  const anyPod = (): URL => {
    const ready = [0, 1, 2]
      .map((index) => world.pod(index))
      .filter(({ gateway }) => {
        const { listening, draining } = gateway.status();
        return listening && !draining;
      });
    const pod = ready[turn++ % ready.length];
    assert.ok(pod !== undefined, 'some pod takes work');
    return pod.url;
  };
  const clients = await Promise.all(
    Array.from({ length: 12 }, async () => connect(anyPod(), { through: anyPod })),
  );
  let calls = 0;
  let rolling = true;
  const work = clients.map(async ({ client }, index) => {
    for (let n = 0; rolling; n++) {
      const text = `${index}/${n}`;
      assert.equal(await echo(client, text), `Echo: ${text}`);
      if (n % 5 === 0) {
        const long = { duration: 0.3, steps: 3 };
        const progress: number[] = [];
        await client.callTool(
          { name: 'trigger-long-running-operation', arguments: long },
          undefined,
          { onprogress: (step) => progress.push(step.progress) },
        );
        assert.deepEqual(progress, [1, 2, 3]);
      }
      calls += 1;
    }
  });
  const failed = Promise.all(work);
  for (const index of [0, 1, 2]) {
    const before = calls;
    await Promise.race([failed, world.roll(index)]);
    await Promise.race([failed, eventually('work goes on', () => calls > before + 24)]);
  }
  rolling = false;
  await failed;
  const lost = world.events.filter(({ type }) => type === 'request-failed');
  assert.deepEqual(lost, []);
  const retried = world.events.filter(({ type }) => type === 'request-retried');
  assert.deepEqual(retried, [], 'nothing even had to be repeated');
  assert.equal(world.pod(0).sessions.directory.size, 12);
  await Promise.all(clients.map(({ client }) => client.close()));
});
