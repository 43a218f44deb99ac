/** The public face of the store: what callers hold. The data model itself is in `core/model.ts`. */
import type {
  KeyValue,
  LeaseInfo,
  RangeOptions,
  RangeResult,
  Selector,
  TxnRequest,
  TxnResult,
  WatchEvent,
} from './core/model.ts';

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
