/** What the admin service asks of the member it runs in. */
import type { Wire } from '../rpc/index.ts';

/** A running configuration that cannot be taken; `problem` names field, value and rule. */
export type ApplyConfigResult = { readonly revision: number } | { readonly problem: string };

/** Who takes part in the agreed log; see the proto file. */
export interface MembershipRequest {
  readonly transition: 'auto' | 'joint-implicit' | 'joint-explicit';
  readonly changes: readonly {
    readonly type: 'add-voter' | 'add-learner' | 'remove';
    readonly id: string;
  }[];
  /** Who must take part for the change to be made. */
  readonly expected?: Participants;
}

/** Who takes part in the agreed log. */
export interface Participants {
  readonly voters: readonly string[];
  readonly votersOutgoing: readonly string[];
  readonly learners: readonly string[];
}

/** The member behind the admin service. Reads answer at once, from memory. */
export interface AdminMember {
  status(): Wire.MemberStatusInput;
  /** At most `limit` live sessions; only that with `id`, when given. */
  sessions(limit: number, id?: string): readonly Wire.SessionViewInput[];
  /** Proposes the configuration; resolves when it is committed. */
  applyConfig(generation: number, config: string, signal: AbortSignal): Promise<ApplyConfigResult>;
  /** Resolves when the change is in force here; rejects with an RpcError. */
  changeMembership(
    request: MembershipRequest,
    signal: AbortSignal,
  ): Promise<Wire.ChangeMembershipResponseInput>;
  /** Resolves with the leader when another one leads: `to`, if given; rejects with an RpcError. */
  transferLeadership(to: string | undefined, signal: AbortSignal): Promise<string>;
  /** Begins to give sessions away and to take none, or ends that. */
  drain(enabled: boolean): void;
  /** What a backup keeps, at one revision; rejects with an RpcError. */
  exportState(
    signal: AbortSignal,
  ): Promise<{ readonly revision: number; readonly entries: readonly Wire.StateEntryInput[] }>;
  /** Takes in a page of a backup; resolves with how many keys it wrote, rejects with an RpcError. */
  importState(request: Wire.ImportStateRequest, signal: AbortSignal): Promise<number>;
  /** Calls `listener` for each fact from now on; returns the function that ends it. */
  onEvent(listener: (event: Wire.ClusterEventInput) => void): () => void;
}
