/**
 * Real bugs of other implementations, put back into ours one at a time: the measure of whether the tests could find them. A
 * mutant is an edit of a source text, made while a test process loads it; a `find` that no longer occurs exactly once fails.
 */

export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  /** Its number in the list of real bugs. */
  readonly bug: number;
  readonly title: string;
  readonly edits: readonly Edit[];
  /** A seed of the simulation that fails with it, or a test file. */
  readonly caughtBy: { readonly seed: number } | { readonly test: string };
}

const CORE = 'src/raft/core';
const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });
const core = (file: string, find: string, replace: string): Edit =>
  edit(`${CORE}/${file}`, find, replace);

export const MUTANTS: readonly Mutant[] = [
  {
    bug: 1,
    title: 'a change of the configuration before the leader has committed in its term',
    edits: [
      core('state.ts', 'pendingConfigIndex: lastIndex,', 'pendingConfigIndex: 0,'),
      core('membership.ts', "if (!hasCommittedInTerm(state)) return 'term-uncommitted';", ''),
    ],
    caughtBy: { seed: 253 },
  },
  {
    bug: 2,
    title: 'a campaign by a configuration that a committed one has replaced already',
    edits: [
      core('election.ts', 'if (state.log.hasUnappliedConfig()) return;', ''),
      core('membership.ts', "if (!hasCommittedInTerm(state)) return 'term-uncommitted';", ''),
      core(
        'membership.ts',
        'if (role.pendingConfigIndex > state.log.applied) return',
        'if (role.pendingConfigIndex > state.log.lastIndex) return',
      ),
    ],
    caughtBy: { seed: 253 },
  },
  {
    bug: 3,
    title: 'reads from the lease while leadership is being handed over',
    edits: [core('transfer.ts', 'role.offered = true;', '')],
    caughtBy: { test: 'test/mutation/lease-transfer.test.ts' },
  },
  {
    bug: 4,
    title: 'the answer to a vote request leaves before the vote is durable',
    edits: [
      core(
        'state.ts',
        '(promises ? state.messagesAfterSync : state.messages).push(message);',
        "(promises && !(message.type === 'vote-response' && message.to !== id) ? state.messagesAfterSync : state.messages).push(message);",
      ),
    ],
    caughtBy: { seed: 1 },
  },
  {
    bug: 5,
    title: 'the term begins anew after a restart',
    edits: [core('state.ts', 'term: hardState.term,', 'term: snapshot.term,')],
    caughtBy: { seed: 2 },
  },
  {
    bug: 6,
    title: 'a candidate that steps down within its term forgets its own vote',
    edits: [
      core(
        'state.ts',
        'if (term > state.term) {',
        "if (term > state.term || state.role.role === 'candidate') {",
      ),
    ],
    caughtBy: { seed: 1 },
  },
  {
    bug: 7,
    title: 'a member with an earlier term is not told, and PreVote never completes',
    edits: [
      core(
        'step.ts',
        'const careful = state.config.checkQuorum || state.config.preVote;',
        'const careful = false;',
      ),
      core(
        'step.ts',
        "} else if (message.type === 'vote-request' && message.preVote) {",
        "} else if (message.type === 'vote-request' && message.preVote && state.term < 0) {",
      ),
    ],
    caughtBy: { seed: 549 },
  },
  {
    bug: 8,
    title: 'a leader that hears from no majority leads on',
    edits: [
      core(
        'tick.ts',
        'if (state.config.checkQuorum && !heardFromQuorum(state, role)) {',
        'if (!heardFromQuorum(state, role) && state.term < 0) {',
      ),
    ],
    caughtBy: { seed: 106 },
  },
  {
    bug: 9,
    title: 'a leader whose disk has stalled leads on',
    edits: [
      core(
        'node.ts',
        "if (!eligible && state.role.role !== 'follower') {",
        'if (state.term < 0) {',
      ),
      core('state.ts', 'state.eligible &&', ''),
    ],
    caughtBy: { seed: 46 },
  },
  {
    bug: 11,
    title: 'a removed member is not told, and campaigns with growing terms',
    edits: [
      core(
        'step.ts',
        'if (isFromStranger(state, message) || wasRemoved(state, message)) return;',
        '',
      ),
      core('step.ts', '  state.removed = true;', ''),
    ],
    caughtBy: { test: 'test/scenarios/scripts.test.ts' },
  },
  {
    bug: 12,
    title: 'a leader that takes itself out appends more, steps down, and nobody can be elected',
    edits: [core('membership.ts', ' || role.leaving) return', ') return')],
    caughtBy: { seed: 1551 },
  },
  {
    bug: 13,
    title: 'a learner that does not know of its promotion refuses to vote',
    edits: [
      core(
        'election.ts',
        'const granted = free && state.log.isUpToDate(request.lastIndex, request.lastTerm);',
        'const granted = free && isVoter(state.voters, state.config.id) && state.log.isUpToDate(request.lastIndex, request.lastTerm);',
      ),
    ],
    caughtBy: { seed: 13 },
  },
  {
    bug: 14,
    title: 'answers to earlier heartbeats confirm a later read',
    edits: [
      core(
        'read-only.ts',
        'role.reads.push({ ...read, index: state.log.committed, round: role.round });',
        'role.reads.push({ ...read, index: state.log.committed, round: role.round - 1 });',
      ),
    ],
    caughtBy: { seed: 372 },
  },
  {
    bug: 15,
    title: 'a read is answered before the new leader has committed in its term',
    edits: [core('read-only.ts', 'if (!hasCommittedInTerm(state)) {', 'if (state.term < 0) {')],
    caughtBy: { seed: 284 },
  },
  {
    bug: 16,
    title: 'a follower commits up to its own last index instead of what was verified',
    edits: [
      core(
        'replication.ts',
        'log.commitTo(Math.min(message.commit, lastMatching));',
        'log.commitTo(Math.min(message.commit, log.lastIndex));',
      ),
    ],
    caughtBy: { test: 'test/raft/core/replication.test.ts' },
  },
  {
    bug: 17,
    title: 'a late append cuts off entries that it does not contradict',
    edits: [
      core(
        'log.ts',
        'if (firstNew >= 0) this.#replaceFrom(entries.slice(firstNew));',
        'if (firstNew >= 0) this.#replaceFrom(entries.slice(firstNew)); else { const end = Math.max(prevIndex + entries.length, this.#committed); this.#entries.length = Math.min(this.#entries.length, end - this.#base.index); this.#written = Math.min(this.#written, end); this.#stable = Math.min(this.#stable, end); }',
      ),
    ],
    caughtBy: { seed: 1 },
  },
  {
    bug: 18,
    title: 'a previous entry that was compacted away is taken for a conflict',
    edits: [
      core(
        'replication.ts',
        'if (message.prevIndex < log.committed) {',
        'if (message.prevIndex < 0) {',
      ),
      core(
        'log.ts',
        'if (!this.matches(prevIndex, prevTerm)) return undefined;',
        'if (!this.matches(prevIndex, prevTerm)) { if (prevIndex < this.#base.index) { this.#entries = []; this.#written = this.#base.index; this.#stable = this.#base.index; } return undefined; }',
      ),
    ],
    caughtBy: { seed: 44 },
  },
  {
    bug: 19,
    title: 'a snapshot leaves the conflicting log behind it in place',
    edits: [
      core(
        'log.ts',
        'this.#base = { index: meta.index, term: meta.term };\n    this.#entries = [];',
        'this.#entries = this.#entries.slice(Math.max(0, meta.index - this.#base.index));\n    this.#base = { index: meta.index, term: meta.term };',
      ),
    ],
    caughtBy: { seed: 409 },
  },
  {
    bug: 19,
    title: 'a snapshot leaves the membership as it was',
    edits: [
      core('snapshot.ts', 'state.configuration = configuration;', ''),
      core('snapshot.ts', 'state.voters = voters;', ''),
    ],
    caughtBy: { seed: 155 },
  },
  {
    bug: 20,
    title: 'the leader cuts its log while a snapshot is installed, and waits for ever',
    edits: [
      core(
        'snapshot.ts',
        "send(state, { type: 'snapshot-response', to, index: meta.index, arrived: true });",
        '',
      ),
    ],
    caughtBy: { seed: 353 },
  },
  {
    bug: 21,
    title: 'a throttled follower is never resumed',
    edits: [core('replication.ts', '  progress.paused = false;\n', '')],
    caughtBy: { seed: 5 },
  },
  {
    bug: 22,
    title: 'a write of an earlier term counts for the entries that replaced it',
    edits: [
      core(
        'node.ts',
        'if (mark.term === state.term) state.log.persisted(mark);',
        'state.log.persisted(mark);',
      ),
      core(
        'log.ts',
        'if (mark.index > this.#stable && this.matches(mark.index, mark.entryTerm)) {',
        'if (mark.index > this.#stable && mark.index <= this.lastIndex) {',
      ),
    ],
    caughtBy: { seed: 16 },
  },
  {
    bug: 23,
    title: 'what was committed before a restart counts as applied',
    edits: [
      core(
        'log.ts',
        'this.#applying = index;\n    this.#applied = index;\n    this.#written = this',
        'this.#applying = committed;\n    this.#applied = committed;\n    this.#written = this',
      ),
    ],
    caughtBy: { seed: 2 },
  },
  {
    bug: 24,
    title: 'writing goes on after a failed flush',
    edits: [edit('src/raft/wal-writer.ts', 'this.#ended = error;', '')],
    caughtBy: { test: 'test/raft/storage.test.ts' },
  },
];

/** Bugs of the list that our design has no place for. */
export const NOT_EXPRESSIBLE: Readonly<Record<number, string>> = {
  10: 'the log knows no leases of clients: the store revokes them by replicated commands only, whose leader is checked by term',
};
