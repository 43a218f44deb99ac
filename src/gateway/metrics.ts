/** The gateway's metrics, declared in one place. */
import type { CounterMetric, GaugeMetric, HistogramMetric, Metrics } from '../telemetry/index.ts';

export interface GatewayMetrics {
  readonly requests: CounterMetric;
  readonly duration: HistogramMetric;
  readonly forwarded: CounterMetric;
  readonly moves: CounterMetric;
  readonly retries: CounterMetric;
  readonly lost: CounterMetric;
  readonly swallowed: CounterMetric;
  readonly streams: GaugeMetric;
  readonly inFlight: GaugeMetric;
  readonly live: GaugeMetric;
  readonly backendUp: GaugeMetric;
  readonly limited: CounterMetric;
}

export function createGatewayMetrics(metrics: Metrics): GatewayMetrics {
  return {
    requests: metrics.counter('gateway_requests_total', 'Requests of clients by outcome', [
      'method',
      'status',
    ]),
    duration: metrics.histogram(
      'gateway_request_duration_seconds',
      'Time until a complete answer, or until a stream was opened',
      ['method'],
    ),
    forwarded: metrics.counter(
      'gateway_forwarded_total',
      'Requests sent to the gateway of another pod',
    ),
    moves: metrics.counter('gateway_session_moves_total', 'Sessions taken over by this pod', [
      'reason',
      'result',
    ]),
    retries: metrics.counter('gateway_requests_retried_total', 'Requests sent again after a loss'),
    lost: metrics.counter(
      'gateway_requests_lost_total',
      'Requests answered with an error because they were lost and not repeatable',
    ),
    swallowed: metrics.counter(
      'gateway_late_answers_total',
      'Answers of clients to requests of a server that is gone',
    ),
    streams: metrics.gauge('gateway_streams', 'SSE streams open towards clients'),
    inFlight: metrics.gauge('gateway_requests_in_flight', 'Requests of clients being handled'),
    live: metrics.gauge('gateway_sessions_owned', 'Sessions this pod serves'),
    backendUp: metrics.gauge('gateway_backend_up', '1 while the MCP server of this pod answers'),
    limited: metrics.counter('gateway_limited_total', 'Requests refused because of a limit', [
      'limit',
    ]),
  };
}
