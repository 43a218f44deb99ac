/** Runs outlier detection: its sweeps, what it tells, and the panic that ignores it. */
import type { Clock } from '../../std/index.ts';
import {
  createOutlierDetector,
  type Ejection,
  type OutlierChange,
  type OutlierRules,
} from '../core/outlier.ts';
import type { GatewayEvents } from '../events.ts';
import type { GatewayMetrics } from '../metrics.ts';

export interface Outliers {
  record(node: string, ok: boolean): void;
  /** The pod was not ready and is again, as Envoy returns a host whose active health check passes. */
  pardon(node: string): void;
  isEjected(node: string): boolean;
  /** True when so few of the ready pods are not ejected that ejections are ignored: they would take the rest down. */
  panics(ready: readonly string[]): boolean;
  ejections(): readonly Ejection[];
  start(): void;
  stop(): void;
}

export interface OutliersOptions {
  readonly rules: () => OutlierRules & {
    readonly intervalMs: number;
    readonly panicThresholdPercent: number;
  };
  readonly nodes: () => ReadonlySet<string>;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly events: GatewayEvents;
  readonly changed: () => void;
}

export function createOutliers(options: OutliersOptions): Outliers {
  const { clock, metrics, events } = options;
  const detector = createOutlierDetector(options.rules);
  let cancel = (): void => undefined;

  const take = (changes: readonly OutlierChange[]): void => {
    for (const change of changes) {
      const { node } = change;
      if (change.type === 'ejected') {
        metrics.ejections.inc({ reason: change.reason });
        metrics.podEjected.set(1, { peer: node });
        events.emit({ type: 'pod-ejected', id: node, reason: change.reason });
      } else {
        if (options.nodes().has(node)) metrics.podEjected.set(0, { peer: node });
        else metrics.podEjected.remove({ peer: node });
        events.emit({ type: 'pod-returned', id: node });
      }
    }
    if (changes.length > 0) options.changed();
  };
  const schedule = (): void => {
    cancel = clock.schedule(options.rules().intervalMs, () => {
      take(detector.sweep(options.nodes(), clock.monotonic()));
      schedule();
    });
  };
  return {
    record: (node, ok) => take(detector.record(node, ok, clock.monotonic())),
    pardon: (node) => take(detector.pardon(node)),
    isEjected: (node) => detector.ejected.has(node),
    panics(ready) {
      const well = ready.filter((node) => !detector.ejected.has(node));
      return 100 * well.length < options.rules().panicThresholdPercent * ready.length;
    },
    ejections: () => [...detector.ejected.values()],
    start: schedule,
    stop: () => cancel(),
  };
}
