/**
 * Makes a retried proposal apply once, with bounded memory: ids of the last `windowEntries` log entries are remembered, and
 * a proposal whose base is older than that is refused, so an id that was forgotten can never be applied again.
 */

export type ProposalVerdict = 'first' | 'duplicate' | 'too-old';

export interface ProposalWindow {
  /** Judges the proposal that came out of the log at `index`, and remembers it when it is the first. */
  admit(index: number, proposal: string, base: number): ProposalVerdict;
  /** True for a proposal that was applied and is remembered. */
  has(proposal: string): boolean;
  /** Remembers a proposal that was applied at `index`; in the order of {@link dump}. */
  load(proposal: string, index: number): void;
  /** Oldest first. */
  dump(): readonly (readonly [string, number])[];
}

/** `windowEntries` is part of the state machine's definition: it must be equal on every node. */
export function createProposalWindow(windowEntries: number): ProposalWindow {
  /** Proposal → index it was applied at, oldest first (a Map keeps the order of insertion). */
  const seen = new Map<string, number>();
  return {
    admit(index, proposal, base) {
      for (const [old, at] of seen) {
        if (at >= index - windowEntries) break;
        seen.delete(old);
      }
      if (seen.has(proposal)) return 'duplicate';
      if (base < index - windowEntries) return 'too-old';
      seen.set(proposal, index);
      return 'first';
    },
    has: (proposal) => seen.has(proposal),
    load: (proposal, index) => void seen.set(proposal, index),
    dump: () => [...seen],
  };
}
