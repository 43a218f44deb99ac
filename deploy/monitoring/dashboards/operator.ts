/** The dashboard of the operator: whether it runs, what it works on, what it asks of the API server. */
import type { Dashboard, Row } from './model.ts';

/** The processes that look after McpClusters, among all that export metrics of controllers. */
const OURS =
  'and on (instance) controller_runtime_max_concurrent_reconciles{controller="mcpcluster"}';
const RATE = '[$__rate_interval]';

const overview: Row = {
  title: 'Overview',
  panels: [
    {
      title: 'Leaders',
      description: 'Processes that hold the Lease; exactly one should.',
      kind: 'stat',
      unit: 'short',
      queries: [
        {
          expr: 'sum(leader_election_master_status{name=~"(.+-)?mcp-cluster-operator"})',
          legend: 'leaders',
        },
      ],
      redBelow: 1,
    },
    {
      title: 'McpClusters',
      description: 'Clusters that the operator looks after.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: 'count(mcp_cluster_info)', legend: 'clusters' }],
    },
    {
      title: 'Clusters that are not Available',
      description: 'Condition Available is False or Unknown.',
      kind: 'stat',
      unit: 'short',
      queries: [
        {
          expr: 'count(mcp_cluster_status_condition{type="Available",status="True"} == 0) or vector(0)',
          legend: 'not available',
        },
      ],
      redFrom: 1,
    },
    {
      title: 'Failed reconciles',
      description: 'Share of all reconciles.',
      kind: 'stat',
      unit: 'percentunit',
      queries: [
        {
          expr: `sum(rate(controller_runtime_reconcile_errors_total{controller="mcpcluster"}${RATE})) / clamp_min(sum(rate(controller_runtime_reconcile_total{controller="mcpcluster"}${RATE})), 1e-9)`,
          legend: 'failed',
        },
      ],
      redFrom: 0.1,
    },
  ],
};

const work: Row = {
  title: 'Reconciles',
  panels: [
    {
      title: 'Reconciles by result',
      description: 'How the work on clusters ended.',
      kind: 'series',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (result) (rate(controller_runtime_reconcile_total{controller="mcpcluster"}${RATE}))`,
          legend: '{{result}}',
        },
      ],
    },
    {
      title: 'Time of a reconcile',
      description: 'Median and 99th percentile.',
      kind: 'series',
      unit: 's',
      queries: [0.5, 0.99].map((quantile) => ({
        expr: `histogram_quantile(${quantile}, sum by (le) (rate(controller_runtime_reconcile_time_seconds_bucket{controller="mcpcluster"}${RATE})))`,
        legend: `p${quantile * 100}`,
      })),
    },
    {
      title: 'Work queue',
      description: 'Clusters that wait for a worker, workers at work, and how many there are.',
      kind: 'series',
      unit: 'short',
      queries: [
        { expr: 'sum(workqueue_depth{name="mcpcluster"})', legend: 'waiting' },
        {
          expr: 'sum(controller_runtime_active_workers{controller="mcpcluster"})',
          legend: 'at work',
        },
        {
          expr: 'sum(controller_runtime_max_concurrent_reconciles{controller="mcpcluster"})',
          legend: 'workers',
        },
      ],
    },
    {
      title: 'Wait in the queue',
      description:
        'From a change until a worker takes it up; 99th percentile. And the longest work that is under way.',
      kind: 'series',
      unit: 's',
      queries: [
        {
          expr: `histogram_quantile(0.99, sum by (le) (rate(workqueue_queue_duration_seconds_bucket{name="mcpcluster"}${RATE})))`,
          legend: 'p99 wait',
        },
        {
          expr: 'max(workqueue_longest_running_processor_seconds{name="mcpcluster"})',
          legend: 'longest under way',
        },
      ],
    },
  ],
};

const api: Row = {
  title: 'API server',
  panels: [
    {
      title: 'Requests by code',
      description: 'What the operator asks of the API server.',
      kind: 'series',
      unit: 'reqps',
      queries: [
        {
          expr: `sum by (code) (rate(rest_client_requests_total${RATE}) ${OURS})`,
          legend: '{{code}}',
        },
      ],
    },
    {
      title: 'Time of a request',
      description: '99th percentile, by method.',
      kind: 'series',
      unit: 's',
      queries: [
        {
          expr: `histogram_quantile(0.99, sum by (verb, le) (rate(rest_client_request_duration_seconds_bucket${RATE}) ${OURS}))`,
          legend: '{{verb}}',
        },
      ],
    },
    {
      title: 'Bytes',
      description: 'Bodies sent to and received from the API server; watches are not counted.',
      kind: 'series',
      unit: 'bytes',
      queries: [
        { expr: `sum(rate(rest_client_request_size_bytes_sum${RATE}) ${OURS})`, legend: 'sent' },
        {
          expr: `sum(rate(rest_client_response_size_bytes_sum${RATE}) ${OURS})`,
          legend: 'received',
        },
      ],
    },
    {
      title: 'Requests sent again',
      description: 'After a refusal or a failure that may pass.',
      kind: 'series',
      unit: 'reqps',
      queries: [
        {
          expr: `sum(rate(rest_client_request_retries_total${RATE}) ${OURS}) or vector(0)`,
          legend: 'again',
        },
      ],
    },
  ],
};

const process: Row = {
  title: 'Process',
  panels: [
    {
      title: 'Memory',
      description: 'Resident, by process.',
      kind: 'series',
      unit: 'bytes',
      queries: [{ expr: `process_resident_memory_bytes ${OURS}`, legend: '{{instance}}' }],
    },
    {
      title: 'Processor',
      description: 'Cores in use, by process.',
      kind: 'series',
      unit: 'short',
      queries: [{ expr: `rate(process_cpu_seconds_total${RATE}) ${OURS}`, legend: '{{instance}}' }],
    },
    {
      title: 'Lag of the event loop',
      description: '99th percentile: how long work waits for the processor.',
      kind: 'series',
      unit: 's',
      queries: [{ expr: `nodejs_eventloop_lag_p99_seconds ${OURS}`, legend: '{{instance}}' }],
    },
    {
      title: 'Faults',
      description: 'Reconciles that ended by a fault of the program, and such that took too long.',
      kind: 'series',
      unit: 'ops',
      queries: [
        {
          expr: `sum(rate(controller_runtime_reconcile_panics_total{controller="mcpcluster"}${RATE}))`,
          legend: 'faults',
        },
        {
          expr: `sum(rate(controller_runtime_reconcile_timeouts_total{controller="mcpcluster"}${RATE}))`,
          legend: 'too long',
        },
      ],
    },
  ],
};

export const OPERATOR_DASHBOARD: Dashboard = {
  uid: 'mcp-operator',
  title: 'MCP / Operator',
  description: 'Whether the operator runs, what it works on, and what it asks of the API server.',
  perCluster: false,
  rows: [overview, work, api, process],
};
