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
  const seen = new Set<string>();
  /** The same in the order of the log, from `head` on; what lies before is gone. A Map's oldest entry is slow to find. */
  let order: { readonly proposal: string; readonly index: number }[] = [];
  let head = 0;
  const load = (proposal: string, index: number): void => {
    seen.add(proposal);
    order.push({ proposal, index });
  };
  const forgetBefore = (index: number): void => {
    for (let oldest = order[head]; oldest !== undefined; oldest = order[head]) {
      if (oldest.index >= index) break;
      seen.delete(oldest.proposal);
      head += 1;
    }
    if (head * 2 < order.length) return;
    order = order.slice(head);
    head = 0;
  };
  return {
    admit(index, proposal, base) {
      forgetBefore(index - windowEntries);
      if (seen.has(proposal)) return 'duplicate';
      if (base < index - windowEntries) return 'too-old';
      load(proposal, index);
      return 'first';
    },
    has: (proposal) => seen.has(proposal),
    load,
    dump: () => order.slice(head).map(({ proposal, index }) => [proposal, index] as const),
  };
}
