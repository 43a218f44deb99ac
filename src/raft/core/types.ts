/** The vocabulary of the Raft core: entries, messages between members, and what a driver has to do (Ready). */
import type { Random } from '../../std/index.ts';

/** A log entry. `empty` is what a new leader appends, so that entries of older terms can commit (Raft paper §8). */
export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly kind: 'command' | 'empty';
  readonly data: Uint8Array;
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
export type HeartbeatMessage = Envelope & {
  readonly type: 'heartbeat';
  readonly commit: number;
  readonly round: number;
};
export type HeartbeatResponse = Envelope & {
  readonly type: 'heartbeat-response';
  readonly round: number;
};
export type VoteRequest = Envelope & {
  readonly type: 'vote-request';
  readonly preVote: boolean;
  readonly lastIndex: number;
  readonly lastTerm: number;
};
export type VoteResponse = Envelope & {
  readonly type: 'vote-response';
  readonly preVote: boolean;
  readonly granted: boolean;
};
/** Accepted only by the leader of exactly this term: a proposal cannot enter the log of a later one. */
export type ProposeMessage = Envelope & {
  readonly type: 'propose';
  readonly request: number;
  readonly commands: readonly Uint8Array[];
};
export type RefusalReason = 'not-leader' | 'overloaded';
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

export type Message =
  | AppendMessage
  | AppendResponse
  | HeartbeatMessage
  | HeartbeatResponse
  | VoteRequest
  | VoteResponse
  | ProposeMessage
  | ProposeRefusal
  | ReadIndexMessage
  | ReadIndexResponse;

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

/** Proof that a write of the log reached the disk; hand it back with `persisted`. */
export interface WriteMark {
  readonly term: number;
  readonly index: number;
  readonly entryTerm: number;
}

/**
 * What the driver must do, in this order: give `messages` to the network (they promise nothing that is not on disk, so
 * they may travel while the write below is under way); write `entries` and `hardState` after all earlier writes, flushing
 * when `mustSync`; when that write and all before it are durable, call `persisted(mark)` and deliver `messagesAfterSync`
 * (those to the own id go back into `step`); apply `committedEntries` in order, then call `applied`.
 */
export interface Ready {
  readonly softState: SoftState | undefined;
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly mustSync: boolean;
  readonly mark: WriteMark | undefined;
  readonly messages: readonly Message[];
  readonly messagesAfterSync: readonly Message[];
  readonly committedEntries: readonly Entry[];
  readonly readStates: readonly ReadState[];
  readonly refusals: readonly { readonly request: number; readonly reason: RefusalReason }[];
}

export interface CoreConfig {
  readonly id: string;
  readonly groupId: string;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  /** A follower campaigns after a silence drawn uniformly from this range, anew in each term. */
  readonly electionTicks: { readonly min: number; readonly max: number };
  readonly heartbeatTicks: number;
  /** How long a leader goes on without hearing from a majority, with `checkQuorum`. */
  readonly quorumCheckTicks: number;
  readonly random: Random;
  /** Ask whether an election could be won before disturbing the term. */
  readonly preVote: boolean;
  /** A leader that hears from no majority steps down, and followers that hear from a leader refuse others. */
  readonly checkQuorum: boolean;
  readonly appendBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly pendingReadsMax: number;
}

/** What was on disk when the process started. */
export interface StoredState {
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}
