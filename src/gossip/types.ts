/** The public face of the membership. The vocabulary itself is in `core/model.ts`. */
import type { GossipConfig, Member, MemberChange } from './core/model.ts';

/** What must be chosen, and what has a default: {@link DEFAULTS}. */
export type GossipOptions = Pick<
  GossipConfig,
  'probeIntervalMs' | 'probeTimeoutMs' | 'suspicionMs' | 'fanout'
> &
  Partial<GossipConfig>;

/** Values of what a configuration does not name. */
export const DEFAULTS = {
  indirectProbes: 3,
  pushPullIntervalMs: 2_000,
  forgetAfterMs: 600_000,
  refusedIsDeath: true,
} as const satisfies Partial<GossipConfig>;

/** This node's view of the cluster. Views of live members become equal within a few probe intervals. */
export interface Membership {
  self(): Member;
  /** Every known member, this node included, ordered by id. */
  members(): readonly Member[];
  /** Calls `listener` after each change of another member's record; returns the function that ends it. */
  onChange(listener: (change: MemberChange) => void): () => void;
  /** The own load (a non-negative number, any unit the callers agree on); travels piggybacked. */
  setLoad(load: number): void;
  /** Adds to or overwrites the own meta (at most 512 bytes in all). */
  setMeta(meta: Readonly<Record<string, string>>): void;
  /** A connection to the member's address was refused: it is probed at once and, if that is refused too, soon dead. */
  reportRefused(id: string): void;
  /** Tells the others that this node goes on purpose; resolves when some have heard it (or after a second). */
  leave(): Promise<void>;
  /** Begins to probe and answers others; resolves after the first attempt to join. */
  start(): Promise<void>;
  /** Stops at once, without goodbye. */
  stop(): Promise<void>;
}
