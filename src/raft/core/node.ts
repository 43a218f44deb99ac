/** The door to the core: messages, ticks and proposals go in, a Ready comes out. Nothing here waits or looks at a clock. */
import { assert } from '../../std/index.ts';
import { encodeConfigChange } from './config-codec.ts';
import { recordCheck } from './consistency.ts';
import { campaign, forgetLeader } from './election.ts';
import { isFull, isPaused } from './progress.ts';
import { appliedThrough } from './membership.ts';
import { proposeAsLeader } from './proposing.ts';
import { hasReady, takeReady, type Told } from './ready.ts';
import { confirmedRound, registerRead } from './read-only.ts';
import { announceLeader, flightLimits, peerUnreachable } from './replication.ts';
import { snapshotReported } from './snapshot.ts';
import {
  becomeFollower,
  createState,
  drawElectionTimeout,
  hasCommittedInTerm,
  hardStateOf,
  leaderOf,
  send,
  softStateOf,
  type CoreState,
  type LeaderRole,
} from './state.ts';
import { step } from './step.ts';
import { tick } from './tick.ts';
import { transferLeadership } from './transfer.ts';
import type {
  CoreConfig,
  CoreStatus,
  MemberProgress,
  ProposeResult,
  RaftCore,
  SnapshotMeta,
  StoredState,
  WriteMark,
} from './types.ts';

/** A member with what its disk held; see {@link RaftCore} for how to drive it. */
export function createRaftCore(config: CoreConfig, stored: StoredState): RaftCore {
  const state = createState(config, stored);
  const told: Told = { hard: hardStateOf(state), soft: softStateOf(state) };
  return {
    step: (message) => step(state, message),
    tick: () => tick(state),
    propose: (commands, request) => propose(state, 'command', commands, request),
    proposeConfig: (change, request) =>
      propose(state, 'config', [encodeConfigChange(change)], request),
    readIndex: (context) => readIndex(state, context),
    campaign() {
      if (!state.reluctant) campaign(state, 'timeout');
    },
    transferLeadership: (transferee) => transferLeadership(state, transferee),
    setEligible(eligible) {
      state.eligible = eligible;
      if (!eligible && state.role.role !== 'follower') {
        becomeFollower(state, state.term, undefined);
      }
    },
    setReluctant(reluctant) {
      if (state.reluctant === reluctant) return;
      state.reluctant = reluctant;
      drawElectionTimeout(state);
    },
    forgetLeader: () => forgetLeader(state),
    reportUnreachable(id) {
      if (state.role.role === 'leader') peerUnreachable(state.role, id);
    },
    reportSnapshot(id, arrived) {
      if (state.role.role === 'leader') snapshotReported(state.role, id, arrived);
    },
    compact: (meta, through) => compact(state, meta, through),
    stateChecked: (check) => recordCheck(state, check),
    preferLeader(id) {
      if (state.preferred === id) return;
      state.preferred = id;
      drawElectionTimeout(state);
    },
    hasReady: () => hasReady(state, told),
    ready() {
      announceLeader(state);
      return takeReady(state, told);
    },
    persisted: (mark) => persisted(state, mark),
    hasCommitted: () => state.log.hasUnapplied(),
    takeCommitted: () => state.log.takeUnapplied(config.applyBytesMax),
    applied: (index) => appliedThrough(state, index),
    status: () => statusOf(state),
    confirmedRound: () => (state.role.role === 'leader' ? confirmedRound(state, state.role) : 0),
    progress: () => (state.role.role === 'leader' ? progressOf(state, state.role) : []),
  };
}

function propose(
  state: CoreState,
  kind: 'command' | 'config',
  commands: readonly Uint8Array[],
  request: number,
): ProposeResult {
  if (state.role.role === 'leader') {
    return proposeAsLeader(state, state.role, kind, commands) ?? 'appended';
  }
  const to = leaderOf(state);
  if (to === undefined) return 'no-leader';
  if (!state.config.forwardProposals) return 'not-leader';
  send(state, { type: 'propose', to, request, kind, commands });
  return 'forwarded';
}

function readIndex(state: CoreState, context: string): boolean {
  if (state.role.role === 'leader') {
    return registerRead(state, state.role, { context, from: state.config.id });
  }
  const to = leaderOf(state);
  if (to === undefined) return false;
  send(state, { type: 'read-index', to, context });
  return true;
}

function persisted(state: CoreState, mark: WriteMark): void {
  // What a snapshot holds is committed, in whichever term it was installed.
  if (mark.snapshotIndex !== undefined) state.log.installed(mark.snapshotIndex);
  if (mark.term === state.term) state.log.persisted(mark);
}

function compact(state: CoreState, meta: SnapshotMeta, through: number): void {
  assert(through <= meta.index, 'only what a snapshot holds is forgotten');
  assert(meta.index <= state.log.applied, 'a snapshot holds what is applied');
  if (meta.index > state.snapshot.index) state.snapshot = meta;
  state.log.compact(through);
}

function statusOf(state: CoreState): CoreStatus {
  const { role, log } = state;
  return {
    role: role.role,
    leaderId: leaderOf(state),
    term: state.term,
    vote: state.vote,
    commitIndex: log.committed,
    appliedIndex: log.applied,
    appliedTerm: log.termAt(log.applied) ?? 0,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    configuration: state.configuration,
    transferee: role.role === 'leader' ? role.transferee : undefined,
    isLeaving: role.role === 'leader' && role.leaving,
    removed: state.removed,
    divergent: state.divergent,
    mayLease: role.role === 'leader' && !role.offered && hasCommittedInTerm(state),
  };
}

function progressOf(state: CoreState, role: LeaderRole): MemberProgress[] {
  const learners = new Set(state.configuration.learners);
  const limits = flightLimits(state);
  return [...role.progress].map(([id, progress]) => ({
    id,
    state: progress.state,
    isLearner: learners.has(id),
    match: progress.match,
    next: progress.next,
    paused: isPaused(progress),
    recentlyActive: progress.recentlyActive,
    inflight: progress.state === 'replicate' ? progress.flights.length : 0,
    inflightFull: progress.state === 'replicate' && isFull(progress, limits),
    pendingSnapshot: progress.state === 'snapshot' ? progress.pendingSnapshot : undefined,
  }));
}
