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
  Leases,
  LocalReads,
  Operation,
  OperationResult,
  RangeOptions,
  RangeResult,
  Selector,
  Store,
  TxnRequest,
  TxnResult,
  WatchEvent,
  WatchListener,
  WatchNotice,
  WatchRequest,
} from './types.ts';
