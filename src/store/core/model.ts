/** The data model: etcd's revisions, transactions, leases and events, with text keys and values. */

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

export interface LeaseInfo {
  readonly id: number;
  readonly ttlMs: number;
  readonly keys: readonly string[];
}
