/** Messages as they travel: everything comes back as it was, what makes no sense does not come back, whatever the bytes are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createPacker, encodeMessage } from '../../src/raft/codec.ts';
import type { Entry, Message } from '../../src/raft/core/index.ts';
import { decodeMessage } from '../../src/raft/decode.ts';
import {
  packCommands,
  packEntries,
  unpackCommands,
  unpackEntries,
} from '../../src/raft/packing.ts';
import { readBatch } from '../../src/raft/peer-service.ts';
import { services, type Wire } from '../../src/rpc/index.ts';
import { verifies } from '../requirements.ts';

const envelope = { groupId: 'main', from: 'a', to: 'b', term: 7 };
const file = { bytes: 2 ** 40, sha256: 'ab'.repeat(32) };
const configuration = {
  voters: ['a', 'b'],
  votersOutgoing: ['a', 'c'],
  learners: ['d'],
  learnersNext: ['c'],
  autoLeave: true,
};
const MESSAGES: Message[] = [
  {
    ...envelope,
    type: 'append',
    prevIndex: 2 ** 40,
    prevTerm: 6,
    commit: 5,
    entries: [
      { index: 2 ** 40 + 1, term: 6, kind: 'command', data: Buffer.from('x') },
      { index: 2 ** 40 + 2, term: 7, kind: 'empty', data: Buffer.alloc(0) },
      { index: 2 ** 40 + 3, term: 7, kind: 'config', data: Buffer.from('{}') },
    ],
  },
  { ...envelope, type: 'append', prevIndex: 0, prevTerm: 0, commit: 0, entries: [] },
  { ...envelope, type: 'append-response', rejected: false, index: 3 },
  { ...envelope, type: 'append-response', rejected: true, index: 3, hintIndex: 2, hintTerm: 1 },
  { ...envelope, type: 'snapshot', meta: { index: 9, term: 7, configuration } },
  { ...envelope, type: 'snapshot-response', index: 9, arrived: true },
  { ...envelope, type: 'snapshot-response', index: 9, arrived: false },
  { ...envelope, type: 'heartbeat', commit: 4, round: 9 },
  {
    ...envelope,
    type: 'heartbeat',
    commit: 4,
    round: 9,
    check: { index: 4, checksum: -7.5 },
    divergent: true,
  },
  { ...envelope, type: 'heartbeat-response', round: 9 },
  { ...envelope, type: 'heartbeat-response', round: 9, check: { index: 4, checksum: 2 ** 53 } },
  {
    ...envelope,
    type: 'vote-request',
    preVote: true,
    lastIndex: 1,
    lastTerm: 1,
    transfer: false,
  },
  {
    ...envelope,
    type: 'vote-request',
    preVote: false,
    lastIndex: 0,
    lastTerm: 0,
    transfer: true,
  },
  { ...envelope, type: 'vote-response', preVote: false, granted: true, lastIndex: 3, lastTerm: 1 },
  { ...envelope, type: 'propose', request: 1, kind: 'command', commands: [Buffer.from('c')] },
  { ...envelope, type: 'propose', request: 2, kind: 'config', commands: [Buffer.from('{}')] },
  { ...envelope, type: 'propose-refusal', request: 1, reason: 'overloaded' },
  { ...envelope, type: 'propose-refusal', request: 1, reason: 'change-pending' },
  { ...envelope, type: 'read-index', context: 'r' },
  { ...envelope, type: 'read-index-response', context: 'r', index: 8 },
  { ...envelope, type: 'transfer-leader', transferee: 'c' },
  { ...envelope, type: 'timeout-now' },
  { ...envelope, type: 'removed', index: 12 },
];

function throughTheWire(messages: readonly Wire.RaftMessageInput[]): Wire.RaftMessage[] {
  const method = services.raftPeer.definition['Exchange'];
  assert.ok(method);
  return readBatch(method.requestSerialize({ messages })).messages;
}

test('every message survives the wire', () => {
  const { pack } = createPacker();
  const wire = throughTheWire(MESSAGES.map((message) => encodeMessage(message, pack, file)));
  const received = wire.map(decodeMessage);
  assert.deepEqual(
    received,
    MESSAGES.map((message) => ({
      ok: true,
      value: message.type === 'snapshot' ? { message, file } : { message },
    })),
  );
});

test('entries that go to several peers are packed once', () => {
  const entry = (index: number): Entry => ({
    index,
    term: 1,
    kind: 'command',
    data: Buffer.from([index]),
  });
  const log = [1, 2, 3].map(entry);
  const packer = createPacker();
  const first = packer.pack(log.slice(0, 2));
  assert.equal(packer.pack(log.slice(0, 2)), first);
  assert.notEqual(packer.pack(log), first);
  const rewritten = [log[0] as Entry, entry(2)];
  assert.notEqual(packer.pack(rewritten), first);
  packer.forget();
  assert.notEqual(packer.pack(log.slice(0, 2)), first);
});

const UNSAFE = 2 ** 60;
const append = { prevIndex: 3, prevTerm: 1, commit: 0, entries: Buffer.alloc(0) };
const entriesOf = (...terms: number[]): Uint8Array =>
  packEntries(terms.map((term, i) => ({ index: i, term, kind: 'command', data: Buffer.alloc(1) })));
const snapshot = { index: 3, term: 1, configuration, ...file };

/** Messages that a member cannot have meant, by why they are refused. */
const SENSELESS: readonly (readonly [string, Wire.RaftMessageInput])[] = [
  ['unknown-kind', {}],
  ['impossible-number', { term: UNSAFE, timeoutNow: {} }],
  ['malformed', { from: '', timeoutNow: {} }],
  ['malformed', { groupId: 'g'.repeat(1000), timeoutNow: {} }],
  ['impossible-number', { append: { ...append, prevIndex: UNSAFE } }],
  ['impossible-term', { append: { ...append, prevIndex: 0 } }],
  ['impossible-term', { append: { ...append, prevTerm: 0 } }],
  [
    'impossible-number',
    { append: { ...append, prevIndex: Number.MAX_SAFE_INTEGER, entries: entriesOf(1) } },
  ],
  ['malformed', { append: { ...append, entries: entriesOf(1, 1).subarray(0, -1) } }],
  ['malformed', { append: { ...append, entries: Buffer.concat([entriesOf(1), Buffer.of(0)]) } }],
  ['malformed', { append: { ...append, entries: Buffer.alloc(3) } }],
  ['malformed', { append: { ...append, entries: Buffer.alloc(8) } }],
  ['impossible-term', { append: { ...append, entries: entriesOf(3, 2) } }],
  ['impossible-term', { append: { ...append, prevTerm: 3, entries: entriesOf(2) } }],
  ['impossible-term', { append: { ...append, entries: entriesOf(8) } }],
  ['impossible-term', { append: { ...append, prevTerm: 8 } }],
  ['impossible-number', { appendResponse: { index: UNSAFE } }],
  ['impossible-number', { heartbeat: { commit: UNSAFE } }],
  ['impossible-number', { heartbeat: { check: { index: 1, checksum: Number.NaN } } }],
  ['impossible-number', { heartbeatResponse: { check: { index: UNSAFE } } }],
  ['impossible-term', { voteRequest: { lastTerm: 8, lastIndex: 1 } }],
  ['impossible-number', { voteRequest: { lastIndex: UNSAFE } }],
  ['malformed', { propose: { commands: Buffer.alloc(2) } }],
  ['malformed', { propose: { commands: Buffer.from('ffffffff', 'hex') } }],
  ['impossible-number', { propose: { request: UNSAFE, commands: packCommands([]) } }],
  ['impossible-number', { proposeRefusal: { request: UNSAFE } }],
  ['malformed', { readIndex: { context: 'c'.repeat(1000) } }],
  ['malformed', { readIndexResponse: { context: '' } }],
  ['impossible-number', { readIndexResponse: { context: 'c', index: UNSAFE } }],
  ['impossible-number', { snapshot: { ...snapshot, index: 0 } }],
  ['impossible-number', { snapshot: { ...snapshot, bytes: UNSAFE } }],
  ['impossible-term', { snapshot: { ...snapshot, term: 8 } }],
  ['malformed', { snapshot: { ...snapshot, sha256: 'x' } }],
  ['malformed', { snapshot: { ...snapshot, configuration: null } }],
  ['malformed', { snapshot: { ...snapshot, configuration: { voters: [''] } } }],
  ['impossible-number', { snapshotResponse: { index: UNSAFE } }],
  ['malformed', { transferLeader: {} }],
  ['impossible-number', { removed: { index: UNSAFE } }],
];

