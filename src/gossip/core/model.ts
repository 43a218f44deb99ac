/** What is known about members, and what one member tells another about them. */

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

/** A member as it travels: what is said about its state, and what it said about itself. */
export interface MemberRecord extends Member {
  /** Raised only by the member itself; orders what it tells about itself (address, load, meta). */
  readonly version: number;
}

export type GossipRequest = {
  readonly from: string;
  readonly records: readonly MemberRecord[];
} & (
  | { readonly kind: 'ping'; readonly targetId: string }
  /** Please ping the target for me. */
  | { readonly kind: 'relay'; readonly targetId: string; readonly targetAddress: string }
  /** All I know, for all you know. */
  | { readonly kind: 'sync' }
  | { readonly kind: 'news' }
);

export interface GossipResponse {
  readonly from: string;
  /** Of a relay: what the target did; otherwise `ok`. */
  readonly outcome: ProbeOutcome;
  readonly records: readonly MemberRecord[];
}

export type ProbeOutcome = 'ok' | 'silent' | 'refused';

export interface GossipConfig {
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  /** From the first failed probe to death, unless the member refutes. */
  readonly suspicionMs: number;
  /** Members told at once about a change of somebody's state. */
  readonly fanout: number;
  /** Members asked to probe for us when a direct probe fails. */
  readonly indirectProbes: number;
  /** Full exchange of state with one random member: correctness does not rest on rumours. */
  readonly pushPullIntervalMs: number;
  /** How long dead and left members stay known, so that old rumours cannot revive them. */
  readonly forgetAfterMs: number;
  /** A refused connection, to us and to whom we ask, proves that the process is dead. */
  readonly refusedIsDeath: boolean;
}
