/** How often each of many may ask: a fixed number in each window, and a bounded number of askers remembered. */
import type { Clock } from '../../std/index.ts';

export interface RateLimitOptions {
  readonly requestsMax: number;
  readonly windowMs: number;
  /** Those that asked longest ago are forgotten first. */
  readonly podsMax: number;
}

/** Whether `key` may ask once more now. */
export function createRateLimit(
  { requestsMax, windowMs, podsMax }: RateLimitOptions,
  clock: Clock,
): (key: string) => boolean {
  const windows = new Map<string, { readonly beganAt: number; requests: number }>();
  return (key) => {
    const now = clock.monotonic();
    const known = windows.get(key);
    const isOpen = known !== undefined && now - known.beganAt < windowMs;
    const window = isOpen ? known : { beganAt: now, requests: 0 };
    window.requests += 1;
    // Last in the order of the map, which is the order of forgetting.
    windows.delete(key);
    windows.set(key, window);
    if (windows.size > podsMax) {
      for (const oldest of windows.keys()) {
        windows.delete(oldest);
        break;
      }
    }
    return window.requests <= requestsMax;
  };
}
