/** Typed metrics over prom-client: one registry per process, names declared where they are used. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;

export interface CounterMetric {
  /** Adds `value` (default 1). */
  inc(labels?: Labels, value?: number): void;
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
  /** Prometheus text exposition format, version 0.0.4. */
  exposition(): Promise<string>;
  readonly contentType: string;
}

/** A registry of its own; `processMetrics` adds Node's standard process and heap metrics. */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry });
  const known = new Map<string, Counter | Gauge | Histogram>();
  const once = <M extends Counter | Gauge | Histogram>(name: string, create: () => M): M => {
    const metric = (known.get(name) as M | undefined) ?? create();
    known.set(name, metric);
    return metric;
  };
  return {
    counter(name, help, labelNames = []) {
      const metric = once(
        name,
        () => new Counter({ name, help, labelNames: [...labelNames], registers: [registry] }),
      );
      return { inc: (labels = {}, value = 1) => metric.inc(labels, value) };
    },
    gauge(name, help, labelNames = []) {
      const metric = once(
        name,
        () => new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] }),
      );
      return {
        set: (value, labels = {}) => metric.set(labels, value),
        remove: (labels) => metric.remove(labels),
      };
    },
    histogram(
      name,
      help,
      labelNames = [],
      buckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    ) {
      const metric = once(
        name,
        () =>
          new Histogram({
            name,
            help,
            labelNames: [...labelNames],
            buckets: [...buckets],
            registers: [registry],
          }),
      );
      return { observe: (value, labels = {}) => metric.observe(labels, value) };
    },
    exposition: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
