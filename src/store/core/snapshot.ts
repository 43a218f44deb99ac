/**
 * The machine's state as a stream of bytes and back. A snapshot holds the keys at the compact revision and every event
 * since: playing them back gives the same versions and the same history, so watchers elsewhere can go on from it.
 */
import { InvariantError } from '../../std/index.ts';
import { createSnapshotReader, encodeSnapshot, type SnapshotRecord } from './snapshot-format.ts';
import { emptyState, putKey, removeKey, type MachineState } from './state.ts';

/**
 * The state as of this call, however long reading takes and whatever is applied meanwhile. Read it to its end or call
 * `return` on its iterator: until then no compaction gives memory back.
 */
export function snapshotOf(state: MachineState): IterableIterator<Uint8Array> {
  const { keyspace, revision, compactRevision, appliedIndex } = state;
  const release = keyspace.hold();
  const leases = state.leases.ttls();
  const proposals = state.proposals.dump();
  const events = keyspace.history.freeze();

  function* records(): Generator<SnapshotRecord> {
    for (const { id, ttlMs } of leases) yield { type: 'lease', id, ttlMs };
    for (const [proposal, index] of proposals) yield { type: 'proposal', proposal, index };
    for (const item of keyspace.at(compactRevision)) yield { type: 'item', item };
    for (const event of events) {
      if (event.type === 'delete') {
        yield { type: 'delete', revision: event.revision, key: event.key };
      } else {
        const { key, value, lease, modRevision } = event.item;
        yield { type: 'put', revision: modRevision, key, value, lease };
      }
    }
  }

  const head = { revision, compactRevision, appliedIndex, checksum: state.chain };
  const chunks = encodeSnapshot(head, records());
  return {
    [Symbol.iterator]() {
      return this;
    },
    next() {
      const result = chunks.next();
      if (result.done === true) release();
      return result;
    },
    // A generator that never started would not run its own `finally`.
    return() {
      release();
      return chunks.return(undefined);
    },
  };
}

export interface Restore {
  /** Throws `SnapshotError` for bytes that are no snapshot. */
  add(chunk: Uint8Array): void;
  /** The state, once all of it has arrived. */
  finish(): MachineState;
}

/** Builds a state from the chunks of a snapshot, apart from any machine. */
export function createRestore(): Restore {
  const state = emptyState();
  const reader = createSnapshotReader((record) => replay(state, record));
  return {
    add: (chunk) => reader.add(chunk),
    finish() {
      const { checksum, ...counters } = reader.finish();
      Object.assign(state, counters, { chain: checksum });
      return state;
    },
  };
}

function replay(state: MachineState, record: SnapshotRecord): void {
  switch (record.type) {
    case 'lease':
      return state.leases.grant(record.id, record.ttlMs);
    case 'proposal':
      return state.proposals.load(record.proposal, record.index);
    case 'item':
      state.keyspace.load(record.item);
      return state.leases.move(record.item.key, 0, record.item.lease);
    case 'put':
      return void putKey(state, record.revision, record);
    case 'delete':
      if (removeKey(state, record.revision, record.key) === undefined) {
        throw new InvariantError(`the snapshot deletes ${record.key}, which it does not have`);
      }
  }
}
