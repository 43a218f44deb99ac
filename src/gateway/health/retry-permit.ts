/** A place among the retries for a request that is sent again: waited for, as failing it early would only lose it. */
import { createBackoff, delay, type Clock, type Random } from '../../std/index.ts';
import type { RetryBudget } from '../core/retry-budget.ts';

export interface RetryPermitOptions {
  readonly budget: Pick<RetryBudget, 'tryRetry'>;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The function that gives the place back, or undefined when there was none until `deadlineMs` (on the monotonic clock). Rejects
 * when `signal` aborts.
 */
export async function waitForRetry(
  { budget, clock, random }: RetryPermitOptions,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<(() => void) | undefined> {
  const backoff = createBackoff({ initialMs: 5, maxMs: 50 }, random);
  for (;;) {
    const release = budget.tryRetry();
    if (release !== undefined || clock.monotonic() >= deadlineMs) return release;
    await delay(clock, backoff.next(), signal);
  }
}
