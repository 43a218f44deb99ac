/** Exponential back-off with full jitter, as a value: the caller keeps it and asks for the next delay. */
import type { Random } from './random.ts';

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Multiplier per attempt; default 2. */
  readonly factor?: number;
}

export interface Backoff {
  /** The delay before the next attempt, in ms, jittered into [50 %, 100 %] of the exponential value. */
  next(): number;
  /** Forgets past failures; call it after a success. */
  reset(): void;
}

export function createBackoff(options: BackoffOptions, random: Random): Backoff {
  const factor = options.factor ?? 2;
  let attempt = 0;
  return {
    next() {
      const ceiling = Math.min(options.maxMs, options.initialMs * factor ** attempt);
      attempt += 1;
      return ceiling * (0.5 + random.next() / 2);
    },
    reset() {
      attempt = 0;
    },
  };
}