test(verifies('raft.senseless-message-is-refused'), () => {
  for (const [problem, wire] of SENSELESS) {
    const [received] = throughTheWire([{ ...envelope, ...wire }]);
    assert.ok(received);
    assert.deepEqual(decodeMessage(received), { ok: false, error: problem }, JSON.stringify(wire));
  }
});

test('a refusal for a reason of a later release is a refusal', () => {
  const wire = { ...envelope, proposeRefusal: { request: 4, reason: 'moon-phase' } };
  const [decoded] = throughTheWire([wire]).map(decodeMessage);
  const message = { ...envelope, type: 'propose-refusal', request: 4, reason: 'not-leader' };
  assert.deepEqual(decoded, { ok: true, value: { message } });
});

test('arbitrary bytes are a batch or refused, and never crash', () => {
  const valid = services.raftPeer.definition['Exchange']?.requestSerialize({
    messages: MESSAGES.map((message) => encodeMessage(message, packEntries, file)),
  }) as Buffer;
  const damaged = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    .map((changes) => {
      const bytes = Buffer.from(valid);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
  const truncated = fc.nat(valid.length).map((length) => valid.subarray(0, length));
  const garbage = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(damaged, truncated, garbage), (bytes) => {
      for (const wire of readBatch(bytes).messages) {
        const decoded = decodeMessage(wire);
        if (!decoded.ok) continue;
        // What was let through is sound enough to travel on.
        const again = throughTheWire([encodeMessage(decoded.value.message, packEntries, file)]);
        assert.equal(decodeMessage(again[0] as Wire.RaftMessage).ok, true);
      }
    }),
    { numRuns: 3_000 },
  );
});

