/** The pure state machine against a naive model, and against itself on another replica. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeCommand,
  encodeCommand,
  type Command,
  type CommandBody,
} from '../../src/store/core/command.ts';
import { createStateMachine } from '../../src/store/core/machine.ts';
import { PROPOSAL_WINDOW_ENTRIES } from '../../src/store/core/state.ts';
import type { KeyValue, Operation } from '../../src/store/index.ts';
import { verifies } from '../requirements.ts';
import { body, log } from './arbitraries.ts';
import { createNaiveModel } from './naive-model.ts';

/** Applies a log to a fresh machine, through the wire form. */
function replay(commands: readonly Command[]) {
  const machine = createStateMachine();
  const outcomes = commands.map((command, i) => {
    const decoded = decodeCommand(encodeCommand(command));
    assert.ok(decoded.ok);
    return machine.apply({ index: i + 1, term: 1 }, decoded.value);
  });
  return { machine, outcomes };
}

test('a command survives its wire form', () => {
  fc.assert(
    fc.property(body, (body) => {
      const command = { proposal: 'p', base: 3, body };
      const decoded = decodeCommand(encodeCommand(command));
      assert.ok(decoded.ok);
      assert.deepEqual(decoded.value, JSON.parse(JSON.stringify(command)));
    }),
  );
});

test(verifies('store.deterministic'), () => {
  fc.assert(
    fc.property(log, (commands) => {
      const [one, other] = [replay(commands), replay(commands)];
      assert.equal(one.machine.serialize(), other.machine.serialize());
      assert.deepEqual(one.outcomes, other.outcomes);
    }),
  );
});

test(verifies('store.matches-model'), () => {
  fc.assert(
    fc.property(log, (commands) => {
      const machine = createStateMachine();
      const model = createNaiveModel();
      for (const [i, command] of commands.entries()) {
        const entry = { index: i + 1, term: 1 };
        const outcome = machine.apply(entry, command);
        assert.deepEqual(outcome, model.apply(entry, command));
        assert.equal(machine.revision, model.revision());
        assert.deepEqual(machine.leases(), model.leases());
        assert.equal(machine.keyspace.size, model.at(Infinity).length);
        for (let at = machine.compactRevision; at <= machine.revision; at++) {
          const { items } = machine.keyspace.range({ prefix: '' }, at, Infinity);
          assert.deepEqual(items, model.at(at));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test(verifies('store.txn-atomic'), () => {
  fc.assert(
    fc.property(log, (commands) => {
      const machine = createStateMachine();
      for (const [i, command] of commands.entries()) {
        const before = machine.revision;
        const past = machine.keyspace.range({ prefix: '' }, Infinity, Infinity).items;
        const outcome = machine.apply({ index: i + 1, term: 1 }, command);
        const events = machine.keyspace.history.from(before + 1, Infinity);
        const revisions = new Set(
          events.map((event) => (event.type === 'put' ? event.item.modRevision : event.revision)),
        );
        assert.ok(machine.revision - before <= 1 && revisions.size <= 1);
        if (outcome.type === 'refused' || outcome.type === 'duplicate') {
          assert.deepEqual(machine.keyspace.range({ prefix: '' }, Infinity, Infinity).items, past);
        }
        assert.deepEqual(
          machine.keyspace.range({ prefix: '' }, Infinity, Infinity).items,
          replayEvents(past, events),
        );
      }
    }),
  );
});

/** What a watcher that follows the events believes to be there. */
function replayEvents(
  past: readonly KeyValue[],
  events: ReturnType<ReturnType<typeof createStateMachine>['keyspace']['history']['from']>,
): KeyValue[] {
  const items = new Map(past.map((item) => [item.key, item]));
  for (const event of events) {
    if (event.type === 'put') items.set(event.item.key, event.item);
    else items.delete(event.key);
  }
  return [...items.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

test('a proposal is remembered for the window, and refused when it is older', () => {
  const machine = createStateMachine();
  const put = (proposal: string, base: number): Command => ({
    proposal,
    base,
    body: {
      type: 'txn',
      compare: [],
      success: [{ type: 'put', key: '/k', value: proposal }],
      failure: [],
    },
  });
  const apply = (index: number, command: Command) =>
    machine.apply({ index, term: 1 }, command).type;
  assert.equal(apply(1, put('first', 0)), 'txn');
  assert.equal(apply(PROPOSAL_WINDOW_ENTRIES, put('first', 0)), 'duplicate');
  assert.equal(apply(PROPOSAL_WINDOW_ENTRIES + 1, put('late', 0)), 'refused');
  assert.equal(apply(PROPOSAL_WINDOW_ENTRIES + 2, put('first', 0)), 'refused');
  assert.equal(apply(PROPOSAL_WINDOW_ENTRIES + 3, put('late', 50)), 'txn');
  assert.equal(machine.keyspace.get('/k')?.version, 2);
});

test('compaction keeps what is visible and drops deleted keys', () => {
  const { machine } = replay([
    { proposal: '1', base: 0, body: txn([{ type: 'put', key: '/a', value: '1' }]) },
    { proposal: '2', base: 0, body: txn([{ type: 'put', key: '/a', value: '2' }]) },
    { proposal: '3', base: 0, body: txn([{ type: 'put', key: '/b', value: '1' }]) },
    { proposal: '4', base: 0, body: txn([{ type: 'delete', selector: { key: '/b' } }]) },
    { proposal: '5', base: 0, body: { type: 'compact', revision: 5 } },
  ]);
  const state = JSON.parse(machine.serialize()) as { keys: [string, unknown[]][] };
  assert.deepEqual(
    state.keys.map(([key, versions]) => [key, versions.length]),
    [['/a', 1]],
  );
  assert.equal(machine.keyspace.history.size, 0);
  assert.equal(machine.keyspace.history.weight, 0);
});

const txn = (success: readonly Operation[]): CommandBody => ({
  type: 'txn',
  compare: [],
  success,
  failure: [],
});
