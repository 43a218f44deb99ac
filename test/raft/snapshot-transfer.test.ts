/** Snapshots between members over real connections: whole, resumed, superseded, refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/std/index.ts';
import type { Message } from '../../src/raft/core/index.ts';
import { services, type RpcError, type Wire } from '../../src/rpc/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { testChannel } from '../rpc/fixture.ts';
import {
  connected,
  MemorySnapshots,
  metric,
  PeerNet,
  sha256,
  type Options,
  type Peer,
} from './peers-fixture.ts';

const FILE = Buffer.from(seededRandom(1).bytes(20 * 2 ** 20));
const FAST = { snapshotBytesPerSecond: 2 ** 30 };

const announce = (index: number, from = 'a', term = 3): Message => ({
  groupId: 'main',
  from,
  to: 'b',
  term,
  type: 'snapshot',
  meta: {
    index,
    term: 2,
    configuration: {
      voters: ['a', 'b'],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    },
  },
});

interface Pair {
  readonly net: PeerNet;
  readonly a: Peer;
  readonly b: Peer;
  readonly source: MemorySnapshots;
  readonly target: MemorySnapshots;
}

async function pair(net: PeerNet, options: Options): Promise<Pair> {
  const [source, target] = [new MemorySnapshots(), new MemorySnapshots()];
  source.files.set(9, FILE);
  const a = await net.start('a', { ...options, snapshots: source });
  const b = await net.start('b', { snapshots: target });
  await connected(a, b);
  return { net, a, b, source, target };
}

const result = (peer: Peer, name: string): Promise<number> =>
  metric(peer.metrics, 'raft_snapshot_transfers_total', `"${name}"`);
const receivedBytes = (peer: Peer): Promise<number> =>
  metric(peer.metrics, 'raft_snapshot_received_bytes_total');

test('a snapshot is handed over once its file is here, announced as often as it may be', async (t) => {
  const { a, b, source, target } = await pair(await PeerNet.create(t), FAST);
  a.transport.send([announce(9), announce(9)]);
  a.transport.send([announce(9)]);
  await eventually('the snapshot', () => b.received.length > 0);
  assert.deepEqual(b.received[0], announce(9));
  assert.equal(sha256(target.files.get(9) as Uint8Array), sha256(FILE));
  assert.deepEqual([target.starts.length, source.reads], [1, [0]]);
  // Told again, when the file is here already: nothing has to travel.
  const before = b.received.length;
  a.transport.send([announce(9, 'a', 4)]);
  await eventually('the second announcement', () => b.received.length === before + 1);
  assert.deepEqual(source.reads, [0]);
});

test(verifies('raft.snapshot-arrives-whole'), async (t) => {
  const net = await PeerNet.create(t);
  const { a, b, target } = await pair(net, { snapshotBytesPerSecond: 40 * 2 ** 20 });
  a.transport.send([announce(9)]);
  await eventually('half of it', async () => (await receivedBytes(b)) > 8 * 2 ** 20);
  // The sender's process ends in the middle, another takes its place.
  await a.stop();
  assert.deepEqual(b.received, []);
  const source = new MemorySnapshots();
  source.files.set(9, FILE);
  const again = await net.start('a', { ...FAST, snapshots: source });
  again.transport.setPeers(['b']);
  await eventually('the snapshot', () => b.received.length === 1);
  assert.equal(sha256(target.files.get(9) as Uint8Array), sha256(FILE));
  assert.equal(target.starts.length, 1);
  assert.ok((source.reads[0] ?? 0) >= 8 * 2 ** 20, 'it goes on where it broke');
  assert.equal(await receivedBytes(b), FILE.length);
  assert.equal(await result(b, 'arrived'), 1);
});

test('a snapshot with another hash than announced is refused, and its leader learns it', async (t) => {
  const { a, b, source, target } = await pair(await PeerNet.create(t), FAST);
  source.announced = sha256(Buffer.from('something else'));
  a.transport.send([announce(9)]);
  await eventually('the answer', () => a.received.length === 1);
  assert.deepEqual(a.received, [
    {
      groupId: 'main',
      from: 'b',
      to: 'a',
      term: 3,
      type: 'snapshot-response',
      index: 9,
      arrived: false,
    },
  ]);
  assert.deepEqual([b.received, target.files.size], [[], 0]);
  assert.equal(await result(b, 'wrong-hash'), 1);
});

test('a newer snapshot takes the place of one that is still coming, an older one does not', async (t) => {
  const { a, b, source } = await pair(await PeerNet.create(t), {
    snapshotBytesPerSecond: 4 * 2 ** 20,
  });
  source.files.set(12, FILE.subarray(0, 100_000));
  source.files.set(5, FILE.subarray(0, 50_000));
  a.transport.send([announce(9)]);
  await eventually('a beginning', async () => (await receivedBytes(b)) > 0);
  a.transport.send([announce(5)]);
  a.transport.send([announce(12)]);
  await eventually('the newer one', () => b.received.length === 1);
  assert.deepEqual(b.received, [announce(12)]);
  assert.equal(await result(b, 'superseded'), 1);
});

test('a snapshot that its sender no longer has is given up at once', async (t) => {
  const { a, source } = await pair(await PeerNet.create(t), FAST);
  const describe = source.describe.bind(source);
  let asked = 0;
  source.describe = (index) => (asked++ === 0 ? describe(index) : undefined);
  a.transport.send([announce(9)]);
  await eventually('the answer', () => a.received.length === 1);
  assert.equal(a.received[0]?.type, 'snapshot-response');
  a.transport.send([announce(10)]);
  await eventually('what cannot be announced', () => a.dropped.length === 1);
  assert.deepEqual(a.dropped, [announce(10)]);
});

test('a snapshot that is being read stays readable when newer ones take its place', async (t) => {
  const { a, b, source } = await pair(await PeerNet.create(t), {
    snapshotBytesPerSecond: 40 * 2 ** 20,
  });
  a.transport.send([announce(9)]);
  await eventually('a beginning', async () => (await receivedBytes(b)) > 0);
  const describe = source.describe.bind(source);
  source.describe = (index) => (index === 9 ? undefined : describe(index));
  await eventually('the snapshot', () => b.received.length === 1);
  assert.deepEqual(source.reads, [0]);
});

test('snapshots travel at the rate that was set', async (t) => {
  const { a, b } = await pair(await PeerNet.create(t), { snapshotBytesPerSecond: 16 * 2 ** 20 });
  const start = performance.now();
  a.transport.send([announce(9)]);
  await eventually('the snapshot', () => b.received.length === 1);
  assert.ok(performance.now() - start > 1_200, '20 MiB take 1.25 s');
});

test('pieces are only for members that have a stream open', async (t) => {
  const { net, a } = await pair(await PeerNet.create(t), FAST);
  const channel = testChannel(net.tls, () => net.ports.get('a') as number);
  t.after(() => channel.close());
  const fetch = async (request: Wire.FetchRequest): Promise<RpcError | undefined> => {
    const { promise, resolve } = Promise.withResolvers<RpcError | undefined>();
    await channel
      .client(services.raftPeer)
      .fetchSnapshot(request, { onMessage: () => undefined, onEnd: resolve });
    return promise;
  };
  const request = { groupId: 'main', nodeId: 'b', index: 9, offset: 0, limit: 1 };
  assert.equal((await fetch({ ...request, instance: 'guessed' }))?.code, 'unavailable');
  assert.deepEqual(a.lost, []);
});
