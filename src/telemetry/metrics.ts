/** Typed metrics over prom-client: one registry per process, names declared where they are used. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

export interface CounterMetric {
  /** Adds `value` (default 1); 0 makes the series exist before anything is counted. */
  inc(labels?: Labels, value?: number): void;
  /** Deletes the series of these labels; call it when what they name is gone. */
  remove(labels: Labels): void;
}
export interface GaugeMetric {
  set(value: number, labels?: Labels): void;
  /** Deletes the series of these labels; call it when what they name is gone. */
  remove(labels: Labels): void;
}
export interface HistogramMetric {
  /** Records one observation in base units (seconds, bytes). */
  observe(value: number, labels?: Labels): void;
}

/** Creates metrics; asking twice for one name gives the same metric. */
export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): CounterMetric;
  gauge(name: string, help: string, labelNames?: readonly string[]): GaugeMetric;
  histogram(
    name: string,
    help: string,
    labelNames?: readonly string[],
    buckets?: readonly number[],
  ): HistogramMetric;
  /** Calls `refresh` before each exposition: for gauges of what changes all the time. Returns what ends that. */
  onExposition(refresh: () => void): () => void;
  /** Prometheus text exposition format, version 0.0.4. */
  exposition(): Promise<string>;
  readonly contentType: string;
}

export interface MetricsOptions {
  /** Adds Node's standard process and heap metrics. */
  readonly processMetrics?: boolean;
  /** Before the name of each metric but those of the process, with `_` between: what the numbers are about. */
  readonly namespace?: string;
}

/** Gauges of prom-client whose names end like those of counters, which `promtool check metrics` refuses. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** A registry of its own. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics === true) {
    collectDefaultMetrics({ register: registry });
    for (const name of MISNAMED) registry.removeSingleMetric(name);
  }
  const prefix = options.namespace === undefined ? '' : `${options.namespace}_`;
  const known = new Map<string, Counter | Gauge | Histogram>();
  const once = <M extends Counter | Gauge | Histogram>(
    name: string,
    create: (full: string) => M,
  ): M => {
    const metric = (known.get(name) as M | undefined) ?? create(prefix + name);
    known.set(name, metric);
    return metric;
  };
  const registers = [registry];
  const refreshers = new Set<() => void>();
  return {
    counter(bare, help, labelNames = []) {
      const metric = once(
        bare,
        (name) => new Counter({ name, help, labelNames: [...labelNames], registers }),
      );
      return {
        inc: (labels = {}, value = 1) => metric.inc(labels, value),
        remove: (labels) => metric.remove(labels),
      };
    },
    gauge(bare, help, labelNames = []) {
      const metric = once(
        bare,
        (name) => new Gauge({ name, help, labelNames: [...labelNames], registers }),
      );
      return {
        set: (value, labels = {}) => metric.set(labels, value),
        remove: (labels) => metric.remove(labels),
      };
    },
    histogram(
      bare,
      help,
      labelNames = [],
      buckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    ) {
      const metric = once(
        bare,
        (name) =>
          new Histogram({
            name,
            help,
            labelNames: [...labelNames],
            buckets: [...buckets],
            registers,
          }),
      );
      return { observe: (value, labels = {}) => metric.observe(labels, value) };
    },
    onExposition(refresh) {
      refreshers.add(refresh);
      return () => refreshers.delete(refresh);
    },
    exposition() {
      for (const refresh of refreshers) refresh();
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}
