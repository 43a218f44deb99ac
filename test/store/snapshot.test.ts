/** Snapshots of the state machine: equal state, equal checksum and equal behaviour, in pieces, and nothing but the whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Command } from '../../src/store/core/command.ts';
import { createStateMachine, type StateMachine } from '../../src/store/core/machine.ts';
import { SNAPSHOT_CHUNK_BYTES_MAX, SnapshotError } from '../../src/store/core/snapshot-format.ts';
import { verifies } from '../requirements.ts';
import { log } from './arbitraries.ts';

const everything = { prefix: '' };

function restored(chunks: Iterable<Uint8Array>): StateMachine {
  const machine = createStateMachine();
  const restore = machine.beginRestore();
  for (const chunk of chunks) restore.add(chunk);
  restore.finish();
  return machine;
}

function applyAll(machine: StateMachine, commands: readonly Command[], from = 0) {
  return commands.map((command, i) => machine.apply({ index: from + i + 1, term: 1 }, command));
}

const put = (key: string, value: string, proposal = `${key}=${value}`): Command => ({
  proposal,
  base: 0,
  body: { type: 'txn', compare: [], success: [{ type: 'put', key, value }], failure: [] },
});
const compact = (revision: number): Command => ({
  proposal: `compact ${revision}`,
  base: 0,
  body: { type: 'compact', revision },
});

/** The kept past of a machine: every state and every event that a reader can still ask for. */
function past(machine: StateMachine): unknown {
  const { keyspace, compactRevision, revision } = machine;
  const states = [];
  for (let at = compactRevision; at <= revision; at++) {
    states.push(keyspace.range(everything, at, Infinity));
  }
  return { states, events: keyspace.history.from(compactRevision + 1, Infinity) };
}

test(verifies('store.snapshot-is-the-state'), () => {
  fc.assert(
    fc.property(log, log, fc.nat(), fc.array(fc.boolean()), (before, after, cut, turns) => {
      const machine = createStateMachine();
      applyAll(machine, before);
      const twin = createStateMachine();
      applyAll(twin, before);
      const chunks = machine.snapshot()[Symbol.iterator]();
      const read: Uint8Array[] = [];
      const outcomes = [];
      // Entries are applied while the snapshot is read, in an order that chance decides.
      for (const [i, command] of after.entries()) {
        if (turns[i] === true) {
          const next = chunks.next();
          if (next.done !== true) read.push(next.value);
        }
        outcomes.push(machine.apply({ index: before.length + i + 1, term: 1 }, command));
      }
      for (let next = chunks.next(); next.done !== true; next = chunks.next()) {
        read.push(next.value);
      }
      const bytes = Buffer.concat(read);
      const at = cut % (bytes.length + 1);
      const copy = restored([bytes.subarray(0, at), bytes.subarray(at)]);
      assert.equal(copy.serialize(), twin.serialize());
      assert.equal(copy.checksum(), twin.checksum());
      assert.deepEqual(past(copy), past(twin));
      assert.deepEqual(applyAll(copy, after, before.length), outcomes);
      assert.equal(copy.serialize(), machine.serialize());
      assert.equal(copy.checksum(), machine.checksum());
      assert.deepEqual(past(copy), past(machine));
    }),
    { numRuns: 300 },
  );
});

test('keys that come, change, go and are compacted while a snapshot is read do not show in it', () => {
  const machine = createStateMachine();
  // Two kilobytes each, so that the snapshot takes several chunks.
  const big = (i: number): Command =>
    put(`/${String(i).padStart(4, '0')}`, 'x'.repeat(2000), `${i}`);
  applyAll(
    machine,
    Array.from({ length: 400 }, (_, i) => big(2 * i)),
  );
  applyAll(machine, [compact(401)], 400);
  const expected = machine.serialize();
  const chunks: Uint8Array[] = [];
  let index = 401;
  const apply = (command: Command): void => {
    index += 1;
    machine.apply({ index, term: 1 }, command);
  };
  for (const chunk of machine.snapshot()) {
    chunks.push(chunk);
    for (let i = 0; i < 30; i++) apply(big(2 * ((index * 7) % 400) + 1));
    apply({
      proposal: `gone ${index}`,
      base: 0,
      body: {
        type: 'txn',
        compare: [],
        success: [{ type: 'delete', selector: { prefix: '/000' } }],
        failure: [],
      },
    });
    apply(compact(machine.revision));
  }
  assert.ok(chunks.length > 2, `${chunks.length} chunks`);
  assert.equal(restored(chunks).serialize(), expected);
});

