/** What a member of a Raft group is made of and what it offers. */
import type { Clock, Random } from '../std/index.ts';
import type { ChannelOptions, RpcServer } from '../rpc/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import type { ConfigChange, Configuration } from './core/index.ts';
import type { PeerDirectory } from './peers.ts';
import type { WalFiles } from './wal-files.ts';

/** One committed command, as it is given to the state machine. */
export interface LogEntry {
  readonly index: number;
  readonly term: number;
  readonly command: Uint8Array;
}

/** What the log is for: the same entries in the same order give the same state on every member. */
export interface StateMachine {
  apply(entry: LogEntry): void;
  /**
   * The state as of the call, in pieces of at most 256 KiB. They are taken over many turns of the event loop while entries go on
   * being applied; `return()` ends it early.
   */
  snapshot(): Iterable<Uint8Array>;
  /** Takes the pieces of a snapshot; the state is replaced, as a whole, by `finish`. */
  beginRestore(): { add(chunk: Uint8Array): void; finish(): void };
  /** A checksum of the state after the last applied entry, kept up with each entry and part of the snapshot. */
  checksum(): number;
}

export interface RaftStatus {
  readonly nodeId: string;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  readonly leaderId?: string;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** What lies before is only in the snapshot. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly snapshotIndex: number;
  readonly configuration: Configuration;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  /** A leader said that this member takes no part any more. */
  readonly removed: boolean;
  /** A majority's state differs from this member's, which therefore neither reads nor leads. */
  readonly divergent: boolean;
  /** Peers know this member by another disk: it lost what it had, and they do not let it in. */
  readonly replaced: boolean;
  /** The disk has no room: nothing can be written here until it has. */
  readonly diskFull: boolean;
  /** What this member's data folder is known by; a new one with every empty folder, none before the start. */
  readonly diskId: string;
  /** What the leader knows of the members; only there. */
  readonly progress?: readonly MemberStatus[];
}

export interface MemberStatus {
  readonly id: string;
  readonly matchIndex: number;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly recentlyActive: boolean;
  /** The disk by which the leader knows it; undefined before they met. */
  readonly diskId?: string;
}

/** When the log is cut: a snapshot is taken after so many entries or bytes, whichever comes first. */
export interface SnapshotPolicy {
  readonly entries: number;
  readonly bytes: number;
}

export interface RaftNodeOptions {
  readonly id: string;
  readonly clusterId: string;
  /** Who founds the cluster; read only when the data folder is empty. A member that is not among them waits to be added. */
  readonly voters: readonly string[];
  readonly peers: PeerDirectory;
  /** The log lives in its folder `raft`. */
  readonly dataDir: string;
  /** Its service is added at once, so create the node before the server listens. */
  readonly rpcServer: Pick<RpcServer, 'addService'>;
  readonly tls: ChannelOptions['tls'];
  readonly timing: {
    readonly heartbeatIntervalMs: number;
    readonly electionTimeoutMs: { readonly min: number; readonly max: number };
  };
  readonly snapshot?: SnapshotPolicy;
  /**
   * `quorum` (the default) asks a majority for each batch of reads; `lease` lets the leader answer alone for as long as no
   * other can have been elected, if no clock runs more than a tenth faster than another, and gives up the fast takeover
   * on a broken connection.
   */
  readonly reads?: 'quorum' | 'lease';
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A broken invariant or a failed disk: nothing may go on. By default the process ends with the error. */
  readonly onFatal?: (error: Error) => void;
  /** The disk; by default the real one. */
  readonly files?: WalFiles;
}

export interface RaftNode {
  /** Resolves once the command is committed and applied here; goes to the leader wherever it is. */
  propose(command: Uint8Array, signal?: AbortSignal): Promise<{ index: number; term: number }>;
  /** Resolves once everything committed anywhere before the call is applied here. */
  readBarrier(signal?: AbortSignal): Promise<void>;
  /** Sets what entries are applied to; call it before `start`. */
  use(machine: StateMachine): void;
  /** Resolves once the change is in force here, and a joint configuration that leaves itself is left. */
  changeMembership(change: ConfigChange, signal?: AbortSignal): Promise<void>;
  /** Resolves once another member leads: `to`, or by default whoever has most of the log. */
  transferLeadership(to?: string, signal?: AbortSignal): Promise<void>;
  /** Who should lead only if no other can; called again, it replaces the list. */
  avoidLeaders(ids: readonly string[]): void;
  status(): RaftStatus;
  /** Told at each change of term, role, leader, configuration, or of what is wrong with this member. */
  onStatus(listener: (status: RaftStatus) => void): () => void;
  /** Opens the log and joins the others; rejects with WalError when the data folder cannot be used. */
  start(): Promise<void>;
  /** Hands leadership over, if there is any, then stops. */
  stop(): Promise<void>;
}