test('a batch of more messages than any member sends is not decoded', () => {
  const empty = Buffer.from([0x12, 0]);
  assert.equal(readBatch(Buffer.concat(Array(10_000).fill(empty))).unreadable, 'oversized');
  assert.equal(readBatch(Buffer.from([0x08, 1])).unreadable, 'malformed');
});

test('frames of entries and commands: what is packed comes back, other bytes are refused', () => {
  const kind = fc.constantFrom('command' as const, 'empty' as const, 'config' as const);
  const entry = fc.record({ term: fc.nat(3), kind, data: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.array(entry), (rows) => {
      const entries = rows.map((row, i) => ({ index: 5 + i, ...row }));
      const unpacked = unpackEntries(packEntries(entries), 5);
      assert.deepEqual(
        unpacked?.map((row) => ({ ...row, data: Uint8Array.from(row.data) })),
        entries.map(({ index, term, kind, data }) => ({ index, term, kind, data })),
      );
      const commands = rows.map(({ data }) => data);
      const back = unpackCommands(packCommands(commands));
      assert.deepEqual(
        back?.map((bytes) => Uint8Array.from(bytes)),
        commands,
      );
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const entries = unpackEntries(bytes, 1);
      if (entries !== undefined && entries.length > 0) {
        assert.ok(entries.every(({ term }) => Number.isSafeInteger(term)));
      }
      unpackCommands(bytes);
    }),
    { numRuns: 3_000 },
  );
});
