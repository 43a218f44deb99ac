/** What a closed circuit breaker looks at: failures in a row, the last calls, or the calls of the last time. */

export interface WindowRules {
  readonly window: 'Consecutive' | 'Count' | 'Sampling';
  readonly failures: number;
  readonly calls: number;
  readonly windowMs: number;
  readonly failurePercent: number;
}

export interface BreakerWindow {
  /** Takes in one outcome; true when that is too many failures. */
  add(ok: boolean, nowMs: number): boolean;
}

export function createWindow(rules: WindowRules): BreakerWindow {
  return WINDOWS[rules.window](rules);
}

function consecutive({ failures }: WindowRules): BreakerWindow {
  let inARow = 0;
  return {
    add(ok) {
      inARow = ok ? 0 : inARow + 1;
      return inARow >= failures;
    },
  };
}

/** The last `calls` outcomes in a ring; says nothing before so many were seen. */
function lastCalls({ calls, failurePercent }: WindowRules): BreakerWindow {
  const failed = new Uint8Array(calls);
  let seen = 0;
  let failures = 0;
  return {
    add(ok) {
      const slot = seen % calls;
      failures += (ok ? 0 : 1) - (failed[slot] as number);
      failed[slot] = ok ? 0 : 1;
      seen += 1;
      return seen >= calls && !ok && 100 * failures >= failurePercent * calls;
    },
  };
}

/** Parts of the sampled time: what is older than the time goes a tenth at once. */
const BUCKETS = 10;

/** The outcomes of the last `windowMs`; says nothing of fewer than `calls`. */
function sampling({ calls, windowMs, failurePercent }: WindowRules): BreakerWindow {
  const lengthMs = windowMs / BUCKETS;
  const buckets = Array.from({ length: BUCKETS }, () => ({ number: -1, total: 0, failures: 0 }));
  return {
    add(ok, nowMs) {
      const number = Math.floor(nowMs / lengthMs);
      const bucket = buckets[number % BUCKETS] as (typeof buckets)[number];
      if (bucket.number !== number) Object.assign(bucket, { number, total: 0, failures: 0 });
      bucket.total += 1;
      bucket.failures += ok ? 0 : 1;
      const live = buckets.filter((each) => each.number > number - BUCKETS);
      const total = live.reduce((sum, each) => sum + each.total, 0);
      const failures = live.reduce((sum, each) => sum + each.failures, 0);
      return !ok && total >= calls && 100 * failures >= failurePercent * total;
    },
  };
}

const WINDOWS = { Consecutive: consecutive, Count: lastCalls, Sampling: sampling } as const;
