/** A session that outlives its pod and its server, with the real server-everything and the official client. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { connect, echo } from './client.ts';
import { startEverything, type ServerProcess } from './everything.ts';
import { startWorld, type World } from './world.ts';

let servers: ServerProcess[] = [];
let world: World;
const started: ServerProcess[] = [];

before(async () => {
  servers = await Promise.all([0, 1, 2].map(() => startEverything()));
});
beforeEach(async () => {
  world = await startWorld({ backends: servers.map((server) => server.port) });
});
afterEach(async () => {
  await world.stop();
});
after(async () => {
  await Promise.all([...servers, ...started].map((server) => server.kill()));
});

test(verifies('gateway.any-pod'), async () => {
  const { client, sessionId, redirect } = await connect(world.pod(0).url);
  for (const index of [1, 2, 0, 2]) {
    redirect(world.pod(index).url);
    assert.equal(await echo(client, `via ${index}`), `Echo: via ${index}`);
  }
  assert.equal((await world.ownerOf(sessionId)).node, 'pod-0');
  assert.deepEqual(
    world.events.filter((event) => event.type === 'session-moved'),
    [],
  );
  await client.close();
});

test('new sessions go to the pod with the fewest', async () => {
  const connections = await Promise.all([0, 0, 0, 0, 0, 0].map(() => connect(world.pod(0).url)));
  assert.deepEqual(Object.fromEntries(world.pod(1).sessions.directory.counts()), {
    'pod-0': 2,
    'pod-1': 2,
    'pod-2': 2,
  });
  await Promise.all(connections.map(({ client }) => client.close()));
});

test(verifies('gateway.pod-loss'), async () => {
  const { client, transport, sessionId, redirect } = await connect(world.pod(0).url);
  const other = await connect(world.pod(1).url);
  await client.listTools();
  await world.pod(0).kill();
  redirect(world.pod(1).url);
  assert.equal(await echo(client, 'still here'), 'Echo: still here');
  assert.equal(transport.sessionId, sessionId);
  const moved = world.events.filter((event) => event.type === 'session-moved');
  assert.deepEqual(
    moved.map(({ id, from, epoch, reason }) => ({ id, from, epoch, reason })),
    [{ id: sessionId, from: 'pod-0', epoch: 2, reason: 'owner-refused' }],
  );
  assert.equal(await echo(other.client, 'unharmed'), 'Echo: unharmed');
  await client.close();
  await other.client.close();
});

test(verifies('gateway.backend-loss'), async () => {
  const [backend] = servers;
  const { client, transport, sessionId } = await connect(world.pod(0).url);
  await client.listTools();
  await backend?.kill();
  assert.equal(await echo(client, 'on another'), 'Echo: on another');
  assert.equal(transport.sessionId, sessionId);
  assert.notEqual((await world.ownerOf(sessionId)).node, 'pod-0');
  servers[0] = await startEverything({ port: backend?.port ?? 0 });
  await client.close();
});

test('a server that restarted does not know the session: it is replayed', async () => {
  const { client, sessionId } = await connect(world.pod(0).url);
  await client.listTools();
  const [backend] = servers;
  await backend?.kill();
  servers[0] = await startEverything({ port: backend?.port ?? 0 });
  await eventually('ready again', () => world.pod(0).gateway.backendReady());
  assert.equal(await echo(client, 'again'), 'Echo: again');
  const moved = world.events.find((event) => event.type === 'session-moved');
  assert.equal(moved?.reason, 'backend-lost');
  assert.equal(moved?.id, sessionId);
  await client.close();
});

test('one pod alone waits for its server and goes on', async () => {
  const [backend] = servers;
  const alone = await startWorld({ backends: [backend?.port ?? 0] });
  try {
    const { client } = await connect(alone.pod(0).url);
    await client.listTools();
    await backend?.kill();
    const answer = echo(client, 'patience');
    servers[0] = await startEverything({ port: backend?.port ?? 0, wait: false });
    assert.equal(await answer, 'Echo: patience');
    await client.close();
  } finally {
    await alone.stop();
  }
});

test('a drained pod gives its sessions away', async () => {
  const { client, sessionId, redirect } = await connect(world.pod(0).url);
  await client.listTools();
  await world.pod(0).gateway.drain();
  assert.equal(await echo(client, 'from the draining pod'), 'Echo: from the draining pod');
  redirect(world.pod(2).url);
  assert.equal(await echo(client, 'moved'), 'Echo: moved');
  assert.notEqual((await world.ownerOf(sessionId)).node, 'pod-0');
  await client.close();
});

test('a restarted sidecar finds its server with the session still in memory', async () => {
  const { client, redirect } = await connect(world.pod(0).url);
  await client.listTools();
  const pod = await world.restart(0);
  redirect(pod.url);
  await eventually('its server answers', () => pod.gateway.backendReady());
  assert.equal(await echo(client, 'adopted'), 'Echo: adopted');
  const moved = world.events.find((event) => event.type === 'session-moved');
  assert.equal(moved?.adopted, true);
  await client.close();
});

test('many calls at once when the pod dies: one claim, every call answered', async () => {
  const { client, redirect } = await connect(world.pod(0).url);
  await client.listTools();
  await world.pod(0).kill();
  redirect(world.pod(2).url);
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, index) => echo(client, String(index))),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 12 }, (_, index) => `Echo: ${index}`),
  );
  assert.equal(world.events.filter((event) => event.type === 'session-moved').length, 1);
  await client.close();
});
