/**
 * Band 4: an agreed log. `core/` is Raft as a pure function of messages and ticks; this folder gives it a disk (write-ahead
 * log), a network (one gRPC stream to each peer) and time. Nothing is acknowledged before it is on disk; an entry is applied
 * on a member once a majority has it and this member has it durably. A broken disk or invariant stops the member.
 */
export type { RaftErrorCode } from './errors.ts';
export {
  forceConfiguration,
  type ForcedConfiguration,
  type ForceOptions,
} from './force-configuration.ts';
export { createRaftNode } from './raft-node.ts';
export type {
  LogEntry,
  MemberStatus,
  RaftNode,
  RaftNodeOptions,
  RaftStatus,
  SnapshotPolicy,
  StateMachine,
} from './types.ts';
export { members } from './core/index.ts';
export type { ConfigChange, Configuration, MemberChange } from './core/index.ts';
export type { PeerDirectory } from './peers.ts';
export { diskFiles } from './wal-files.ts';
