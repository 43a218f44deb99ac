/** What a member of a Raft group is made of and what it offers. */
import type { Clock, Random } from '../std/index.ts';
import type { ChannelOptions, RpcServer } from '../rpc/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import type { PeerDirectory } from './peers.ts';
import type { WalFiles } from './wal-files.ts';

/** One committed command, as it is given to the apply handler. */
export interface LogEntry {
  readonly index: number;
  readonly term: number;
  readonly command: Uint8Array;
}

export interface RaftStatus {
  readonly nodeId: string;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  readonly leaderId?: string;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  /** What the leader knows of the members; only there. */
  readonly progress?: readonly { readonly id: string; readonly matchIndex: number }[];
}

export interface RaftNodeOptions {
  readonly id: string;
  readonly clusterId: string;
  /** Ids of the members that count, this one included or not. */
  readonly voters: readonly string[];
  /** Ids of the members that only receive the log. */
  readonly learners?: readonly string[];
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
  propose(command: Uint8Array, signal?: AbortSignal): Promise<{ index: number; term: number }>;
  readBarrier(signal?: AbortSignal): Promise<void>;
  onApply(handler: (entry: LogEntry) => void): void;
  status(): RaftStatus;
  onStatus(listener: (status: RaftStatus) => void): () => void;
  /** Members that receive the log without counting, from now on. Call it with the same ids everywhere. */
  setLearners(ids: readonly string[]): void;
  /** Opens the log and joins the others; rejects with WalError when the data folder cannot be used. */
  start(): Promise<void>;
  stop(): Promise<void>;
}
