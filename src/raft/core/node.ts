/** The door to the core: messages, ticks and proposals go in, a Ready comes out. Nothing here waits or looks at a clock. */
import {
  campaign,
  forgetLeader,
  handleVoteRequest,
  handleVoteResponse,
  leaderIsAlive,
} from './election.ts';
import { broadcastHeartbeat, handleHeartbeat } from './heartbeat.ts';
import { voteResult } from './quorum.ts';
import { registerRead } from './read-only.ts';
import {
  appendCommands,
  handleAppend,
  handleAppendResponse,
  handleHeartbeatResponse,
  peerUnreachable,
  syncProgress,
} from './replication.ts';
import {
  becomeFollower,
  canCampaign,
  createState,
  hardStateOf,
  leaderOf,
  send,
  softStateOf,
  type CoreState,
} from './state.ts';
import type {
  CoreConfig,
  HardState,
  Message,
  Ready,
  RoleName,
  SoftState,
  StoredState,
  WriteMark,
} from './types.ts';

export type ProposeResult = 'appended' | 'forwarded' | 'no-leader' | 'overloaded';

export interface CoreStatus {
  readonly role: RoleName;
  readonly leaderId: string | undefined;
  readonly term: number;
  readonly vote: string | undefined;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
}

/** What the leader knows of a member. */
export interface MemberProgress {
  readonly id: string;
  readonly matchIndex: number;
}

export interface RaftCore {
  /** A message of another member, or a promise of this one that became durable. */
  step(message: Message): void;
  /** Time passes by one tick. */
  tick(): void;
  /** Proposes commands here or, from a follower, to the leader; `request` names the batch in a refusal. */
  propose(commands: readonly Uint8Array[], request: number): ProposeResult;
  /** Asks for a linearizable read; a read state with `context` answers it. False when there is no leader to ask. */
  readIndex(context: string): boolean;
  /** Starts an election now, if this member may. */
  campaign(): void;
  /** The connection to a member broke; true when that was the leader, so that an election may be due. */
  unreachable(id: string): boolean;
  /** The members that receive the log without counting. */
  setLearners(ids: readonly string[]): void;
  hasReady(): boolean;
  /** What there is to do; the caller must do it, see {@link Ready}. */
  ready(): Ready;
  persisted(mark: WriteMark): void;
  applied(index: number): void;
  status(): CoreStatus;
  /** One row a member on the leader; empty elsewhere. */
  progress(): MemberProgress[];
}

export function createRaftCore(config: CoreConfig, stored: StoredState): RaftCore {
  const state = createState(config, stored);
  let lastSoft = softStateOf(state);
  let lastHard = hardStateOf(state);
  return {
    step: (message) => step(state, message),
    tick: () => tick(state),
    propose: (commands, request) => propose(state, commands, request),
    readIndex: (context) => readIndex(state, context),
    campaign: () => campaign(state),
    unreachable(id) {
      if (state.role.role === 'leader') peerUnreachable(state.role, id);
      return forgetLeader(state, id);
    },
    setLearners(ids) {
      state.learners = new Set(ids.filter((id) => !state.voters.some((set) => set.has(id))));
      if (state.role.role === 'leader') syncProgress(state, state.role);
    },
    hasReady: () =>
      state.messages.length > 0 ||
      state.messagesAfterSync.length > 0 ||
      state.readStates.length > 0 ||
      state.refusals.length > 0 ||
      state.log.hasUnwritten() ||
      state.log.hasUnapplied() ||
      !sameHard(lastHard, hardStateOf(state)) ||
      !sameSoft(lastSoft, softStateOf(state)),
    ready() {
      const hard = hardStateOf(state);
      const soft = softStateOf(state);
      const ready = takeReady(state, sameHard(lastHard, hard) ? undefined : hard, lastHard);
      const changed = !sameSoft(lastSoft, soft);
      lastHard = hard;
      lastSoft = soft;
      return { ...ready, softState: changed ? soft : undefined };
    },
    persisted(mark) {
      // Of another term, the write may have been followed by one that replaced it; that one has a mark of its own.
      if (mark.term === state.term) state.log.persisted(mark);
    },
    applied: (index) => state.log.appliedTo(index),
    status: () => statusOf(state),
    progress() {
      if (state.role.role !== 'leader') return [];
      return [...state.role.progress].map(([id, { match }]) => ({ id, matchIndex: match }));
    },
  };
}

function takeReady(
  state: CoreState,
  hardState: HardState | undefined,
  before: HardState,
): Omit<Ready, 'softState'> {
  const entries = state.log.takeUnwritten();
  const voted =
    hardState !== undefined && (hardState.term !== before.term || hardState.vote !== before.vote);
  const mustSync = entries.length > 0 || voted;
  const { messages, messagesAfterSync, readStates, refusals } = state;
  state.messages = [];
  state.messagesAfterSync = [];
  state.readStates = [];
  state.refusals = [];
  return {
    hardState,
    entries,
    mustSync,
    mark: mustSync
      ? { term: state.term, index: state.log.lastIndex, entryTerm: state.log.lastTerm }
      : undefined,
    messages,
    messagesAfterSync,
    committedEntries: state.log.takeUnapplied(),
    readStates,
    refusals,
  };
}

function sameHard(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commit === b.commit;
}

function sameSoft(a: SoftState, b: SoftState): boolean {
  return a.role === b.role && a.leaderId === b.leaderId;
}

