/** The machine's clocks and generator behind the ports of `std`. */
import { randomFillSync } from 'node:crypto';
import type { CancelTimer, Clock, Random } from '../std/index.ts';
import { startLongTimer } from './long-timer.ts';

/** Monotonic and wall time of this process; timers keep the process alive. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  schedule: (delayMs, callback) => startLongTimer(startTimer, delayMs, callback),
};

function startTimer(delayMs: number, callback: () => void): CancelTimer {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}

/** Chance is fetched in advance: each call to the generator takes longer than all else that is done with a few bytes. */
const POOL_BYTES = 4_096;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/** `length` bytes that nobody gets again. */
function randomBytes(length: number): Buffer {
  if (length > POOL_BYTES) return randomFillSync(Buffer.alloc(length));
  if (used + length > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Buffer.from(pool.subarray(used, used + length));
  // What became an id or a key does not stay in memory here.
  pool.fill(0, used, used + length);
  used += length;
  return bytes;
}

/** The machine's cryptographic generator. */
export const systemRandom: Random = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  bytes: randomBytes,
};
