/**
 * The pure Raft core under the Ready contract: messages, ticks and proposals change state only, and what has to be written,
 * sent and applied comes out as a value. No clock, no disk, no network; chance is an argument.
 */
export { createRaftCore, type RaftCore } from './node.ts';
export type {
  CoreConfig,
  Entry,
  HardState,
  Message,
  Ready,
  ReadState,
  StoredState,
} from './types.ts';
