/** The state of one member of one group, and its transitions between roles: each is named and happens only here. */
import { assert, integerBetween } from '../../std/index.ts';
import { RaftLog } from './log.ts';
import { newProbe, toReplicate, type Progress } from './progress.ts';
import { allVoters, isVoter, voterSets, type VoterSets } from './quorum.ts';
import type {
  Configuration,
  CoreConfig,
  HardState,
  Message,
  Outgoing,
  ReadState,
  Refusal,
  SnapshotMeta,
  SoftState,
  StateCheck,
  StoredState,
} from './types.ts';

/** A read that waits for a majority to confirm the leader. */
export interface PendingRead {
  readonly context: string;
  readonly from: string;
  readonly index: number;
  /** The heartbeat round that must be confirmed. */
  readonly round: number;
}

export interface LeaderRole {
  readonly role: 'leader';
  readonly progress: Map<string, Progress>;
  /** Heartbeats carry it; it grows with each broadcast, so an answer confirms only reads that were asked before it was sent. */
  round: number;
  /** The highest round each member confirmed. */
  readonly confirmed: Map<string, number>;
  reads: PendingRead[];
  /** Reads that came before an entry of the own term was committed. */
  earlyReads: { readonly context: string; readonly from: string }[];
  /** The first entries of the term still have to go out: what is proposed before the next ready goes with them. */
  unannounced: boolean;
  /** Payload of entries that are not applied yet. */
  uncommittedBytes: number;
  /** No change of the configuration may begin before this index is applied. */
  pendingConfigIndex: number;
  /** The last change takes this leader out: nothing may follow it in the log. */
  leaving: boolean;
  /** Leadership was offered in this term: whoever got the offer may still take it, whatever a lease says. */
  offered: boolean;
  /** To whom leadership is being handed over; nothing is proposed meanwhile. */
  transferee: string | undefined;
  /** The last checksum of each member's state, and who differs from a majority. */
  readonly checks: Map<string, StateCheck>;
  readonly divergent: Set<string>;
}

/** What exists only while a member plays a role lives in that role. */
export type Role =
  | { readonly role: 'follower'; leaderId: string | undefined }
  | { readonly role: 'pre-candidate'; readonly votes: Map<string, boolean> }
  | { readonly role: 'candidate'; readonly votes: Map<string, boolean> }
  | LeaderRole;

export interface CoreState {
  readonly config: CoreConfig;
  readonly log: RaftLog;
  term: number;
  vote: string | undefined;
  role: Role;
  configuration: Configuration;
  /** The entry that brought the configuration. */
  configurationIndex: number;
  /** The voters of the configuration, for counting. */
  voters: VoterSets;
  /** The latest durable snapshot. */
  snapshot: SnapshotMeta;
  /** Ticks since the leader was heard, or since the last quorum check of a leader. */
  electionElapsed: number;
  heartbeatElapsed: number;
  /** Drawn anew at each change of role. */
  electionTimeout: number;
  /** Ticks for which no vote is granted after a start: a promise to a leader's lease may have been forgotten. */
  quietTicks: number;
  /** Who should lead when nobody does. */
  preferred: string | undefined;
  /** It is to lead only if no other can. */
  reluctant: boolean;
  /** Whether this member's driver lets it lead. */
  eligible: boolean;
  /** A leader said that this member takes no part any more. */
  removed: boolean;
  /** A majority's state differs from this member's. */
  divergent: boolean;
  /** Recent checksums of the own state, oldest first. */
  checks: StateCheck[];
  messages: Message[];
  messagesAfterSync: Message[];
  readStates: ReadState[];
  refusals: Refusal[];
}

export function createState(config: CoreConfig, stored: StoredState): CoreState {
  const { hardState, snapshot, entries } = stored;
  const state: CoreState = {
    config,
    log: new RaftLog(snapshot, entries, hardState.commit),
    term: hardState.term,
    vote: hardState.vote,
    role: { role: 'follower', leaderId: undefined },
    configuration: snapshot.configuration,
    configurationIndex: snapshot.index,
    voters: voterSets(snapshot.configuration),
    snapshot,
    electionElapsed: 0,
    heartbeatElapsed: 0,
    electionTimeout: 0,
    quietTicks: config.leaseReads ? config.electionTicks.min : 0,
    preferred: undefined,
    reluctant: false,
    eligible: true,
    removed: false,
    divergent: false,
    checks: [],
    messages: [],
    messagesAfterSync: [],
    readStates: [],
    refusals: [],
  };
  drawElectionTimeout(state);
  return state;
}

export function leaderOf(state: CoreState): string | undefined {
  if (state.role.role === 'leader') return state.config.id;
  return state.role.role === 'follower' ? state.role.leaderId : undefined;
}

export function softStateOf(state: CoreState): SoftState {
  return { role: state.role.role, leaderId: leaderOf(state) };
}

export function hardStateOf(state: CoreState): HardState {
  return { term: state.term, vote: state.vote, commit: state.log.committed };
}

/** Every member that is replicated to, this one included. */
export function memberIds(state: CoreState): Set<string> {
  return new Set([...allVoters(state.voters), ...state.configuration.learners]);
}

