/** The public vocabulary of the membership: who is there, in which state, how loaded. */

export type MemberState = 'alive' | 'suspect' | 'dead' | 'left';

export interface Member {
  readonly id: string;
  /** `host:port` of the member's cluster port; the host is a name where there is a DNS. */
  readonly address: string;
  readonly state: MemberState;
  /** Raised only by the member itself; orders what others say about it. */
  readonly incarnation: number;
  /** What the member last said with `setLoad`; 0 until then. */
  readonly load: number;
  /** Small facts the member tells about itself; `meta.instance` is random per process, so a new one = a restart. */
  readonly meta: Readonly<Record<string, string>>;
}

/**
 * - `joined` first seen, or back from dead or left with the same process;
 * - `restarted` a new process under a known id: what the old one held in memory is gone (it counts even if nobody noticed
 *   the old one's death);
 * - `suspected` a probe failed; `refuted` it was alive after all;
 * - `died` suspicion ran out or its address refuses connections; `left` it said goodbye;
 * - `updated` load, meta or address changed.
 */
export type MemberChangeKind =
  'joined' | 'restarted' | 'suspected' | 'refuted' | 'died' | 'left' | 'updated';

export interface MemberChange {
  readonly kind: MemberChangeKind;
  readonly member: Member;
  /** What was known before; undefined for a member seen for the first time. */
  readonly previous?: Member;
}

export interface GossipConfig {
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  /** From the first failed probe to death, unless the member refutes. */
  readonly suspicionMs: number;
  /** Members told about news per round. */
  readonly fanout: number;
  /** Members asked to probe for us when a direct probe fails; default 3. */
  readonly indirectProbes?: number;
  /** Full exchange of state with one random member (correctness does not rest on rumours); default 2000. */
  readonly pushPullIntervalMs?: number;
  /** How long dead and left members stay known, so that old rumours cannot revive them; default 600000. */
  readonly forgetAfterMs?: number;
  /** A refused connection proves that the process is dead once an indirect probe is refused too; default true. */
  readonly refusedIsDeath?: boolean;
}

/** This node's view of the cluster. Views of live members become equal within a few probe intervals. */
export interface Membership {
  self(): Member;
  /** Every known member, this node included, ordered by id. */
  members(): readonly Member[];
  /** Calls `listener` after each change of another member's or the own record; returns the function that ends it. */
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
