/** The vocabulary of the Raft core: entries, configurations, messages between members, and what a driver has to do (Ready). */
import type { Random } from '../../std/index.ts';

/**
 * What an entry holds: a command for the state machine; nothing, as a new leader appends, so that entries of older terms
 * can commit (Raft paper §8); or a change of the configuration.
 */
export type EntryKind = 'command' | 'empty' | 'config';

export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** Who takes part: in force once the entry that says so is applied. Ids are sorted. */
export interface Configuration {
  readonly voters: readonly string[];
  /** The voters that are being left, while a joint configuration is in force: both halves must agree then. */
  readonly votersOutgoing: readonly string[];
  /** They receive the log and do not count. */
  readonly learners: readonly string[];
  /** Outgoing voters that become learners when the joint configuration is left. */
  readonly learnersNext: readonly string[];
  /** The leader leaves the joint configuration by itself as soon as it is applied. */
  readonly autoLeave: boolean;
}

/** One step of a change. Adding a voter as a learner demotes it, adding a learner as a voter promotes it. */
export interface MemberChange {
  readonly type: 'add-voter' | 'add-learner' | 'remove';
  readonly id: string;
}

/**
 * A change of the configuration. `auto`: one voter at most changes at once, or else by way of a joint configuration that
 * is left automatically; `joint-implicit` and `joint-explicit` always go that way, the second until it is left by
 * a change with no members, which is how a joint configuration is left.
 */
export interface ConfigChange {
  readonly transition: 'auto' | 'joint-implicit' | 'joint-explicit';
  readonly changes: readonly MemberChange[];
  /** Lets whoever proposed it find it again when it is applied. */
  readonly context?: string | undefined;
}

/** What a snapshot stands for: everything up to and with `index`, and who took part then. */
export interface SnapshotMeta {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}

/** What must be on disk before anything that promises it is said. Term and vote belong together, always. */
export interface HardState {
  readonly term: number;
  readonly vote: string | undefined;
  readonly commit: number;
}

interface Envelope {
  /** The group the message belongs to: several groups can share a connection. */
  readonly groupId: string;
  readonly from: string;
  readonly to: string;
  readonly term: number;
}

export type AppendMessage = Envelope & {
  readonly type: 'append';
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
};
export type AppendResponse = Envelope & { readonly type: 'append-response' } & (
    | { readonly rejected: false; readonly index: number }
    | {
        readonly rejected: true;
        /** The `prevIndex` that did not match. */
        readonly index: number;
        /** The last entry of the follower that can match: probing may go on from there. */
        readonly hintIndex: number;
        readonly hintTerm: number;
      }
  );
/**
 * Announces that the state up to `meta.index` is needed by the receiver. The core only decides; the driver brings the bytes
 * over and steps the message into the receiver when they are all there.
 */
export type SnapshotMessage = Envelope & {
  readonly type: 'snapshot';
  readonly meta: SnapshotMeta;
};
/** The receiver of a snapshot has it, or could not get it. */
export type SnapshotResponse = Envelope & {
  readonly type: 'snapshot-response';
  readonly index: number;
  readonly arrived: boolean;
};
/** A checksum of the applied state right after the entry at `index`. */
export interface StateCheck {
  readonly index: number;
  readonly checksum: number;
}
export type HeartbeatMessage = Envelope & {
  readonly type: 'heartbeat';
  readonly commit: number;
  readonly round: number;
  /** The latest checksum the leader asks its followers to compare with theirs. */
  readonly check?: StateCheck | undefined;
  /** A majority disagrees with the receiver's state: it must not serve from it. */
  readonly divergent?: boolean | undefined;
};
export type HeartbeatResponse = Envelope & {
  readonly type: 'heartbeat-response';
  readonly round: number;
  /** The own checksum at the index the leader asked about, if it is known. */
  readonly check?: StateCheck | undefined;
};
export type VoteRequest = Envelope & {
  readonly type: 'vote-request';
  readonly preVote: boolean;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The leader itself asked for this election, so that its being alive is no reason to refuse (thesis §3.10). */
  readonly transfer: boolean;
};
export type VoteResponse = Envelope & {
  readonly type: 'vote-response';
  readonly preVote: boolean;
  readonly granted: boolean;
  /** The end of the candidate's log as the request gave it: the vote is for a member with that log and no shorter one. */
  readonly lastIndex: number;
  readonly lastTerm: number;
};
/** Accepted only by the leader of exactly this term: a proposal cannot enter the log of a later one. */
export type ProposeMessage = Envelope & {
  readonly type: 'propose';
  readonly request: number;
  readonly kind: 'command' | 'config';
  readonly commands: readonly Uint8Array[];
};
export type RefusalReason =
  | 'not-leader'
  | 'overloaded'
  /** Leadership is being handed over, or this leader was removed: try again with the next one. */
  | 'transferring'
  | 'removed'
  /** The leader is new and has not committed an entry of its own term: it takes no change of the configuration before. */
  | 'term-uncommitted'
  /** A change of the configuration is not applied yet. */
  | 'change-pending'
  /** A joint configuration must be left first. */
  | 'joint'
  | 'not-joint'
  | 'invalid-change'
  /** Only a member that has nearly all of the log may become a voter. */
  | 'not-caught-up';
