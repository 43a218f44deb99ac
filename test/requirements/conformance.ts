/** What the proofs from outside promise of themselves: the public suite, the official clients, the fault matrix. */
import type { Requirement } from './requirement.ts';

export const conformance = {
  'soak.judge': {
    sentence:
      'The soak tells calls that had to be lost from calls that were lost wrongly, and counts effects.',
    source: 'issue 5: the official clients, no session lost',
  },
  'faults.matrix': {
    sentence:
      'Whatever dies, in whichever phase of a request: it is answered, or told within a second, and runs once unless it may be repeated.',
    source: 'issue 5: fault matrix; facts/mcp §0 rules 8 and 9',
  },
} as const satisfies Record<string, Requirement>;
