/** How many retries may run beside the requests that run: a cluster in trouble is not given more work than it has. */

export interface RetryBudgetRules {
  /** Retries at most, as a share of the requests under way. */
  readonly percent: number;
  /** So many may run in any case. */
  readonly min: number;
}

export interface RetryBudget {
  /** Takes a place among the retries and returns the function that gives it back; undefined when all are taken. */
  tryRetry(): (() => void) | undefined;
  /** Retries under way. */
  readonly running: number;
}

/** `rules` and `requests` (under way, retries included) are read at each retry. */
export function createRetryBudget(
  rules: () => RetryBudgetRules,
  requests: () => number,
): RetryBudget {
  let running = 0;
  return {
    get running() {
      return running;
    },
    tryRetry() {
      const { percent, min } = rules();
      if (running >= Math.max(min, (percent / 100) * requests())) return undefined;
      running += 1;
      let held = true;
      return () => {
        if (held) running -= 1;
        held = false;
      };
    },
  };
}
