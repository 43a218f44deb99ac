/** What the metrics, rules and dashboards promise. */
import type { Requirement } from './requirement.ts';

export const observability = {
  'metrics.controller-runtime-names': {
    sentence:
      'The operator exports the metrics of controller-runtime and client-go, with their labels and buckets',
    source: 'controller-runtime pkg/metrics, component-base metrics/prometheus',
  },
} as const satisfies Record<string, Requirement>;
