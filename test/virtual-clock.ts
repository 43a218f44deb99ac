/** Time that only moves when the test says so: timers run in order of their instant, promises settle in between. */
import { setImmediate as settle } from 'node:timers/promises';
import type { Clock } from '../src/std/index.ts';

export interface VirtualClock extends Clock {
  /** Moves time forward, running every timer on the way and letting promises settle after each. */
  advance(durationMs: number): Promise<void>;
  /** The same without promises, for pure code. */
  advanceSync(durationMs: number): void;
  /** Time passes and no timer runs, as when the process is stopped; the timers are late afterwards. */
  freeze(durationMs: number): void;
  /** Timers that wait. */
  readonly pending: number;
}

export function createVirtualClock(): VirtualClock {
  const timers: { at: number; run: () => void }[] = [];
  let now = 0;

  /** Takes the next timer that is due until `end`, in order of instant and then of creation. */
  const takeDue = (end: number): (() => void) | undefined => {
    let next: (typeof timers)[number] | undefined;
    for (const timer of timers) {
      if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
    }
    if (next === undefined) return undefined;
    timers.splice(timers.indexOf(next), 1);
    now = Math.max(now, next.at);
    return next.run;
  };

  return {
    monotonic: () => now,
    wall: () => 1_700_000_000_000 + now,
    schedule(delayMs, callback) {
      const timer = { at: now + Math.max(0, delayMs), run: callback };
      timers.push(timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
    async advance(durationMs) {
      const end = now + durationMs;
      await settle();
      for (let run = takeDue(end); run !== undefined; run = takeDue(end)) {
        run();
        await settle();
      }
      now = end;
    },
    advanceSync(durationMs) {
      const end = now + durationMs;
      for (let run = takeDue(end); run !== undefined; run = takeDue(end)) run();
      now = end;
    },
    freeze(durationMs) {
      now += durationMs;
    },
    get pending() {
      return timers.length;
    },
  };
}
