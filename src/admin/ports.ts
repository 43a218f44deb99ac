/** What the admin service asks of the member it runs in. */
import type { Wire } from '../rpc/index.ts';

/** A running configuration that cannot be taken; `problem` names field, value and rule. */
export type ApplyConfigResult = { readonly revision: number } | { readonly problem: string };

/** The member behind the admin service. Reads answer at once, from memory. */
export interface AdminMember {
  status(): Wire.MemberStatusInput;
  /** At most `limit` live sessions; only that with `id`, when given. */
  sessions(limit: number, id?: string): readonly Wire.SessionViewInput[];
  /** Proposes the configuration; resolves when it is committed. */
  applyConfig(generation: number, config: string, signal: AbortSignal): Promise<ApplyConfigResult>;
  /** Calls `listener` for each fact from now on; returns the function that ends it. */
  onEvent(listener: (event: Wire.ClusterEventInput) => void): () => void;
}
