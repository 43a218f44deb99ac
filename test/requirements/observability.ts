/** What the metrics, rules and dashboards promise. */
import type { Requirement } from './requirement.ts';

export const observability = {
  'metrics.controller-runtime-names': {
    sentence:
      'The operator exports the metrics of controller-runtime and client-go, with their labels and buckets',
    source: 'controller-runtime pkg/metrics, component-base metrics/prometheus',
  },
  'metrics.go-with-their-resource': {
    sentence: 'What is exported of a McpCluster is gone when the McpCluster, or its pod, is',
    source: 'design',
  },
  'metrics.bounded': {
    sentence: 'What a client sends cannot add time series without limit',
    source: 'Prometheus, naming: do not use labels of unbounded cardinality',
  },
  'rules.tested': {
    sentence: 'Each alert fires when it should and stays silent when it should, and has a runbook',
    source: 'promtool test rules',
  },
} as const satisfies Record<string, Requirement>;
