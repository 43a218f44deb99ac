/** The machine's clocks and generator behind the ports of `std`. */
import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '../std/index.ts';

/** Monotonic and wall time of this process; timers keep the process alive. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};

/** The machine's cryptographic generator. */
export const systemRandom: Random = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  bytes: (length) => randomBytes(length),
};
