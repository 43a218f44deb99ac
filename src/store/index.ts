/**
 * Band 4: the one replicated state machine. Everything the cluster must agree on is a key in it: revisioned keys with etcd's
 * semantics (transactions, leases, watch, compaction) over any `ReplicatedLog`. `core/` is the pure machine; this folder
 * adds retries, leases by the leader's clock, watchers and metrics.
 */
export { STORE_ERRORS, StoreError, type StoreErrorCode } from './errors.ts';
export type {
  KeepAliveAnswer,
  LeaderLink,
  LogEntry,
  LogFailure,
  LogStatus,
  ReplicatedLog,
} from './ports.ts';
export type {
  Compare,
  CompareOperator,
  KeyValue,
  LeaseInfo,
  Operation,
  OperationResult,
  RangeOptions,
  RangeResult,
  Selector,
  TxnRequest,
  TxnResult,
  WatchEvent,
} from './core/model.ts';
export { createLeaderLink, serveLeases, type LeaderLinkOptions } from './lease-link.ts';
export { STORE_LIMITS } from './request-rules.ts';
export { createStore, type StoreNode, type StoreOptions } from './store.ts';
export type {
  Leases,
  LocalReads,
  Store,
  WatchListener,
  WatchNotice,
  WatchRequest,
} from './types.ts';
