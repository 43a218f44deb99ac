/** Runs the probes of one running container until it ends. */
import { delay, type Clock } from '../../std/index.ts';
import { afterProbe, initialProbeState, type Probe } from '../core/index.ts';
import { runHandler, type HandlerContext } from './handler.ts';

export interface ProberOptions {
  readonly context: HandlerContext;
  readonly clock: Clock;
  /** Aborts when the container ends. */
  readonly signal: AbortSignal;
  /** Aborts when the pod begins to end: from then on only readiness is looked at. */
  readonly stopping: AbortSignal;
  onStarted(): void;
  onReady(isReady: boolean): void;
  /** The startup or liveness probe failed for good. */
  onDead(kind: 'startup' | 'liveness', message: string): void;
  /** A single failure, for an event. */
  onUnhealthy(kind: 'Startup' | 'Readiness' | 'Liveness', message: string): void;
}

/** Startup first; only when it has succeeded (or there is none) readiness and liveness begin. */
export function startProbes(options: ProberOptions): void {
  const { startupProbe, readinessProbe, livenessProbe } = options.context.container;
  const vital = { ...options, signal: AbortSignal.any([options.signal, options.stopping]) };
  const begin = (): void => {
    options.onStarted();
    if (readinessProbe === undefined) options.onReady(true);
    else
      runProbe(options, 'Readiness', readinessProbe, startupProbe !== undefined, (verdict) => {
        options.onReady(verdict === 'success');
        return true;
      });
    if (livenessProbe !== undefined)
      runProbe(vital, 'Liveness', livenessProbe, startupProbe !== undefined, (verdict, message) => {
        if (verdict === 'failure') options.onDead('liveness', message);
        return verdict !== 'failure';
      });
  };
  if (startupProbe === undefined) return begin();
  runProbe(vital, 'Startup', startupProbe, false, (verdict, message) => {
    if (verdict === 'success') begin();
    else options.onDead('startup', message);
    return false;
  });
}

/** Calls `onVerdict` whenever the verdict turns; false from it ends the probe. */
function runProbe(
  options: ProberOptions,
  kind: 'Startup' | 'Readiness' | 'Liveness',
  probe: Probe,
  isLate: boolean,
  onVerdict: (verdict: 'success' | 'failure', message: string) => boolean,
): void {
  const { clock, signal, context } = options;
  const thresholds = { success: probe.successThreshold ?? 1, failure: probe.failureThreshold ?? 3 };
  const loop = async (): Promise<void> => {
    let state = initialProbeState('unknown');
    // After a startup probe the container's initial delay has long passed.
    if (!isLate) await delay(clock, (probe.initialDelaySeconds ?? 0) * 1000, signal);
    for (;;) {
      const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
      const result = await runHandler(probe, context, timeoutMs, signal);
      if (signal.aborted) return;
      if (!result.ok) options.onUnhealthy(kind, `${kind} probe failed: ${result.message}`);
      const before = state.verdict;
      state = afterProbe(state, result.ok, thresholds);
      if (
        state.verdict !== before &&
        state.verdict !== 'unknown' &&
        !onVerdict(state.verdict, result.message)
      )
        return;
      await delay(clock, (probe.periodSeconds ?? 10) * 1000, signal);
    }
  };
  loop().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
