/** What the store needs from its neighbours: an agreed log, and a way to the leader for keep-alives. */

/** One committed command; `index` grows by at least one per entry. */
export interface LogEntry {
  readonly index: number;
  readonly term: number;
  readonly command: Uint8Array;
}

/** What a log does its work for: a state that follows from the entries alone. */
export interface LogMachine {
  /** Takes the next committed entry. */
  apply(entry: LogEntry): void;
  /** The state as of the call, however late its chunks are read; end it early with the iterator's `return`. */
  snapshot(): Iterable<Uint8Array>;
  /** Takes a snapshot in; it becomes the state at `finish`, and the old one goes on until then. */
  beginRestore(): { add(chunk: Uint8Array): void; finish(): void };
  /** Of the state after the last applied entry; equal on every node that applied the same entries. */
  checksum(): number;
}

/** The part of a log's status that the store reads. */
export interface LogStatus {
  readonly nodeId: string;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  readonly leaderId?: string | undefined;
  readonly term: number;
  readonly appliedIndex: number;
}

/**
 * An agreed sequence of commands. Rejections of `propose` and `readBarrier` carry `code` and `outcome`
 * ({@link LogFailure}); one that carries no outcome counts as unknown.
 */
export interface ReplicatedLog {
  /** Resolves once the command is committed and has been given to the apply handler of this node. */
  propose(command: Uint8Array, signal?: AbortSignal): Promise<{ index: number; term: number }>;
  /** Resolves once this node has applied all that was committed anywhere before the call. */
  readBarrier(signal?: AbortSignal): Promise<void>;
  /** The machine that entries are for; call it before the log starts. */
  use(machine: LogMachine): void;
  status(): LogStatus;
  onStatus(listener: (status: LogStatus) => void): () => void;
}

/** The shape of a log's rejection. */
export interface LogFailure extends Error {
  readonly code: string;
  readonly outcome: 'not-applied' | 'unknown';
}

/** What the leader says to a keep-alive. */
export type KeepAliveAnswer =
  | { readonly status: 'renewed'; readonly ttlMs: number }
  | { readonly status: 'lease-not-found' }
  /** The one asked does not lead (any more); ask again, somewhere else. */
  | { readonly status: 'not-leader' };

/** The way to the node that leads; rejections mean "no answer" and are retried. */
export interface LeaderLink {
  keepAlive(leaderId: string, leaseId: number, signal?: AbortSignal): Promise<KeepAliveAnswer>;
}
