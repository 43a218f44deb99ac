/** What sessions need from their neighbours: an agreed key-value store with transactions and watch (etcd's semantics). */

export interface StoredItem {
  readonly key: string;
  readonly value: string;
  /** Revision of the latest change; 0 never occurs, so "does not exist" compares as 0. */
  readonly modRevision: number;
}

export type StoreSelector = { readonly key: string } | { readonly prefix: string };

export interface StoreCompare {
  readonly key: string;
  readonly target: 'modRevision';
  readonly operator: '=';
  readonly operand: number;
}

export type StoreOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly selector: StoreSelector };

export type StoreEvent =
  | { readonly type: 'put'; readonly item: StoredItem }
  | { readonly type: 'delete'; readonly key: string; readonly revision: number };

export type StoreNotice =
  | { readonly type: 'events'; readonly revision: number; readonly events: readonly StoreEvent[] }
  | { readonly type: 'compacted'; readonly compactRevision: number };

/**
 * The part of the replicated store that the directory uses. `txn` and `get` are linearizable; `local` answers at once from
 * what this node has applied; `watch` reports every later change in order.
 */
export interface KeyValue {
  txn(
    request: {
      readonly compare: readonly StoreCompare[];
      readonly success: readonly StoreOperation[];
    },
    signal?: AbortSignal,
  ): Promise<{ readonly succeeded: boolean; readonly revision: number }>;
  get(key: string, signal?: AbortSignal): Promise<StoredItem | undefined>;
  readonly local: {
    range(selector: StoreSelector): {
      readonly items: readonly StoredItem[];
      readonly revision: number;
    };
  };
  watch(
    request: { readonly prefix: string; readonly fromRevision: number },
    listener: (notice: StoreNotice) => void,
  ): () => void;
}
