/** Timers of any length, out of timers whose length is limited. */
import type { CancelTimer } from '../std/index.ts';

/** Node counts a timer in 31 bits; a longer one would fire at once. Source: HTML standard, "timers"; Node's `setTimeout`. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** Starts a timer of at most {@link TIMER_MS_MAX}. */
export type StartTimer = (delayMs: number, callback: () => void) => CancelTimer;

/** Runs `callback` after `delayMs`, by as many timers in a row as that takes; `Infinity` is never over. */
export function startLongTimer(
  start: StartTimer,
  delayMs: number,
  callback: () => void,
): CancelTimer {
  if (delayMs <= TIMER_MS_MAX) return start(Math.max(0, delayMs), callback);
  let cancel = start(TIMER_MS_MAX, () => {
    cancel = startLongTimer(start, delayMs - TIMER_MS_MAX, callback);
  });
  return () => cancel();
}
