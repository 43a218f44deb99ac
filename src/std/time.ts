/** Time as an argument: every clock, deadline and duration in the program has these types. */
import type { Brand } from './brand.ts';

/** A duration or an instant in milliseconds; which of the two, the name of the variable says. */
export type Millis = Brand<number, 'Millis'>;

/** Checked constructor of {@link Millis}: finite and not negative. */
export function millis(value: number): Millis {
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`not a duration in ms: ${value}`);
  return value as Millis;
}

/** Cancels the timer it was returned for; calling it twice does nothing. */
export type CancelTimer = () => void;

/** The only source of time. `host` implements it with the machine's clocks, tests with virtual time. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary origin; for durations, leases and time-outs. */
  monotonic(): number;
  /** Wall-clock milliseconds since the Unix epoch; for people and for records, never for durations. */
  wall(): number;
  /** Runs `callback` once after `delayMs` (clamped to >= 0), however long that is; never after `Infinity`. */
  schedule(delayMs: number, callback: () => void): CancelTimer;
}

/** Resolves after `delayMs` on `clock`; rejects with the signal's reason when it aborts first. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Runs `work` with a signal that aborts after `timeoutMs`, or with `outer` and its reason; settles as `work` does. Unlike
 * AbortSignal.timeout and AbortSignal.any it leaves no timer and no weak reference behind when the work is done early.
 */
export async function withinTime<T>(
  clock: Clock,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const limit = new AbortController();
  const cancel = clock.schedule(timeoutMs, () =>
    limit.abort(new Error(`not done within ${timeoutMs} ms`)),
  );
  const onAbort = (): void => limit.abort(outer?.reason);
  if (outer?.aborted === true) onAbort();
  outer?.addEventListener('abort', onAbort);
  try {
    return await work(limit.signal);
  } finally {
    cancel();
    outer?.removeEventListener('abort', onAbort);
  }
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/**
 * Parses a Go-style duration as Kubernetes users write it (`50ms`, `1.5s`, `1h30m`, `0`).
 * Returns undefined when the text is not one.
 */
export function parseDuration(text: string): Millis | undefined {
  if (text === '0') return millis(0);
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * UNITS[unit as keyof typeof UNITS];
  }
  return millis(total);
}
