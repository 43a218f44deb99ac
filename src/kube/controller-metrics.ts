/** The metrics of a controller under controller-runtime's names: stock dashboards and alerts work. */
import type { Metrics } from '../telemetry/index.ts';

type Result = 'success' | 'error' | 'requeue_after' | 'blocked';

export interface Meters {
  result(result: Result): void;
  terminal(): void;
  /** A reconcile ended by a fault of this program. */
  panicked(): void;
  timedOut(): void;
  duration(seconds: number): void;
  active(change: 1 | -1): void;
  workersMax(workers: number): void;
}

/** controller-runtime's, with the one more outcome that reconciles have here. */
const RESULTS: readonly Result[] = ['success', 'error', 'requeue_after', 'blocked'];

const RECONCILE_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1,
  1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** Every counter exists from the start, as in controller-runtime: a rate needs what it was before the first event. */
export function createMeters(options: {
  readonly name: string;
  readonly metrics: Metrics;
}): Meters {
  const { name, metrics } = options;
  const labels = { controller: name };
  const counter = (metric: string, help: string): (() => void) => {
    const series = metrics.counter(`controller_runtime_${metric}`, help, ['controller']);
    series.inc(labels, 0);
    return () => series.inc(labels);
  };
  const gauge = (metric: string, help: string) =>
    metrics.gauge(`controller_runtime_${metric}`, help, ['controller']);
  const results = metrics.counter(
    'controller_runtime_reconcile_total',
    `Reconciles by result (${RESULTS.join(', ')}).`,
    ['controller', 'result'],
  );
  for (const result of RESULTS) results.inc({ ...labels, result }, 0);
  const failed = counter('reconcile_errors_total', 'Reconciles that failed.');
  const duration = metrics.histogram(
    'controller_runtime_reconcile_time_seconds',
    'Length of time of one reconcile.',
    ['controller'],
    RECONCILE_SECONDS,
  );
  const activeWorkers = gauge('active_workers', 'Workers that are reconciling.');
  const workersMax = gauge('max_concurrent_reconciles', 'Keys reconciled at once at most.');
  let active = 0;
  activeWorkers.set(active, labels);
  return {
    result(result) {
      results.inc({ ...labels, result });
      if (result === 'error') failed();
    },
    terminal: counter('terminal_reconcile_errors_total', 'Reconciles that failed for good.'),
    panicked: counter(
      'reconcile_panics_total',
      'Reconciles that ended by a fault of this program; they are counted as errors, too.',
    ),
    timedOut: counter('reconcile_timeouts_total', 'Reconciles that took too long.'),
    duration: (seconds) => duration.observe(seconds, labels),
    active: (change) => activeWorkers.set((active += change), labels),
    workersMax: (workers) => workersMax.set(workers, labels),
  };
}
