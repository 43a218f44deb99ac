/** Waits for a condition instead of for a time: the only way a test may wait. */
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Polls `probe` every few milliseconds until it returns something other than undefined or false, and returns that.
 * Fails after `timeoutMs` (default 10 s) with the last error of the probe, or `what`.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`gave up waiting for ${what} after ${timeoutMs} ms`, { cause: lastError });
    }
    await pause(10);
  }
}