/** Whether `id` is replicated to; asked for each answer that comes in, so it makes nothing. */
export function isMember(state: CoreState, id: string): boolean {
  return isVoter(state.voters, id) || state.configuration.learners.includes(id);
}

/** Only a voter whose state is whole may campaign. */
export function canCampaign(state: CoreState): boolean {
  return (
    isVoter(state.voters, state.config.id) &&
    !state.log.isInstalling &&
    state.eligible &&
    !state.removed &&
    !state.divergent
  );
}

/** True when the leader has committed an entry of its own term: before that it does not know what is committed. */
export function hasCommittedInTerm(state: CoreState): boolean {
  return state.log.termAt(state.log.committed) === state.term;
}

const PROMISES: ReadonlySet<Message['type']> = new Set([
  'append-response',
  'vote-response',
  'snapshot-response',
]);

/**
 * Queues a message. Answers that promise something (a vote, an append, a snapshot) wait until what they promise is durable; the rest
 * may leave at once.
 */
export function send(state: CoreState, outgoing: Outgoing): void {
  const { id, groupId } = state.config;
  const message = { term: state.term, ...outgoing, groupId, from: id } as Message;
  const promises = PROMISES.has(message.type);
  assert(promises || message.to !== id, 'only promises are sent to oneself');
  (promises ? state.messagesAfterSync : state.messages).push(message);
}

export function becomeFollower(state: CoreState, term: number, leaderId: string | undefined): void {
  enterTerm(state, term);
  state.role = { role: 'follower', leaderId };
}

/** Neither the term nor the vote changes: the others are only asked. */
export function becomePreCandidate(state: CoreState): void {
  assert(state.role.role !== 'leader', 'a leader does not campaign');
  state.role = { role: 'pre-candidate', votes: new Map() };
  drawRetryTimeout(state);
}

export function becomeCandidate(state: CoreState): void {
  assert(state.role.role !== 'leader', 'a leader does not campaign');
  enterTerm(state, state.term + 1);
  state.vote = state.config.id;
  state.role = { role: 'candidate', votes: new Map() };
  drawRetryTimeout(state);
}

export function becomeLeader(state: CoreState): LeaderRole {
  assert(state.role.role === 'candidate', 'only a candidate wins an election');
  enterTerm(state, state.term);
  const { id } = state.config;
  const { lastIndex } = state.log;
  const progress = new Map<string, Progress>();
  for (const member of memberIds(state)) progress.set(member, newProbe(lastIndex + 1));
  // Part of the own log may still be on its way to the disk, when others' votes were enough. Nothing of it is counted before it
  // is durable all the same: only an entry of the new term can commit, and its acknowledgement comes after those writes.
  const own = toReplicate(newProbe(lastIndex + 1, lastIndex));
  own.recentlyActive = true;
  progress.set(id, own);
  const role: LeaderRole = {
    role: 'leader',
    progress,
    round: 0,
    confirmed: new Map(),
    reads: [],
    earlyReads: [],
    unannounced: true,
    uncommittedBytes: 0,
    // Any of the entries that are there may be a change of the configuration.
    pendingConfigIndex: lastIndex,
    leaving: false,
    offered: false,
    transferee: undefined,
    checks: new Map(),
    divergent: new Set(),
  };
  state.role = role;
  return role;
}

/** A vote is forgotten only when the term moves on: stepping down within a term must not allow a second one. */
function enterTerm(state: CoreState, term: number): void {
  assert(term >= state.term, 'the term never goes back');
  if (term > state.term) {
    state.term = term;
    state.vote = undefined;
  }
  state.electionElapsed = 0;
  state.heartbeatElapsed = 0;
  drawElectionTimeout(state);
}

/**
 * After a split vote there is nobody to wait for: it is tried again sooner than a silent leader is given up. Not without
 * PreVote: a candidate that cannot win would raise the term before any other could ask.
 */
function drawRetryTimeout(state: CoreState): void {
  const { preVote, retryTicks, random } = state.config;
  if (!preVote || state.reluctant) return;
  state.electionTimeout = integerBetween(random, retryTicks.min, retryTicks.max);
}

/** Who is to lead only if no other can lets the others try so many times before. */
const RELUCTANT_ROUNDS = 3;

/**
 * The planned leader does not wait longer than it must; the others leave it the first half of the range. A reluctant member
 * leaves elections to the others. Neither without PreVote: a member that cannot win would raise the term each time it tries,
 * and so begin anew the wait of who can.
 */
export function drawElectionTimeout(state: CoreState): void {
  const { preVote } = state.config;
  const { min, max } = state.config.electionTicks;
  const preferred = preVote ? state.preferred : undefined;
  if (state.reluctant && preVote) {
    const others = RELUCTANT_ROUNDS * max;
    state.electionTimeout = integerBetween(state.config.random, others, others + max - min);
  } else if (preferred === state.config.id) state.electionTimeout = min;
  else {
    const from = preferred === undefined ? min : Math.ceil((min + max) / 2);
    state.electionTimeout = integerBetween(state.config.random, from, max);
  }
}
