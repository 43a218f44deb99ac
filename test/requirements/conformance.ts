/** What the proofs from outside promise of themselves: the public suite, the official clients, the fault matrix. */
import type { Requirement } from './requirement.ts';

export const conformance = {
  'soak.judge': {
    sentence:
      'The soak tells calls that had to be lost from calls that were lost wrongly, and counts effects.',
    source: 'issue 5: the official clients, no session lost',
  },
} as const satisfies Record<string, Requirement>;
