/** What the gateway's admission guarantees: bulkheads, quotas, rate limits and deadlines. */
import type { Requirement } from './requirement.ts';

export const admission = {
  'admission.rate-cluster-wide': {
    sentence:
      'Pods together admit a rate limit within 10 %, whichever of them the requests hit and however that changes.',
    source: 'issue 5: rate limits',
  },
  'admission.rate-returned': {
    sentence: 'The share of a pod that died is used by the others within two seconds.',
    source: 'issue 5: rate limits',
  },
  'admission.rate-partition': {
    sentence:
      'A pod that is cut off never admits more than its last share, and nobody else takes that share before the pod is known to be gone.',
    source: 'issue 5: rate limits',
  },
} as const satisfies Record<string, Requirement>;
