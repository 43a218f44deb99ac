/** What the life of a cluster on a real API server guarantees, beside what `operator.ts` says of each part. */
import type { Requirement } from './requirement.ts';

export const lifeCycle = {
  'api.scale': {
    sentence:
      'The scale subresource reads and writes the number of pods, and tells how to find them',
    source: 'feature bar 1; Kubernetes, custom resources: scale subresource',
  },
  'api.live-for-people': {
    sentence: 'kubectl get, describe, logs and wait say of a live cluster what people ask them',
    source: 'feature bar 1 and 2',
  },
  'operator.secrets-return': {
    sentence: 'Secrets that are deleted come back without a pod being touched',
    source: 'feature bar 6 and 21',
  },
  'operator.bad-template': {
    sentence:
      'A template that does not come up stops after one pod, the rule that blocks the others is told, and the old one brings it back',
    source: 'feature bar 7; ECK: upgrade predicates in the status',
  },
  'operator.retention': {
    sentence: 'Volumes outlive a deleted cluster that says so',
    source: 'feature bar 11',
  },
  'operator.paused': {
    sentence: 'A paused cluster is reported on and not changed',
    source: 'feature bar 13',
  },
} as const satisfies Record<string, Requirement>;
