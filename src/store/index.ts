/**
 * Band 4: the one replicated state machine. Everything the cluster must agree on is a key in it: revisioned keys with etcd's
 * semantics (transactions, leases, watch, compaction) over any `ReplicatedLog`. `core/` is the pure machine; this folder
 * adds retries, leases by the leader's clock, watchers and metrics.
 */
export { StoreError, type StoreErrorCode } from './errors.ts';
export type { KeepAliveAnswer, LogEntry, LogMachine, LogStatus, ReplicatedLog } from './ports.ts';
export type { Compare, KeyValue, Operation, Selector } from './core/model.ts';
export { createLeaderLink, serveLeases } from './lease-link.ts';
export { STORE_LIMITS } from './request-rules.ts';
export { createStore, type StoreNode, type StoreOptions } from './store.ts';
export type { Store, WatchNotice } from './types.ts';
