/** Peers that say what no member says: whatever comes over an open stream, only sound messages get to the core. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeMessage } from '../../src/raft/codec.ts';
import { decodeMessage } from '../../src/raft/decode.ts';
import { packEntries } from '../../src/raft/packing.ts';
import { PROTOCOL_VERSION } from '../../src/raft/refusals.ts';
import {
  createRpcServer,
  services,
  type RpcError,
  type RpcService,
  type Wire,
} from '../../src/rpc/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { testChannel } from '../rpc/fixture.ts';
import { MemorySnapshots, metric, PeerNet, sha256 } from './peers-fixture.ts';

type Methods = NonNullable<(typeof services.raftPeer)['methods']>;
type Bytes = { readonly [Name in keyof Methods]: Methods[Name] & { requestInput: Buffer } };

const { Exchange, FetchSnapshot } = services.raftPeer.definition;
assert.ok(Exchange && FetchSnapshot);
const asItIs = (bytes: Buffer): Buffer => bytes;
/** The service of the members, spoken by someone who sends bytes as they are. */
const rawRequests: RpcService<Bytes> = {
  name: services.raftPeer.name,
  definition: {
    ...services.raftPeer.definition,
    Exchange: { ...Exchange, requestSerialize: asItIs },
  },
};

const greeting = {
  nodeId: 'b',
  instance: 'i',
  clusterId: 'cluster-1',
  diskId: 'disk-of-b',
  protocolVersion: PROTOCOL_VERSION,
};
const batch = (content: Wire.PeerBatchInput): Buffer => Exchange.requestSerialize(content);
const hello = batch({ greeting: { ...greeting, expects: 'a' } });
const sound = batch({
  messages: [
    encodeMessage(
      {
        groupId: 'main',
        from: 'b',
        to: 'a',
        term: 4,
        type: 'append',
        prevIndex: 1,
        prevTerm: 1,
        commit: 1,
        entries: [{ index: 2, term: 3, kind: 'command', data: Buffer.alloc(40, 1) }],
      },
      packEntries,
    ),
  ],
});

test(verifies('raft.garbage-harms-nobody'), async (t) => {
  const net = await PeerNet.create(t);
  const a = await net.start('a', { snapshots: new MemorySnapshots() });
  a.transport.setPeers(['b', 'c']);
  const c = await net.start('c');
  c.transport.setPeers(['a']);
  await eventually('a sound peer', () => c.transport.canSend('a'));
  const channel = testChannel(net.tls, () => net.ports.get('a') as number);
  t.after(() => channel.close());
  const client = channel.client(rawRequests);

  /** Sends what it is given on a stream of its own. */
  const say = async (batches: readonly Uint8Array[]): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<RpcError | undefined>();
    const stream = await client.exchange({ onMessage: () => undefined, onEnd: resolve });
    for (const bytes of batches) stream.send(Buffer.from(bytes));
    stream.end();
    await promise;
  };
  const damaged = fc
    .array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const bytes = Buffer.from(sound);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
  const garbage = fc.uint8Array({ minLength: 1, maxLength: 100 });
  const truncated = fc.integer({ min: 1, max: sound.length - 1 }).map((n) => sound.subarray(0, n));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(damaged, garbage, truncated)),
      fc.boolean(),
      (bytes, polite) => say(polite ? [hello, ...bytes] : bytes),
    ),
    { numRuns: 150 },
  );
  for (const message of a.received) {
    assert.deepEqual([message.from, message.to, message.groupId], ['b', 'a', 'main']);
    const again = Exchange.requestDeserialize(
      batch({
        messages: [encodeMessage(message, packEntries, { bytes: 1, sha256: 'a'.repeat(64) })],
      }),
    ) as Wire.PeerBatch;
    assert.equal(decodeMessage(again.messages[0] as Wire.RaftMessage).ok, true);
  }
  assert.ok((await metric(a.metrics, 'raft_messages_refused_total')) > 50);
  // Neither the stream of another peer nor the next one of this peer suffers.
  assert.equal(c.transport.canSend('a'), true);
  assert.ok(!c.lost.includes('a'));
  const before = a.received.length;
  await say([hello, sound]);
  await eventually('a sound message', () => a.received.length === before + 1);
});

test('a truncated batch ends its stream, and is counted', async (t) => {
  const net = await PeerNet.create(t);
  const a = await net.start('a');
  a.transport.setPeers(['b']);
  const channel = testChannel(net.tls, () => net.ports.get('a') as number);
  t.after(() => channel.close());
  const { promise, resolve } = Promise.withResolvers<RpcError | undefined>();
  const stream = await channel
    .client(rawRequests)
    .exchange({ onMessage: () => undefined, onEnd: resolve });
  stream.send(hello);
  stream.send(sound.subarray(0, -1));
  assert.equal((await promise)?.code, 'invalid-argument');
  assert.equal(await metric(a.metrics, 'raft_messages_refused_total', 'malformed'), 1);
  assert.deepEqual(a.received, []);
});

/** Chunks that are not what was asked for, then nothing. */
const CHUNKS: readonly Wire.SnapshotChunkInput[] = [
  { offset: 5, data: Buffer.alloc(10) },
  { offset: 0, data: Buffer.alloc(0) },
  { offset: 0, data: Buffer.alloc(200) },
];

test('answers and snapshot chunks that nobody asked for are refused', async (t) => {
  const net = await PeerNet.create(t);
  const target = new MemorySnapshots();
  const a = await net.start('a', { snapshots: target });
  const server = createRpcServer({
    address: '127.0.0.1',
    port: 0,
    tls: net.tls,
    clusterId: 'cluster-1',
    logger: silentLogger,
    metrics: createMetrics(),
  });
  let answers = 0;
  let fetches = 0;
  server.addService(services.raftPeer, {
    exchange(stream) {
      stream.onMessage(() => {
        answers += 1;
        if (answers === 1) stream.send({});
        else if (answers === 2) stream.send({ refusal: { code: 'bad-weather' } });
        else stream.send({ greeting });
      });
      stream.onEnd(() => stream.end());
    },
    fetchSnapshot(_request, stream) {
      const chunk = CHUNKS[fetches++ % CHUNKS.length];
      stream.send(chunk as Wire.SnapshotChunkInput);
      stream.end();
    },
  });
  t.after(() => server.stop());
  net.ports.set('b', (await server.listen()).port);
  a.transport.setPeers(['b']);
  await eventually('an open link', () => a.transport.canSend('b'));
  assert.ok(answers >= 3);
  const channel = testChannel(net.tls, () => net.ports.get('a') as number);
  t.after(() => channel.close());
  const stream = await channel
    .client(rawRequests)
    .exchange({ onMessage: () => undefined, onEnd: () => undefined });
  stream.send(hello);
  const configuration = { voters: ['a', 'b'] };
  const snapshot = { index: 9, term: 1, configuration, bytes: 100, sha256: sha256(hello) };
  stream.send(batch({ messages: [{ groupId: 'main', from: 'b', to: 'a', term: 2, snapshot }] }));
  await eventually('several attempts', () => fetches > CHUNKS.length);
  assert.deepEqual([target.files.size, a.received.length], [0, 0]);
});