function step(state: CoreState, message: Message): void {
  if (message.groupId !== state.config.groupId || message.to !== state.config.id) return;
  if (message.term > state.term && !admitLaterTerm(state, message)) return;
  if (message.term < state.term) return answerEarlierTerm(state, message);
  switch (message.type) {
    case 'vote-request':
      return handleVoteRequest(state, message);
    case 'vote-response':
      return handleVoteResponse(state, message);
    case 'append':
    case 'heartbeat':
      return stepFromLeader(state, message);
    case 'propose-refusal':
      state.refusals.push({ request: message.request, reason: message.reason });
      return;
    case 'read-index-response':
      state.readStates.push({ context: message.context, index: message.index });
      return;
    case 'append-response':
    case 'heartbeat-response':
    case 'propose':
    case 'read-index':
      return stepAsLeader(state, message);
  }
}

/** Decides what a later term means; false when the message must be ignored. The term never moves for a pre-vote. */
function admitLaterTerm(state: CoreState, message: Message): boolean {
  if (message.type === 'vote-request') {
    if (leaderIsAlive(state)) return false;
    if (message.preVote) {
      handleVoteRequest(state, message);
      return false;
    }
  }
  if (message.type === 'vote-response' && message.preVote && message.granted) {
    // It speaks about the term that was asked for, one ahead of ours.
    if (message.term === state.term + 1) handleVoteResponse(state, message);
    return false;
  }
  const fromLeader = message.type === 'append' || message.type === 'heartbeat';
  becomeFollower(state, message.term, fromLeader ? message.from : undefined);
  return true;
}

/** A sender that lives in the past is told, where silence would leave it stuck: PreVote keeps it from finding out. */
function answerEarlierTerm(state: CoreState, message: Message): void {
  const careful = state.config.checkQuorum || state.config.preVote;
  if (careful && (message.type === 'append' || message.type === 'heartbeat')) {
    send(state, { type: 'append-response', to: message.from, rejected: false, index: 0 });
  } else if (message.type === 'vote-request' && message.preVote) {
    send(state, { type: 'vote-response', to: message.from, preVote: true, granted: false });
  }
}

function stepFromLeader(
  state: CoreState,
  message: Message & { type: 'append' | 'heartbeat' },
): void {
  // Two leaders in one term cannot be; a message that claims it is not from a member that follows the protocol.
  if (state.role.role === 'leader') return;
  if (state.role.role !== 'follower') becomeFollower(state, state.term, message.from);
  else state.role.leaderId = message.from;
  state.electionElapsed = 0;
  if (message.type === 'append') handleAppend(state, message);
  else handleHeartbeat(state, message);
}

type ToLeader = 'append-response' | 'heartbeat-response' | 'propose' | 'read-index';

function stepAsLeader(state: CoreState, message: Message & { type: ToLeader }): void {
  const { role } = state;
  if (role.role !== 'leader') {
    if (message.type === 'propose') refuse(state, message, 'not-leader');
    return;
  }
  switch (message.type) {
    case 'append-response':
      return handleAppendResponse(state, role, message);
    case 'heartbeat-response':
      return handleHeartbeatResponse(state, role, message);
    case 'propose':
      if (!appendCommands(state, role, message.commands)) refuse(state, message, 'overloaded');
      return;
    case 'read-index':
      registerRead(state, role, message);
      return;
  }
}

function refuse(
  state: CoreState,
  message: Message & { type: 'propose' },
  reason: 'not-leader' | 'overloaded',
): void {
  send(state, { type: 'propose-refusal', to: message.from, request: message.request, reason });
}

function tick(state: CoreState): void {
  state.electionElapsed += 1;
  if (state.role.role !== 'leader') {
    if (canCampaign(state) && state.electionElapsed >= state.electionTimeout) campaign(state);
    return;
  }
  state.heartbeatElapsed += 1;
  if (state.electionElapsed >= state.config.quorumCheckTicks) {
    state.electionElapsed = 0;
    if (state.config.checkQuorum && !heardFromQuorum(state)) {
      return becomeFollower(state, state.term, undefined);
    }
  }
  if (state.heartbeatElapsed >= state.config.heartbeatTicks) {
    state.heartbeatElapsed = 0;
    broadcastHeartbeat(state, state.role);
  }
}

/** Whether a majority was heard since the last check; starts the next period. */
function heardFromQuorum(state: CoreState): boolean {
  if (state.role.role !== 'leader') return false;
  const active = new Map<string, boolean>();
  for (const [id, progress] of state.role.progress) {
    active.set(id, id === state.config.id || progress.recentlyActive);
    progress.recentlyActive = id === state.config.id;
  }
  return voteResult(state.voters, active) === 'won';
}

function propose(
  state: CoreState,
  commands: readonly Uint8Array[],
  request: number,
): ProposeResult {
  if (state.role.role === 'leader') {
    return appendCommands(state, state.role, commands) ? 'appended' : 'overloaded';
  }
  const to = leaderOf(state);
  if (to === undefined) return 'no-leader';
  send(state, { type: 'propose', to, request, commands });
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

function statusOf(state: CoreState): CoreStatus {
  return {
    role: state.role.role,
    leaderId: leaderOf(state),
    term: state.term,
    vote: state.vote,
    commitIndex: state.log.committed,
    appliedIndex: state.log.applied,
    lastIndex: state.log.lastIndex,
  };
}