export type ProposeRefusal = Envelope & {
  readonly type: 'propose-refusal';
  readonly request: number;
  readonly reason: RefusalReason;
};
export type ReadIndexMessage = Envelope & { readonly type: 'read-index'; readonly context: string };
export type ReadIndexResponse = Envelope & {
  readonly type: 'read-index-response';
  readonly context: string;
  readonly index: number;
};
/** Asks the leader to hand over to `transferee`. */
export type TransferLeaderMessage = Envelope & {
  readonly type: 'transfer-leader';
  readonly transferee: string;
};
/** The leader asks the receiver to campaign at once. */
export type TimeoutNowMessage = Envelope & { readonly type: 'timeout-now' };
/** The leader tells the receiver that it takes no part since the configuration at `index`. */
export type RemovedMessage = Envelope & { readonly type: 'removed'; readonly index: number };

export type Message =
  | AppendMessage
  | AppendResponse
  | SnapshotMessage
  | SnapshotResponse
  | HeartbeatMessage
  | HeartbeatResponse
  | VoteRequest
  | VoteResponse
  | ProposeMessage
  | ProposeRefusal
  | ReadIndexMessage
  | ReadIndexResponse
  | TransferLeaderMessage
  | TimeoutNowMessage
  | RemovedMessage;

type WithoutEnvelope<M> = M extends Message ? Omit<M, 'groupId' | 'from' | 'term'> : never;
/** A message before its sender is filled in. */
export type Outgoing = WithoutEnvelope<Message> & { readonly term?: number };

export type RoleName = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export interface SoftState {
  readonly role: RoleName;
  readonly leaderId: string | undefined;
}

/** A linearizable read may be served once everything up to `index` is applied. */
export interface ReadState {
  readonly context: string;
  readonly index: number;
}

/** Proof that a write reached the disk; hand it back with `persisted`. */
export interface WriteMark {
  readonly term: number;
  readonly index: number;
  readonly entryTerm: number;
  /** The write installed the snapshot of this index. */
  readonly snapshotIndex?: number | undefined;
}

/** A proposal that the leader did not take. */
export interface Refusal {
  readonly request: number;
  readonly reason: RefusalReason;
}

/**
 * What the driver must do, in this order: give `messages` to the network (they promise nothing that is not on disk, so
 * they may travel while the write below is under way); write `snapshot` (the log begins anew after it), `entries` and
 * `hardState` after all earlier writes, flushing when `mustSync`; when that write and all before it are durable, call
 * `persisted(mark)` and deliver `messagesAfterSync` (those to the own id go back into `step`). A snapshot becomes the state
 * of the state machine before `persisted`. What can be applied comes from `takeCommitted`, in order; what was taken and is not
 * applied when a snapshot comes is dropped: the snapshot holds it.
 */
export interface Ready {
  readonly softState: SoftState | undefined;
  readonly hardState: HardState | undefined;
  readonly snapshot: SnapshotMeta | undefined;
  readonly entries: readonly Entry[];
  readonly mustSync: boolean;
  readonly mark: WriteMark | undefined;
  readonly messages: readonly Message[];
  readonly messagesAfterSync: readonly Message[];
  readonly readStates: readonly ReadState[];
  readonly refusals: readonly Refusal[];
}

export interface CoreConfig {
  readonly id: string;
  readonly groupId: string;
  /** A follower campaigns after a silence drawn uniformly from this range, anew in each term. */
  readonly electionTicks: { readonly min: number; readonly max: number };
  /** One that has asked for votes and neither won nor heard of a leader asks again after a time drawn from this range. */
  readonly retryTicks: { readonly min: number; readonly max: number };
  readonly heartbeatTicks: number;
  /** How long a leader goes on without hearing from a majority, with `checkQuorum`, and how long a transfer may take. */
  readonly quorumCheckTicks: number;
  readonly random: Random;
  /** Ask whether an election could be won before disturbing the term. */
  readonly preVote: boolean;
  /** A leader that hears from no majority steps down, and followers that hear from a leader refuse others. */
  readonly checkQuorum: boolean;
  /**
   * Reads may rest on the leader's lease, which the driver keeps by its clock. Followers then never forget a leader early,
   * and a restarted member grants no vote for the shortest election timeout.
   */
  readonly leaseReads: boolean;
  /** Followers pass proposals on to the leader. */
  readonly forwardProposals: boolean;
  /** A leader that is removed or demoted gives up its role when that is applied. */
  readonly stepDownOnRemoval: boolean;
  /** A new leader sends its first entries with the next ready, and what was proposed until then with them; etcd sends at once. */
  readonly gatherFirstAppend: boolean;
  readonly appendBytesMax: number;
  readonly applyBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly pendingReadsMax: number;
  /** How many entries a member may lack to be made a voter; Infinity lets anyone become one at once. */
  readonly promotionLagMax: number;
}

