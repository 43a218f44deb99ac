/** The public vocabulary of the store: etcd's data model (revisions, transactions, leases, watch) with text keys and values. */

/**
 * One key as of some revision. `modRevision` is unique per change of the keyspace and grows for ever: it is the fencing token.
 * Keys and values are text (JSON as a rule); whoever needs bytes encodes them.
 */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** Revision at which the key was created (again, after a delete). */
  readonly createRevision: number;
  /** Revision of the latest change. */
  readonly modRevision: number;
  /** 1 at creation, +1 per put. */
  readonly version: number;
  /** The lease whose end deletes the key; 0 = none. */
  readonly lease: number;
}

/** Which keys: exactly one, or all that begin with a prefix (the empty prefix is everything). */
export type Selector = { readonly key: string } | { readonly prefix: string };

export type CompareOperator = '=' | '!=' | '<' | '>';

/**
 * A guard of a transaction. A key that does not exist compares as version, revisions and lease 0;
 * a comparison of its value is always false (as in etcd).
 */
export type Compare =
  | {
      readonly key: string;
      readonly target: 'version' | 'createRevision' | 'modRevision' | 'lease';
      readonly operator: CompareOperator;
      readonly operand: number;
    }
  | {
      readonly key: string;
      readonly target: 'value';
      readonly operator: CompareOperator;
      readonly operand: string;
    };

export type Operation =
  /** `lease` (default 0 = none) must exist, or the whole transaction is refused. A put replaces the key's lease. */
  | {
      readonly type: 'put';
      readonly key: string;
      readonly value: string;
      readonly lease?: number;
    }
  | { readonly type: 'delete'; readonly selector: Selector }
  | { readonly type: 'get'; readonly selector: Selector; readonly limit?: number };

export type OperationResult =
  | { readonly type: 'put'; readonly previous?: KeyValue }
  | { readonly type: 'delete'; readonly deleted: readonly KeyValue[] }
  | { readonly type: 'get'; readonly items: readonly KeyValue[]; readonly count: number };

/**
 * All comparisons hold → `success`, else → `failure`; either way in one step and at one revision. A key may be written at
 * most once in each branch.
 */
export interface TxnRequest {
  readonly compare?: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure?: readonly Operation[];
}

export interface TxnResult {
  /** Which branch ran. */
  readonly succeeded: boolean;
  /** The store's revision after the transaction; the fencing token of what it wrote. */
  readonly revision: number;
  /** One result per operation of the branch that ran. */
  readonly responses: readonly OperationResult[];
}

export interface RangeOptions {
  /** At most so many items; `count` still counts all. */
  readonly limit?: number;
  /** Reads the past; default the newest. Fails with `compacted` or `future-revision` outside of the kept history. */
  readonly revision?: number;
}

export interface RangeResult {
  /** In key order (UTF-16 code units). */
  readonly items: readonly KeyValue[];
  readonly count: number;
  /** The revision of the store when it was read. */
  readonly revision: number;
}

export type WatchEvent =
  | { readonly type: 'put'; readonly item: KeyValue; readonly previous?: KeyValue }
  /** `revision` is the delete's own; `previous` is what was deleted. */
  | {
      readonly type: 'delete';
      readonly key: string;
      readonly revision: number;
      readonly previous: KeyValue;
    };

/** What a watcher is told, in revision order, without gap or duplicate. */
export type WatchNotice =
  /** Every matching event of the revisions up to `revision`; all events of one revision stay together. */
  | { readonly type: 'events'; readonly revision: number; readonly events: readonly WatchEvent[] }
  /** The history that the watcher still needed is gone; the watch has ended. Read again (`range`), then watch from there. */
  | { readonly type: 'compacted'; readonly compactRevision: number };

/** Called synchronously while a change is applied; a returned promise holds back the next notice until it settles. */
export type WatchListener = (notice: WatchNotice) => void | Promise<void>;

export type WatchRequest = Selector & {
  /** First revision to report; default the next one. To continue after a `range`: its revision + 1. */
  readonly fromRevision?: number;
};

export interface LeaseInfo {
  readonly id: number;
  readonly ttlMs: number;
  readonly keys: readonly string[];
}

/** Synchronous reads of what this node has applied: never blocks, may be behind the leader. */
export interface LocalReads {
  get(key: string): KeyValue | undefined;
  /** Throws {@link StoreError} `compacted` or `future-revision` for a revision that is not there. */
  range(selector: Selector, options?: RangeOptions): RangeResult;
  leases(): readonly LeaseInfo[];
}

export interface Leases {
  /** A new lease; keys attached to it are deleted when nobody keeps it alive for `ttlMs` (100 ms .. 24 h). */
  grant(ttlMs: number, signal?: AbortSignal): Promise<{ id: number; ttlMs: number }>;
  /**
   * Extends the lease by its full TTL, counted by the leader. The holder may rely on it until the instant *before this
   * call* + `ttlMs` - its drift bound. Fails with `lease-not-found` once it is over.
   */
  keepAlive(id: number, signal?: AbortSignal): Promise<{ id: number; ttlMs: number }>;
  /** Ends the lease and deletes its keys in one revision. Fails with `lease-not-found`. */
  revoke(id: number, signal?: AbortSignal): Promise<{ revision: number }>;
}

/**
 * The one replicated state machine. Writes and `get`/`range` are linearizable; they are retried inside until the signal
 * aborts or the store's time-out passes, apply once however often they are retried, and fail with a {@link StoreError}.
 */
export interface Store {
  txn(request: TxnRequest, signal?: AbortSignal): Promise<TxnResult>;
  put(
    key: string,
    value: string,
    options?: { readonly lease?: number; readonly signal?: AbortSignal },
  ): Promise<{ revision: number; previous?: KeyValue }>;
  delete(
    selector: Selector,
    signal?: AbortSignal,
  ): Promise<{ revision: number; deleted: readonly KeyValue[] }>;
  get(key: string, signal?: AbortSignal): Promise<KeyValue | undefined>;
  range(selector: Selector, options?: RangeOptions, signal?: AbortSignal): Promise<RangeResult>;
  readonly local: LocalReads;
  readonly lease: Leases;
  /** Returns the function that ends the watch; after it no notice arrives. */
  watch(request: WatchRequest, listener: WatchListener): () => void;
  /** Revision of what this node has applied. */
  revision(): number;
  /** Resolves once this node has caught up with the leader at least once. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Ends watches, lease timers and waiting calls. The log is not stopped. */
  stop(): Promise<void>;
}
