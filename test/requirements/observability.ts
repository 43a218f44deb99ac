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
  'metrics.promtool': {
    sentence: 'promtool finds nothing to say about what operator and sidecar export',
    source: 'promtool check metrics',
  },
  'rules.tested': {
    sentence: 'Each alert fires when it should and stays silent when it should, and has a runbook',
    source: 'promtool test rules',
  },
  'rules.certificate-not-renewed': {
    sentence:
      'Whatever the certificates of a cluster last, an alert fires while three quarters of the time are left that a pod has to renew its own',
    source: 'feature bar 6; promtool test rules',
  },
  'rules.real-names': {
    sentence: 'Every metric that a rule or dashboard names is exported by operator or sidecar',
    source: 'design',
  },
  'dashboards.no-empty-panel': {
    sentence: 'Every query of every dashboard finds metrics of a running cluster',
    source: 'design',
  },
} as const satisfies Record<string, Requirement>;