/** What was on disk when the process started: entries follow the snapshot, whose index is 0 where there never was one. */
export interface StoredState {
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta;
  readonly entries: readonly Entry[];
}

export type ProposeResult = 'appended' | 'forwarded' | 'no-leader' | RefusalReason;

export interface CoreStatus {
  readonly role: RoleName;
  readonly leaderId: string | undefined;
  readonly term: number;
  readonly vote: string | undefined;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** The term of the entry at `appliedIndex`; 0 when the log does not reach back to it. */
  readonly appliedTerm: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly configuration: Configuration;
  /** To whom the leader is handing over. */
  readonly transferee: string | undefined;
  /** A leader whose last change takes it out: it takes no proposals until then. */
  readonly isLeaving: boolean;
  /** This member was told that it takes no part any more. */
  readonly removed: boolean;
  /** A majority found this member's state to differ from theirs. */
  readonly divergent: boolean;
  /**
   * A leader that has committed an entry of its term, so that what it has committed is all that is, and has never offered
   * leadership in it: a lease is worth something.
   */
  readonly mayLease: boolean;
}

/** What the leader knows of a member. */
export interface MemberProgress {
  readonly id: string;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly isLearner: boolean;
  readonly match: number;
  readonly next: number;
  readonly paused: boolean;
  readonly recentlyActive: boolean;
  readonly inflight: number;
  readonly inflightFull: boolean;
  /** The snapshot it is being sent. */
  readonly pendingSnapshot: number | undefined;
}

/** Raft as a function of messages, ticks and proposals; nothing in it waits or looks at a clock. */
export interface RaftCore {
  /** A message of another member, or a promise of this one that became durable. */
  step(message: Message): void;
  /** Time passes by one tick. */
  tick(): void;
  /** Proposes commands here or, from a follower, to the leader; `request` names the batch in a refusal. */
  propose(commands: readonly Uint8Array[], request: number): ProposeResult;
  /**
   * Proposes a change of the configuration, like `propose`. One that cannot begin now is refused, and an empty entry takes
   * its place in the log.
   */
  proposeConfig(change: ConfigChange, request: number): ProposeResult;
  /** Asks for a linearizable read; a read state with `context` answers it. False when there is no leader to ask. */
  readIndex(context: string): boolean;
  /** Starts an election now, if this member may, and is not to leave it to the others. */
  campaign(): void;
  /** Asks the leader, this member or another, to hand over; false when there is none. */
  transferLeadership(transferee: string): boolean;
  /** Whether this member may lead: while its disk is stalled, for example, it may not. A leader gives up its role at once. */
  setEligible(eligible: boolean): void;
  /**
   * Whether this member is to lead only if no other can: it waits until the others had time for several elections. It may not
   * wait for ever, for only its log may be complete; who leads all the same is to give that away. Without PreVote it waits no
   * longer than others.
   */
  setReluctant(reluctant: boolean): void;
  /** A follower stops to count on its leader, which answers again with its next heartbeat; false when it did not. */
  forgetLeader(): boolean;
  /** The connection to a member broke: what was under way may be lost. */
  reportUnreachable(id: string): void;
  /** The snapshot that the core asked to send to `id` arrived, or could not be sent. */
  reportSnapshot(id: string, arrived: boolean): void;
  /** A snapshot at `meta` is durable: send it to those who need it, and forget entries up to `through` (at most its index). */
  compact(meta: SnapshotMeta, through: number): void;
  /** This member's state has this checksum at this index. */
  stateChecked(check: StateCheck): void;
  /** A planned leader campaigns first when there is none, if PreVote is on; undefined for no plan. */
  preferLeader(id: string | undefined): void;
  hasReady(): boolean;
  /** What there is to do; the caller must do it, see {@link Ready}. */
  ready(): Ready;
  persisted(mark: WriteMark): void;
  /** True when `takeCommitted` would return entries. */
  hasCommitted(): boolean;
  /** Entries to apply, in order, at most `applyBytesMax` at once: committed, and durable here. */
  takeCommitted(): readonly Entry[];
  /** Everything up to `index` is applied; a configuration in it is in force from now on. */
  applied(index: number): void;
  status(): CoreStatus;
  /** The latest round of heartbeats that a majority answered; 0 on a follower. */
  confirmedRound(): number;
  /** One row a member on the leader; empty elsewhere. */
  progress(): MemberProgress[];
}
