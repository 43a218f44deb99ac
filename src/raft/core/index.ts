/**
 * The pure Raft core under the Ready contract: messages, ticks and proposals change state only, and what has to be written,
 * sent and applied comes out as a value. No clock, no disk, no network; chance is an argument.
 */
export { bootstrapState, emptyState } from './bootstrap.ts';
export { configurationOf, decodeConfigChange, encodeConfigChange } from './config-codec.ts';
export { applyChange, isJoint, members } from './confchange.ts';
export { createLeaderLease, type LeaderLease } from './lease.ts';
export { LostEntriesError } from './log.ts';
export { createRaftCore } from './node.ts';
export type * from './types.ts';
