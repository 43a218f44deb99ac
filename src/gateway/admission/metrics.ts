/** Metrics of admission. Labels are names of policies, which the resource bounds; never a session, tenant or tool. */
import type {
  CounterMetric,
  GaugeMetric,
  HistogramMetric,
  Metrics,
} from '../../telemetry/index.ts';

export interface AdmissionMetrics {
  readonly inUse: GaugeMetric;
  readonly queued: GaugeMetric;
  readonly compartments: GaugeMetric;
  readonly rejected: CounterMetric;
  readonly wait: HistogramMetric;
  readonly heldBack: CounterMetric;
  readonly rateAdmitted: CounterMetric;
  readonly rateRejected: CounterMetric;
  readonly rateKeys: GaugeMetric;
  readonly rateExchanges: CounterMetric;
  readonly expired: CounterMetric;
  readonly serverCpu: GaugeMetric;
  readonly serverMemory: GaugeMetric;
}

export function createAdmissionMetrics(metrics: Metrics): AdmissionMetrics {
  const bulkhead = ['bulkhead'];
  const limit = ['limit'];
  return {
    inUse: metrics.gauge('gateway_bulkhead_in_use', 'Requests inside a bulkhead', bulkhead),
    queued: metrics.gauge('gateway_bulkhead_queued', 'Requests waiting for a place', bulkhead),
    compartments: metrics.gauge(
      'gateway_bulkhead_compartments',
      'Compartments of a bulkhead that are kept',
      bulkhead,
    ),
    rejected: metrics.counter(
      'gateway_bulkhead_rejected_total',
      'Requests a bulkhead rejected: full, wait (too long), shed (for a newer one), compartments (too many), usage (of the server)',
      ['bulkhead', 'reason'],
    ),
    wait: metrics.histogram(
      'gateway_bulkhead_wait_seconds',
      'Time until a request that had to wait entered a bulkhead',
      bulkhead,
    ),
    heldBack: metrics.counter(
      'gateway_bulkhead_held_back_seconds_total',
      'Time that answers were held back by a quota of bytes per second',
      bulkhead,
    ),
    rateAdmitted: metrics.counter(
      'gateway_rate_admitted_total',
      'Requests a rate limit let pass',
      limit,
    ),
    rateRejected: metrics.counter(
      'gateway_rate_rejected_total',
      'Requests over a rate limit',
      limit,
    ),
    rateKeys: metrics.gauge('gateway_rate_keys', 'Counters that a rate limit keeps here', limit),
    rateExchanges: metrics.counter(
      'gateway_rate_exchanges_total',
      'Exchanges with another pod about rate limits, by outcome',
      ['outcome'],
    ),
    expired: metrics.counter(
      'gateway_requests_expired_total',
      'Requests that took longer than they may',
    ),
    serverCpu: metrics.gauge('gateway_server_cpu_cores', 'Cores the MCP server of this pod uses'),
    serverMemory: metrics.gauge(
      'gateway_server_memory_bytes',
      'Memory the MCP server of this pod uses',
    ),
  };
}
