/** Messages as they travel: everything comes back as it was, what makes no sense does not come back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, encodeMessage } from '../../src/raft/codec.ts';
import type { Message } from '../../src/raft/core/index.ts';
import { services, type Wire } from '../../src/rpc/index.ts';

const envelope = { groupId: 'main', from: 'a', to: 'b', term: 7 };
const MESSAGES: Message[] = [
  {
    ...envelope,
    type: 'append',
    prevIndex: 2 ** 40,
    prevTerm: 6,
    commit: 5,
    entries: [
      { index: 2 ** 40 + 1, term: 7, kind: 'empty', data: Buffer.alloc(0) },
      { index: 2 ** 40 + 2, term: 7, kind: 'command', data: Buffer.from('x') },
    ],
  },
  { ...envelope, type: 'append-response', rejected: false, index: 3 },
  { ...envelope, type: 'append-response', rejected: true, index: 3, hintIndex: 2, hintTerm: 1 },
  { ...envelope, type: 'heartbeat', commit: 4, round: 9 },
  { ...envelope, type: 'heartbeat-response', round: 9 },
  { ...envelope, type: 'vote-request', preVote: true, lastIndex: 1, lastTerm: 1 },
  { ...envelope, type: 'vote-response', preVote: false, granted: true },
  { ...envelope, type: 'propose', request: 1, commands: [Buffer.from('c')] },
  { ...envelope, type: 'propose-refusal', request: 1, reason: 'overloaded' },
  { ...envelope, type: 'read-index', context: 'r' },
  { ...envelope, type: 'read-index-response', context: 'r', index: 8 },
];

function throughTheWire(messages: readonly Wire.RaftMessageInput[]): Wire.RaftMessage[] {
  const method = services.raftPeer.definition['Exchange'];
  assert.ok(method);
  const batch = method.requestDeserialize(method.requestSerialize({ messages })) as Wire.PeerBatch;
  return batch.messages;
}

test('every message survives the wire', () => {
  const received = throughTheWire(MESSAGES.map(encodeMessage)).map(decodeMessage);
  assert.deepEqual(received, MESSAGES);
});

test('a message without a body and an append with a gap are not understood', () => {
  const gap = { prevIndex: 3, entries: [{ index: 5 }] };
  const unknownKind = { prevIndex: 3, entries: [{ index: 4, kind: 99 }] };
  const wire = throughTheWire([{}, { append: gap }, { append: unknownKind }]);
  assert.deepEqual(wire.map(decodeMessage), [undefined, undefined, undefined]);
});
