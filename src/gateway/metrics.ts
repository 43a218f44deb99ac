/** The gateway's metrics, declared in one place. */
import type { ClaimReason } from './core/types.ts';
import type { CounterMetric, GaugeMetric, HistogramMetric, Metrics } from '../telemetry/index.ts';

export interface GatewayMetrics {
  readonly requests: CounterMetric;
  readonly duration: HistogramMetric;
  readonly forwarded: CounterMetric;
  readonly moves: CounterMetric;
  readonly moveSeconds: HistogramMetric;
  readonly retries: CounterMetric;
  readonly lost: CounterMetric;
  readonly swallowed: CounterMetric;
  readonly expired: CounterMetric;
  readonly copied: CounterMetric;
  readonly copyFailures: CounterMetric;
  readonly uncopied: CounterMetric;
  readonly copySeconds: HistogramMetric;
  readonly copiesBehind: GaugeMetric;
  readonly heldSessions: GaugeMetric;
  readonly heldBytes: GaugeMetric;
  readonly handedOver: CounterMetric;
  readonly streams: GaugeMetric;
  readonly listens: GaugeMetric;
  readonly inFlight: GaugeMetric;
  readonly live: GaugeMetric;
  readonly backendUp: GaugeMetric;
  readonly limited: CounterMetric;
  readonly hedges: CounterMetric;
  readonly ejections: CounterMetric;
  readonly podEjected: GaugeMetric;
  readonly breakerChanges: CounterMetric;
  readonly breakersOpen: GaugeMetric;
  readonly unauthorized: CounterMetric;
}

export function createGatewayMetrics(metrics: Metrics): GatewayMetrics {
  const all = { ...requestMetrics(metrics), ...sessionMetrics(metrics), ...healthMetrics(metrics) };
  for (const reason of MOVE_REASONS) {
    for (const result of ['moved', 'lost', 'failed', 'refused'])
      all.moves.inc({ reason, result }, 0);
  }
  for (const result of ['moved', 'released']) all.handedOver.inc({ result }, 0);
  for (const to of ['open', 'closed']) all.breakerChanges.inc({ to }, 0);
  return all;
}

/** These exist from the start: an increase needs what a series was before its first event. */
const MOVE_REASONS: readonly ClaimReason[] = [
  'owner-gone',
  'owner-refused',
  'owner-draining',
  'backend-lost',
];

function requestMetrics(metrics: Metrics) {
  return {
    requests: metrics.counter('gateway_requests_total', 'Requests of clients by outcome', [
      'method',
      'status',
    ]),
    duration: metrics.histogram(
      'gateway_request_duration_seconds',
      'Time until a complete answer, or until a stream was opened',
      ['method'],
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    ),
    forwarded: metrics.counter(
      'gateway_forwarded_total',
      'Requests sent to the gateway of another pod',
    ),
    moves: metrics.counter('gateway_session_moves_total', 'Sessions taken over by this pod', [
      'reason',
      'result',
    ]),
    moveSeconds: metrics.histogram(
      'gateway_session_move_seconds',
      'Time from the decision to take a session over until this pod served it',
      [],
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    ),
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
    listens: metrics.gauge('gateway_listens', 'Subscriptions (subscriptions/listen) of clients'),
    inFlight: metrics.gauge('gateway_requests_in_flight', 'Requests of clients being handled'),
    live: metrics.gauge('gateway_sessions_owned', 'Sessions this pod serves'),
    backendUp: metrics.gauge('gateway_backend_up', '1 while the MCP server of this pod answers'),
    unauthorized: metrics.counter(
      'gateway_unauthorized_total',
      'Requests refused because of who sent them, or from where',
      ['reason'],
    ),
    limited: metrics.counter('gateway_limited_total', 'Requests refused because of a limit', [
      'limit',
    ]),
  };
}

function sessionMetrics(metrics: Metrics) {
  return {
    expired: metrics.counter(
      'gateway_sessions_expired_total',
      'Sessions ended because nobody used them for the idle time-out',
    ),
    copied: metrics.counter(
      'gateway_events_copied_total',
      'Events of streams that another pod has confirmed to keep',
    ),
    uncopied: metrics.counter(
      'gateway_events_uncopied_total',
      'Events of streams too long to be kept at another pod',
    ),
    copyFailures: metrics.counter(
      'gateway_event_copy_failures_total',
      'Batches of events that another pod did not take',
    ),
    copySeconds: metrics.histogram(
      'gateway_event_copy_seconds',
      'Time until another pod had confirmed a batch of events',
      [],
      [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1],
    ),
    copiesBehind: metrics.gauge(
      'gateway_event_copies_behind',
      'Sessions with events that are not yet at every pod that shall keep them',
    ),
    heldSessions: metrics.gauge(
      'gateway_events_held_sessions',
      'Sessions of which this pod keeps events of other owners',
    ),
    heldBytes: metrics.gauge('gateway_events_held_bytes', 'Data of those events'),
    handedOver: metrics.counter(
      'gateway_sessions_handed_over_total',
      'Sessions that a draining pod gave to another',
      ['result'],
    ),
  };
}

/** Of pods as this front sees them. */
function healthMetrics(metrics: Metrics) {
  return {
    hedges: metrics.counter(
      'gateway_hedged_total',
      'Requests sent to a second pod because the first took long, by whose answer came first',
      ['winner'],
    ),
    ejections: metrics.counter(
      'gateway_ejections_total',
      'Pods that got no new work for a while because they failed more than others',
      ['reason'],
    ),
    podEjected: metrics.gauge('gateway_pod_ejected', '1 while this front gives a pod no new work', [
      'peer',
    ]),
    breakerChanges: metrics.counter(
      'gateway_breaker_changes_total',
      'Circuit breakers that opened or closed',
      ['to'],
    ),
    breakersOpen: metrics.gauge(
      'gateway_breakers_open',
      'Circuit breakers of a pod and its tools that are not closed',
      ['peer'],
    ),
  };
}
