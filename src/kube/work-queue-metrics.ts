/** The metrics of a work queue under client-go's names, with the labels of controller-runtime: stock dashboards work. */
import type { Clock } from '../std/index.ts';
import type { Metrics } from '../telemetry/index.ts';

export interface QueueMeters {
  added(): void;
  retried(): void;
  refused(): void;
  depth(keys: number): void;
  taken(waitedSeconds: number): void;
  worked(seconds: number): void;
  /** Nothing is measured of keys in work any more. */
  stop(): void;
}

/** client-go's: powers of ten from 10 ns on. */
const SECONDS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000];

/** `startedAt`: when the work on each key in work began, on the monotonic clock; asked when the metrics are. */
export function createQueueMeters(
  options: { readonly name: string; readonly metrics: Metrics; readonly clock: Clock },
  startedAt: () => Iterable<number>,
): QueueMeters {
  const { name, metrics, clock } = options;
  const labels = { name, controller: name };
  const labelNames = Object.keys(labels);
  const counter = (metric: string, help: string): (() => void) => {
    const series = metrics.counter(`workqueue_${metric}`, help, labelNames);
    series.inc(labels, 0);
    return () => series.inc(labels);
  };
  const gauge = (metric: string, help: string): ((value: number) => void) => {
    const series = metrics.gauge(`workqueue_${metric}`, help, labelNames);
    series.set(0, labels);
    return (value) => series.set(value, labels);
  };
  const histogram = (metric: string, help: string): ((seconds: number) => void) => {
    const series = metrics.histogram(`workqueue_${metric}`, help, labelNames, SECONDS);
    return (seconds) => series.observe(seconds, labels);
  };
  const unfinished = gauge(
    'unfinished_work_seconds',
    'Seconds of work that is under way and not yet in work_duration; large values indicate stuck workers.',
  );
  const longest = gauge(
    'longest_running_processor_seconds',
    'How long the longest of the keys in work has been worked on.',
  );
  const stop = metrics.onExposition(() => {
    const now = clock.monotonic();
    const seconds = Array.from(startedAt(), (since) => (now - since) / 1000);
    unfinished(seconds.reduce((sum, each) => sum + each, 0));
    longest(Math.max(0, ...seconds));
  });
  return {
    added: counter('adds_total', 'Keys added to the work queue.'),
    retried: counter('retries_total', 'Keys added again with back-off.'),
    refused: counter('refused_total', 'Keys refused because the work queue was full.'),
    depth: gauge('depth', 'Keys waiting in the work queue.'),
    taken: histogram('queue_duration_seconds', 'Time a key waited in the work queue.'),
    worked: histogram('work_duration_seconds', 'Time the work on a key took.'),
    stop,
  };
}
