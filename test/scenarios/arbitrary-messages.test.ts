/** A core that is told anything at all, in any order: it keeps its promises, or stops before it would break one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  encodeConfigChange,
  type Entry,
  type Message,
  type Ready,
  type SnapshotMeta,
} from '../../src/raft/core/index.ts';
import { InvariantError } from '../../src/std/index.ts';
import { verifies } from '../requirements.ts';
import { Member } from './member.ts';

const ID = '1';
/** The last one is in no configuration. */
const PEERS = ['2', '3', '4', '5'];
const BEGIN: SnapshotMeta = {
  index: 3,
  term: 2,
  configuration: {
    voters: ['1', '2', '3'],
    votersOutgoing: [],
    learners: ['4'],
    learnersNext: [],
    autoLeave: false,
  },
};

const index = fc.nat(9);
const term = fc.nat(5);
const flag = fc.boolean();
const id = fc.constantFrom(ID, ...PEERS);
const change = fc.record({
  transition: fc.constantFrom('auto' as const, 'joint-implicit' as const),
  changes: fc.array(
    fc.record({ type: fc.constantFrom('add-voter' as const, 'remove' as const), id }),
    { maxLength: 2 },
  ),
});
const bytes = fc.uint8Array({ maxLength: 3 });
const content = fc.oneof(
  bytes.map((data) => ({ kind: 'command' as const, data })),
  fc.constant({ kind: 'empty' as const, data: new Uint8Array(0) }),
  change.map((one) => ({ kind: 'config' as const, data: encodeConfigChange(one) })),
  bytes.map((data) => ({ kind: 'config' as const, data })),
);
/** Without gaps and with terms that do not fall, as the codec lets them through. */
const append = fc
  .record({ prevIndex: index, prevTerm: term, steps: fc.array(fc.tuple(fc.nat(1), content)) })
  .map(({ prevIndex, prevTerm, steps }) => {
    let last = prevTerm;
    const entries = steps.map(([rise, what], i): Entry => {
      last += rise;
      return { index: prevIndex + 1 + i, term: last, ...what };
    });
    return { type: 'append' as const, prevIndex, prevTerm, entries };
  });
const body = fc.oneof(
  fc.record({ type: fc.constant('append-response'), rejected: fc.constant(false), index }),
  fc.record({
    type: fc.constant('append-response'),
    rejected: fc.constant(true),
    index,
    hintIndex: index,
    hintTerm: term,
  }),
  fc.tuple(append, index).map(([one, commit]) => ({ ...one, commit })),
  fc.record({ type: fc.constant('heartbeat'), commit: index, round: index }),
  fc.record({ type: fc.constant('heartbeat-response'), round: index }),
  fc.record({
    type: fc.constant('vote-request'),
    preVote: flag,
    lastIndex: index,
    lastTerm: term,
    transfer: flag,
  }),
  fc.record({
    type: fc.constant('vote-response'),
    preVote: flag,
    granted: flag,
    lastIndex: index,
    lastTerm: term,
  }),
  fc.record({
    type: fc.constant('propose'),
    request: index,
    kind: fc.constantFrom('command', 'config'),
    commands: fc.array(bytes, { maxLength: 2 }),
  }),
  fc.record({ type: fc.constant('read-index'), context: fc.string({ maxLength: 2 }) }),
  fc.record({ type: fc.constant('transfer-leader'), transferee: id }),
  fc.record({ type: fc.constant('timeout-now') }),
  fc.record({ type: fc.constant('removed'), index }),
  fc.record({ type: fc.constant('snapshot-response'), index, arrived: flag }),
  fc.record({
    type: fc.constant('propose-refusal'),
    request: index,
    reason: fc.constant('removed'),
  }),
  fc
    .record({ index, term })
    .map((meta) => ({ type: 'snapshot', meta: { ...BEGIN, ...meta } }) as const),
);
const message = fc
  .record({ from: fc.constantFrom(...PEERS), term, body })
  .map(({ body: inner, ...rest }): unknown => ({ groupId: 'scenario', to: ID, ...rest, ...inner }));

type Event =
  | { readonly do: 'step'; readonly message: Message }
  | { readonly do: 'tick' | 'campaign' | 'propose' | 'write' | 'apply' | 'restart' };
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: message.map((one) => ({ do: 'step' as const, message: one as Message })),
  },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('tick', 'campaign', 'propose', 'write', 'write', 'write', 'apply', 'restart')
      .map((what) => ({ do: what as 'tick' })),
  },
);