test('compaction gives memory back when the last reader is done, however it ends', () => {
  const machine = createStateMachine();
  applyAll(machine, [put('/a', '1'), put('/a', '2'), put('/b', '1')]);
  const [unread, first, second] = [machine.snapshot(), machine.snapshot(), machine.snapshot()];
  first.next();
  machine.apply({ index: 4, term: 1 }, compact(4));
  assert.equal(machine.keyspace.heldBack, true);
  first.return?.();
  first.return?.();
  unread.return?.();
  assert.equal(machine.keyspace.history.size, 3, 'the second is still being read');
  assert.equal(restored(second).revision, 4);
  assert.equal(machine.keyspace.heldBack, false);
  assert.equal(machine.keyspace.history.size, 0);
});

test(verifies('store.snapshot-in-pieces'), () => {
  const machine = createStateMachine();
  const keys = 200_000;
  const perCommand = 100;
  for (let i = 0; i < keys / perCommand; i++) {
    const success = Array.from({ length: perCommand }, (_, j) => ({
      type: 'put' as const,
      key: `/sessions/${String(i * perCommand + j).padStart(8, '0')}`,
      value: `{"owner":"pod-${j}"}`,
    }));
    const body = { type: 'txn', compare: [], success, failure: [] } as const;
    machine.apply({ index: i + 1, term: 1 }, { proposal: `${i}`, base: i, body });
    if (i % 200 === 199) machine.apply({ index: i + 1, term: 1 }, compact(machine.revision));
  }
  const huge = put('/huge', '\u0001'.repeat(1_000_000));
  machine.apply({ index: keys, term: 1 }, { ...huge, base: keys - 1 });
  let bytes = 0;
  let count = 0;
  const copy = createStateMachine();
  const restore = copy.beginRestore();
  for (const chunk of machine.snapshot()) {
    assert.ok(chunk.length <= SNAPSHOT_CHUNK_BYTES_MAX);
    bytes += chunk.length;
    count += 1;
    restore.add(chunk);
  }
  restore.finish();
  assert.ok(count >= bytes / SNAPSHOT_CHUNK_BYTES_MAX && count < bytes / 50_000, `${count} chunks`);
  assert.equal(copy.keyspace.size, keys + 1);
  assert.equal(copy.checksum(), machine.checksum());
});

test(verifies('store.snapshot-bad-input'), () => {
  const source = createStateMachine();
  applyAll(source, [put('/a', '1'), put('/b', '\u{1f600}'), compact(2)]);
  const good = Buffer.concat([...source.snapshot()]);
  const machine = createStateMachine();
  applyAll(machine, [put('/mine', '1')]);
  const before = machine.serialize();
  const refused = (bytes: Uint8Array, code: SnapshotError['code']): void => {
    const restore = machine.beginRestore();
    assert.throws(
      () => {
        restore.add(bytes);
        restore.finish();
      },
      (error) => error instanceof SnapshotError && error.code === code,
      bytes.toString(),
    );
    assert.equal(machine.serialize(), before);
  };
  for (let length = 0; length < good.length; length++) {
    refused(good.subarray(0, length), 'malformed');
  }
  const lines = good.toString().split('\n');
  const edited = (edit: (lines: string[]) => unknown): Buffer => {
    const copy = [...lines];
    edit(copy);
    return Buffer.from(copy.join('\n'));
  };
  refused(
    edited((copy) => copy.splice(2, 1)),
    'malformed',
  );
  refused(
    edited((copy) => copy.push('["l",9,9]', '')),
    'malformed',
  );
  refused(
    edited((copy) => copy.splice(1, 1, '["?",1]')),
    'malformed',
  );
  refused(
    edited((copy) => copy.splice(1, 1, '{}')),
    'malformed',
  );
  refused(
    edited((copy) => copy.splice(-2, 0, '["d",9,"/never"]')),
    'malformed',
  );
  refused(Buffer.from('["something else",1]\n'), 'malformed');
  refused(
    edited((copy) => (copy[0] = (copy[0] as string).replace(',1,', ',2,'))),
    'unknown-version',
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => refused(bytes, 'malformed')));
});

test(verifies('store.checksum-tells-apart'), () => {
  fc.assert(
    fc.property(log, log, fc.nat(), (one, more, at) => {
      const machines = [createStateMachine(), createStateMachine()] as const;
      for (const machine of machines) applyAll(machine, one);
      assert.equal(machines[0].checksum(), machines[1].checksum());
      // One of them does something else once, at the same index.
      const index = one.length + 1;
      machines[0].apply({ index, term: 1 }, put('/x', `${at}`, 'other'));
      machines[1].apply({ index, term: 1 }, put('/x', `${at}`.concat('!'), 'other'));
      const start = machines[0].checksum();
      assert.notEqual(start, machines[1].checksum());
      for (const machine of machines) applyAll(machine, more, index);
      assert.notEqual(machines[0].checksum(), machines[1].checksum());
      for (const machine of machines) assert.equal(machine.checksum(), machine.checksum() >>> 0);
    }),
  );
});
