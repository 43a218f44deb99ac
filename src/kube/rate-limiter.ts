/** A token bucket on a Clock: bounds how many requests a second the program may send. */
import { delay, type Clock } from '../std/index.ts';

export interface RateLimiter {
  /** Resolves with the ms waited once the request may go; rejects with the signal's reason. */
  acquire(signal?: AbortSignal): Promise<number>;
}

/** `perSecond` on average, `burst` at once. Waiters are served in order of arrival. */
export function createRateLimiter(
  options: { readonly perSecond: number; readonly burst: number },
  clock: Clock,
): RateLimiter {
  const intervalMs = 1000 / options.perSecond;
  // The virtual instant at which the bucket was, or will be, full: one number holds tokens and queue.
  let fullAt = clock.monotonic();
  return {
    async acquire(signal) {
      const now = clock.monotonic();
      fullAt = Math.max(fullAt, now) + intervalMs;
      const waitMs = Math.max(0, fullAt - now - options.burst * intervalMs);
      if (waitMs > 0) await delay(clock, waitMs, signal);
      return waitMs;
    },
  };
}