/** What this member has promised so far, to itself and to others. */
class Promises {
  readonly #member: Member;
  readonly #votes = new Map<number, string>();
  readonly #applied = new Map<number, number>();
  #term = 0;
  #lastIndex = BEGIN.index;
  /** A leader that lies has taken back what it sent, before it was written. */
  #takenBack = false;
  #written = BEGIN.index;

  constructor(member: Member) {
    this.#member = member;
  }

  check(): void {
    const { term: now, commitIndex, appliedIndex, lastIndex } = this.#member.core.status();
    assert.ok(now >= this.#term, `the term never goes back from ${this.#term} to ${now}`);
    this.#term = now;
    assert.ok(commitIndex >= this.#written, 'what was said to be committed stays so');
    assert.ok(appliedIndex <= commitIndex && commitIndex <= lastIndex);
    if (lastIndex < this.#lastIndex) this.#takenBack = true;
    this.#lastIndex = lastIndex;
  }

  /** What was not written is forgotten, and nobody was told of it. */
  restarted(): void {
    this.#term = this.#member.hardState.term;
    this.#applied.clear();
  }

  wrote({ hardState, entries, messagesAfterSync }: Ready): void {
    const takenBack = this.#takenBack;
    this.#takenBack = false;
    if (hardState !== undefined) {
      assert.ok(hardState.commit >= this.#written);
      this.#written = hardState.commit;
    }
    for (const [i, entry] of entries.entries()) {
      assert.equal(entry.index, (entries[0] as Entry).index + i);
      assert.ok(!this.#applied.has(entry.index), 'what is applied is never written anew');
    }
    for (const one of messagesAfterSync) {
      if (one.type === 'vote-response' && one.granted && !one.preVote) {
        assert.equal(this.#votes.get(one.term) ?? one.to, one.to, 'one vote in a term');
        this.#votes.set(one.term, one.to);
      } else if (one.type === 'append-response' && !one.rejected && !takenBack) {
        assert.ok(one.index <= this.#member.lastIndex, 'only what is on the disk is acknowledged');
      }
    }
  }

  applies(entries: readonly Entry[]): void {
    for (const { index: at, term: of } of entries) {
      assert.equal(this.#applied.get(at) ?? of, of, 'an index is applied with one content');
      this.#applied.set(at, of);
    }
  }
}

function happen(member: Member, promises: Promises, one: Event): void {
  const { core } = member;
  switch (one.do) {
    case 'step':
      return core.step(one.message);
    case 'propose':
      core.propose([new Uint8Array(2)], 1);
      return;
    case 'write': {
      const ready = core.ready();
      member.write(ready);
      promises.wrote(ready);
      if (ready.mark !== undefined) core.persisted(ready.mark);
      for (const own of ready.messagesAfterSync) if (own.to === ID) core.step(own);
      return;
    }
    case 'apply': {
      const entries = core.takeCommitted();
      promises.applies(entries);
      return member.finishApply(entries);
    }
    case 'restart':
      member.restart();
      return promises.restarted();
    case 'tick':
    case 'campaign':
      return core[one.do]();
  }
}

test(verifies('raft.survives-any-message'), () => {
  const setting = fc.record({
    preVote: flag,
    checkQuorum: flag,
    stepDownOnRemoval: flag,
    gatherFirstAppend: flag,
  });
  const outcome = { done: 0, stopped: 0 };
  fc.assert(
    fc.property(setting, fc.array(event, { minLength: 5, maxLength: 60 }), (core, events) => {
      const options = { asyncWrites: true, electionTicks: 3, core };
      const hardState = { term: 2, vote: undefined, commit: BEGIN.index };
      const member = new Member(ID, options, { hardState, snapshot: BEGIN, entries: [] });
      const promises = new Promises(member);
      for (const one of events) {
        try {
          happen(member, promises, one);
        } catch (error) {
          // It stopped, because what it was told contradicts what it knows to be true.
          if (!(error instanceof InvariantError)) throw error;
          outcome.stopped += 1;
          return;
        }
        promises.check();
      }
      outcome.done += 1;
    }),
    { numRuns: 3000 },
  );
  assert.ok(outcome.done > outcome.stopped, 'most of it is simply taken or ignored');
});
