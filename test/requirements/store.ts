/** What `store` guarantees. */
import type { Requirement } from './requirement.ts';

export const store = {
  'store.compare-and-swap': {
    sentence:
      'Of concurrent compare-and-swaps on one key exactly one wins, and its mod revision is the fencing token.',
    source: 'ARCHITECTURE: the store is the only state machine; etcd Txn',
  },
  'store.retry-applies-once': {
    sentence: 'A write that is retried after a lost answer applies exactly once.',
    source: 'design: proposal ids in a window that every node forgets alike',
  },
  'store.unknown-version-refused': {
    sentence: 'A command of an unknown version stops the node and is never skipped.',
    source: 'design: a skipped command would let replicas drift apart',
  },
  'store.survives-leader': {
    sentence: 'Writes under way when the leader dies succeed on its successor, once each.',
    source: 'ARCHITECTURE: the promise; facts/raft §3 #25',
  },
  'store.deterministic': {
    sentence: 'Equal logs give equal states and equal results on every node.',
    source: 'ARCHITECTURE: the store is the only state machine',
  },
  'store.matches-model': {
    sentence:
      'Revisions, versions, transactions, leases and reads of the past are those of the naive model.',
    source: 'etcd API: KV, Txn, Lease',
  },
  'store.txn-atomic': {
    sentence: 'A command changes all its keys at one revision, or nothing.',
    source: 'etcd API: Txn',
  },
  'store.lease-expiry': {
    sentence: 'A lease nobody keeps alive ends after its TTL, and its keys with it.',
    source: 'etcd API: Lease',
  },
  'store.lease-new-leader': {
    sentence: 'A new leader gives every lease its full TTL again.',
    source: 'facts/raft §2.5; etcd lease promotion',
  },
  'store.lease-deposed-leader': {
    sentence: 'A deposed leader ends no lease, however late its proposals are committed.',
    source: 'facts/raft §3 #10: etcd-io/etcd#15247',
  },
  'store.watch-no-gap': {
    sentence: 'A watch reports every matching change from its revision on, in order, once.',
    source: 'etcd API: Watch guarantees (ordered, unique, reliable)',
  },
  'store.watch-compacted': {
    sentence: 'A watch that needs history that is gone is told so and ends.',
    source: 'etcd API: Watch, compact_revision',
  },
  'store.watch-slow-listener': {
    sentence: 'A slow watch listener costs no memory beyond the bounded history.',
    source: 'design: a watcher is a position in the history',
  },
  'store.snapshot-is-the-state': {
    sentence:
      'A machine restored from a snapshot equals the one it was taken of at that moment, whatever was applied meanwhile, and behaves alike ever after.',
    source: 'Raft paper 7; etcd snapshots',
  },
  'store.snapshot-in-pieces': {
    sentence: 'A snapshot of any size is made and read in bounded pieces.',
    source: 'design: one event loop',
  },
  'store.snapshot-bad-input': {
    sentence:
      'Bytes that are no whole snapshot of a known version are refused with a reason, and the state stays as it was.',
    source: 'design',
  },
  'store.checksum-tells-apart': {
    sentence: 'Equal logs give equal checksums, and machines that differed once never agree again.',
    source: 'etcd: corruption check',
  },
  'store.snapshot-skips-nothing': {
    sentence:
      'After a snapshot from the leader, watchers, waiting writers and every part that follows keys know the state as it is.',
    source: 'design: facts/raft §3 #20, responders stranded by a snapshot',
  },
  'store.sleeper-cannot-write': {
    sentence:
      'Who slept while its lock ended cannot write under its old fencing token, not even with a write under way',
    source: 'https://jepsen.io/blog/2020-01-30-etcd-3.4.3',
  },
  'store.state-comes-back': {
    sentence:
      'A member that was away and one that restarts have the state of the others, by way of snapshots and the log after them.',
    source: 'Raft paper 7',
  },
} as const satisfies Record<string, Requirement>;
