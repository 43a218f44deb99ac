/** The machine's clock, made to go faster for a while: hours of an operator at rest in seconds. */
import { systemClock } from '../../src/host/index.ts';
import type { CancelTimer, Clock } from '../../src/std/index.ts';

export interface FastClock extends Clock {
  /** From now on so many times as fast as the machine's, timers that run included. */
  setSpeed(speed: number): void;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
  cancel: CancelTimer;
}

export function createFastClock(): FastClock {
  const timers = new Set<Timer>();
  const wallBase = systemClock.wall() - systemClock.monotonic();
  let speed = 1;
  let since = systemClock.monotonic();
  let before = since;
  const now = (): number => before + (systemClock.monotonic() - since) * speed;
  const arm = (timer: Timer): void => {
    timer.cancel = systemClock.schedule((timer.at - now()) / speed, () => {
      timers.delete(timer);
      timer.callback();
    });
  };
  return {
    monotonic: now,
    wall: () => wallBase + now(),
    schedule(delayMs, callback) {
      const timer: Timer = { at: now() + Math.max(0, delayMs), callback, cancel: () => undefined };
      timers.add(timer);
      arm(timer);
      return () => {
        timers.delete(timer);
        timer.cancel();
      };
    },
    setSpeed(next) {
      [before, since] = [now(), systemClock.monotonic()];
      speed = next;
      for (const timer of timers) {
        timer.cancel();
        arm(timer);
      }
    },
  };
}
