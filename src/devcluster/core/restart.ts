/** When a container that ended is started again. */

/** The first restart comes at once, later ones after 10 s, 20 s, … up to 5 minutes (the kubelet's rule). */
const RESTART_DELAY_FIRST_MS = 10_000;
const RESTART_DELAY_MAX_MS = 300_000;
/** A container that ran this long is forgiven its past. */
const RESTART_RESET_MS = 600_000;

export interface RestartHistory {
  /** Restarts since the last reset. */
  readonly failures: number;
}

/** The wait before the next start in ms, and the history to remember; `ranMs` is how long the last run lasted. */
export function nextRestart(
  history: RestartHistory,
  ranMs: number,
): { readonly delayMs: number; readonly history: RestartHistory } {
  const failures = ranMs >= RESTART_RESET_MS ? 0 : history.failures;
  const delayMs =
    failures === 0
      ? 0
      : Math.min(RESTART_DELAY_MAX_MS, RESTART_DELAY_FIRST_MS * 2 ** Math.min(failures - 1, 20));
  return { delayMs, history: { failures: failures + 1 } };
}

/** Whether a container of the main group starts again after `exitCode`. */
export function restartsAfter(
  policy: 'Always' | 'OnFailure' | 'Never' | undefined,
  exitCode: number,
): boolean {
  return policy === 'Never' ? false : policy === 'OnFailure' ? exitCode !== 0 : true;
}
