/** Messages between members: batches, groups, queues with a limit, and peers that go away or are not who they should be. */
import assert from 'node:assert/strict';
import { createServer, connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import type { Message } from '../../src/raft/core/index.ts';
import { PROTOCOL_VERSION } from '../../src/raft/refusals.ts';
import { services, type RpcError, type Wire } from '../../src/rpc/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { staticTls } from '../../src/security/index.ts';
import { memberMaterial, testChannel, testServer } from '../rpc/fixture.ts';
import { connected, memoryDisks, metric, PeerNet, type Peer } from './peers-fixture.ts';

const heartbeat = (from: string, to: string, round: number, groupId = 'main'): Message => ({
  groupId,
  from,
  to,
  term: 1,
  type: 'heartbeat',
  commit: 0,
  round,
});
const append = (from: string, to: string, bytes: number): Message => ({
  groupId: 'main',
  from,
  to,
  term: 1,
  type: 'append',
  prevIndex: 0,
  prevTerm: 0,
  commit: 0,
  entries: [{ index: 1, term: 1, kind: 'command', data: Buffer.alloc(bytes, 7) }],
});

/** A stream to `peer` as another program might open it. */
async function rawStream(
  t: TestContext,
  net: PeerNet,
  peer: Peer,
  tls = net.tls,
): Promise<{
  send(batch: Wire.PeerBatchInput): void;
  readonly answers: Wire.PeerAnswer[];
  readonly ended: Promise<RpcError | undefined>;
  close(): void;
}> {
  const channel = testChannel(tls, () => net.ports.get(peer.id) as number);
  t.after(() => channel.close());
  const answers: Wire.PeerAnswer[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<RpcError | undefined>();
  const stream = await channel.client(services.raftPeer).exchange({
    onMessage: (answer) => answers.push(answer),
    onEnd: (error) => resolve(error),
  });
  const send = (batch: Wire.PeerBatchInput): void => void stream.send(batch);
  return { send, answers, ended, close: () => channel.close() };
}

const greeting = (own: Partial<Wire.PeerGreeting>): Wire.PeerGreeting => ({
  nodeId: 'b',
  instance: 'i',
  clusterId: 'cluster-1',
  diskId: 'disk-of-b',
  protocolVersion: PROTOCOL_VERSION,
  expects: 'a',
  ...own,
});

test('what is sent in one turn arrives in order, for every group that shares the link', async (t) => {
  const net = await PeerNet.create(t);
  const [a, b] = [await net.start('a'), await net.start('b')];
  const other: Message[] = [];
  const leave = b.transport.addGroup('other', { onMessage: (message) => other.push(message) });
  await connected(a, b);
  const sent = [1, 2, 3].map((round) => heartbeat('a', 'b', round));
  for (const message of sent) a.transport.send([message]);
  a.transport.send([heartbeat('a', 'b', 9, 'other'), heartbeat('a', 'b', 9, 'unknown')]);
  await eventually('all messages', () => b.received.length === 3 && other.length === 1);
  assert.deepEqual(b.received, sent);
  const refused = (): Promise<number> => metric(b.metrics, 'raft_messages_refused_total', 'group');
  assert.equal(await refused(), 1);
  leave();
  a.transport.send([heartbeat('a', 'b', 10, 'other')]);
  await eventually('a message for nobody', async () => (await refused()) === 2);
});

test('all that is sent in one turn shares one batch', async (t) => {
  const net = await PeerNet.create(t);
  const a = await net.start('a');
  const server = testServer(net.tls);
  const batches: Wire.PeerBatch[] = [];
  server.addService(services.raftPeer, {
    exchange(stream) {
      stream.onMessage((batch) => {
        if (batch.greeting === null) batches.push(batch);
        else stream.send({ greeting: greeting({ expects: '' }) });
      });
      stream.onEnd(() => stream.end());
    },
    fetchSnapshot: (_request, stream) => stream.end(),
  });
  t.after(() => server.stop());
  net.ports.set('b', (await server.listen()).port);
  a.transport.setPeers(['b']);
  await eventually('an open link', () => a.transport.canSend('b'));
  for (let round = 1; round <= 50; round++) a.transport.send([heartbeat('a', 'b', round)]);
  a.transport.send([append('a', 'b', 1_000)]);
  await eventually('the batch', () => batches.length > 0);
  assert.equal(batches[0]?.messages.length, 51);
});

test('messages without a way to the peer are told, once it is lost nothing is kept for it', async (t) => {
  const net = await PeerNet.create(t);
  const [a, b] = [await net.start('a'), await net.start('b')];
  a.transport.send([heartbeat('a', 'b', 1)]);
  await eventually('the first drop', () => a.dropped.length === 1);
  await connected(a, b);
  await b.stop();
  await eventually('the loss', () => a.lost.includes('b') && !a.transport.canSend('b'));
  a.transport.send([append('a', 'b', 10)]);
  await eventually('the second drop', () => a.dropped.at(-1)?.type === 'append');
  assert.equal(await metric(a.metrics, 'raft_messages_dropped_total', 'no-stream'), 2);
});

test('a member that no configuration knows yet is answered while it calls', async (t) => {
  const net = await PeerNet.create(t);
  const [a, b] = [await net.start('a'), await net.start('b')];
  a.transport.setPeers([]);
  b.transport.setPeers(['a']);
  await eventually('links both ways', () => b.transport.canSend('a') && a.transport.canSend('b'));
  a.transport.send([heartbeat('a', 'b', 1)]);
  await eventually('the answer', () => b.received.length === 1);
  await b.stop();
  await eventually('the end', () => !a.transport.canSend('b'));
  a.transport.send([heartbeat('a', 'b', 1)]);
  await eventually('no link is left', () => a.dropped.length === 1);
});

/** Messages that the sender of a stream may not send, and how they are counted. */
test('a message in another name, to another member or without sense is counted, the rest goes on', async (t) => {
  const net = await PeerNet.create(t);
  const a = await net.start('a');
  a.transport.setPeers(['b']);
  const stream = await rawStream(t, net, a);
  const sound = { groupId: 'main', from: 'b', to: 'a', term: 1, timeoutNow: {} };
  stream.send({
    greeting: greeting({}),
    messages: [
      { ...sound, from: 'c' },
      { ...sound, to: 'c' },
      { ...sound, groupId: 'x' },
      { ...sound, timeoutNow: null },
      sound,
    ],
  });
  await eventually('the sound one', () => a.received.length === 1);
  for (const problem of ['wrong-sender', 'wrong-receiver', 'unknown-group', 'unknown-kind']) {
    assert.equal(await metric(a.metrics, 'raft_messages_refused_total', problem), 1, problem);
  }
});

test(`${verifies('rpc.sender-is-the-certificate')}: Raft`, async (t) => {
  const net = await PeerNet.create(t);
  const a = await net.start('a');
  a.transport.setPeers(['b', 'c']);
  const as = async (name: string) =>
    rawStream(
      t,
      net,
      a,
      staticTls(await memberMaterial(net.authority, 'cluster-1', { role: 'member', name })),
    );
  const other = await as('c');
  other.send({ greeting: greeting({}), messages: [heartbeatWire] });
  assert.equal((await other.ended)?.code, 'permission-denied');
  assert.deepEqual(a.received, []);
  const own = await as('b');
  own.send({ greeting: greeting({}), messages: [heartbeatWire] });
  await eventually('what b says itself', () => a.received.length === 1);
});

test(verifies('raft.wrong-member-is-refused'), async (t) => {
  const net = await PeerNet.create(t);
  const knownDisk = memoryDisks();
  const a = await net.start('a', { knownDisk });
  a.transport.setPeers(['b']);
  const first = await rawStream(t, net, a);
  first.send({ greeting: greeting({}) });
  await eventually('the greeting', () => first.answers[0]?.greeting?.nodeId === 'a');
  assert.equal(knownDisk.get('b'), 'disk-of-b');
  const wrong = [
    ['protocol-version', { protocolVersion: PROTOCOL_VERSION + 1 }],
    ['foreign-cluster', { clusterId: 'cluster-2' }],
    ['wrong-member', { expects: 'c' }],
    ['wrong-member', { nodeId: 'a' }],
    ['member-replaced', { diskId: 'an empty one' }],
  ] as const;
  for (const [code, own] of wrong) {
    const stream = await rawStream(t, net, a);
    stream.send({ greeting: greeting(own), messages: [heartbeatWire] });
    assert.equal(await stream.ended, undefined, 'the stream ends in good order');
    assert.equal(stream.answers[0]?.refusal?.code, code);
    const row = a.logged.find(({ fields }) => fields['code'] === code);
    assert.ok(String(row?.fields['toDo']).length > 20, 'the log says what to do');
  }
  const refusals = (code: string): Promise<number> =>
    metric(a.metrics, 'raft_peers_refused_total', `"${code}"`, 'by="us"');
  assert.equal(await refusals('wrong-member'), 2);
  assert.equal(await refusals('member-replaced'), 1);
  assert.deepEqual(a.received, [], 'nothing of a refused stream is heard');
  // Once the configuration dropped it, the member may come back with another disk.
  first.close();
  await eventually('nothing is remembered', () => {
    a.transport.setPeers([]);
    a.transport.setPeers(['b']);
    return knownDisk.get('b') === undefined;
  });
  const again = await rawStream(t, net, a);
  again.send({ greeting: greeting({ diskId: 'an empty one' }) });
  await eventually('the greeting', () => again.answers[0]?.greeting?.nodeId === 'a');
  assert.equal(knownDisk.get('b'), 'an empty one');
});

test('a member that left and came back unseen, behind a snapshot, may have another disk', async (t) => {
  const net = await PeerNet.create(t);
  const knownDisk = memoryDisks();
  knownDisk.set('b', 'the disk it had');
  const a = await net.start('a', { knownDisk });
  const b = await net.start('b');
  a.transport.setPeers(['b']);
  b.transport.setPeers(['a']);
  await eventually('the refusal', () => b.logged.length > 0);
  a.transport.setPeers(['b'], 'any');
  await eventually('links both ways', () => b.transport.canSend('a') && a.transport.canSend('b'));
  assert.equal(knownDisk.get('b'), 'disk-of-b');
});

const heartbeatWire = { groupId: 'main', from: 'b', to: 'a', term: 1, heartbeat: {} };

test('a refused member learns why, says so once, and does not hammer', async (t) => {
  const net = await PeerNet.create(t);
  const knownDisk = memoryDisks();
  knownDisk.set('b', 'the disk it had');
  const a = await net.start('a', { knownDisk });
  const b = await net.start('b');
  a.transport.setPeers(['b']);
  b.transport.setPeers(['a']);
  const told = (): Promise<number> =>
    metric(b.metrics, 'raft_peers_refused_total', 'member-replaced', 'by="peer"');
  await eventually('two refusals', async () => (await told()) >= 2, 20_000);
  // The first wait is at least half a second; each side's attempts allow one of the other's.
  assert.ok((await told()) <= 6, 'attempts are far apart');
  const rows = b.logged.filter(({ message }) => message === 'peer refused');
  assert.equal(rows.length, 1);
  assert.equal(a.transport.canSend('b'), false);
  assert.deepEqual([a.received, b.received], [[], []]);
});

test('a server that is another member than the one dialled is refused by the caller', async (t) => {
  const net = await PeerNet.create(t);
  const [a, b] = [await net.start('a'), await net.start('b')];
  b.transport.setPeers([]);
  net.ports.set('c', net.ports.get('b') as number);
  a.transport.setPeers(['c']);
  await eventually(
    'the refusal',
    async () =>
      (await metric(a.metrics, 'raft_peers_refused_total', 'wrong-member', 'by="peer"')) === 1,
  );
  assert.equal(a.transport.canSend('c'), false);
});

test('a stream that does not greet, or speaks before its member is started, is not served', async (t) => {
  const net = await PeerNet.create(t);
  const a = await net.start('a');
  const early = await rawStream(t, net, a);
  early.send({ greeting: greeting({}) });
  assert.equal((await early.ended)?.code, 'unavailable');
  a.transport.setPeers(['b']);
  const rude = await rawStream(t, net, a);
  rude.send({ messages: [heartbeatWire] });
  assert.equal((await rude.ended)?.code, 'invalid-argument');
  assert.deepEqual(a.received, []);
});

/** A way to `port` that can stop to pass bytes on, as when the process behind it is stopped. */
async function pausable(
  t: TestContext,
  port: number,
): Promise<{ port: number; pause(): void; resume(): void }> {
  const sockets = new Set<Socket>();
  let paused = false;
  const proxy = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
    if (paused) client.pause();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return {
    port: (proxy.address() as { port: number }).port,
    pause() {
      paused = true;
      for (const socket of sockets) socket.pause();
    },
    resume() {
      paused = false;
      for (const socket of sockets) socket.resume();
    },
  };
}

test(verifies('raft.stalled-peer-is-bounded'), async (t) => {
  const net = await PeerNet.create(t);
  let opened = 0;
  const [a, b] = [await net.start('a', { onOpen: () => opened++ }), await net.start('b')];
  const proxy = await pausable(t, net.ports.get('b') as number);
  net.ports.set('b', proxy.port);
  await connected(a, b);
  proxy.pause();
  const queue = (): Promise<number> => metric(a.metrics, 'raft_peer_queue_bytes', '"b"');
  const before = process.memoryUsage().arrayBuffers;
  let sent = 0;
  for (; a.dropped.length === 0; sent++) {
    assert.ok(sent < 200, 'the queue has no limit');
    a.transport.send([append('a', 'b', 2 ** 20)]);
    await new Promise(setImmediate);
  }
  assert.ok((await queue()) <= 9 * 2 ** 20);
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 2 ** 20);
  assert.equal(a.dropped[0]?.type, 'append');
  assert.equal(a.transport.canSend('b'), false);
  // What is small still waits its turn, up to a number.
  a.dropped.length = 0;
  a.transport.send(Array.from({ length: 10_000 }, (_, round) => heartbeat('a', 'b', round)));
  await eventually('a limit on messages', () => a.dropped.length > 1_000);
  assert.ok(a.dropped.length < 10_000);
  assert.ok(a.dropped.every(({ type }) => type === 'heartbeat'));
  proxy.resume();
  const expected = sent - 1;
  await eventually('everything that was taken', () => {
    const appends = b.received.filter(({ type }) => type === 'append').length;
    return appends === expected || a.lost.includes('b');
  });
  await eventually('an empty queue', async () => (await queue()) === 0);
  await eventually('the news that it can be sent to again', () => opened >= 2);
});

test('a message that is too large for any stream is dropped, and the stream lives', async (t) => {
  const net = await PeerNet.create(t);
  const [a, b] = [await net.start('a'), await net.start('b')];
  await connected(a, b);
  a.transport.send([append('a', 'b', 16 * 2 ** 20), heartbeat('a', 'b', 1)]);
  await eventually('the heartbeat', () => b.received.length === 1);
  assert.equal(await metric(a.metrics, 'raft_messages_dropped_total', 'oversized'), 1);
  assert.deepEqual([a.lost, a.dropped.length], [[], 1]);
});
