/**
 * A limit of concurrent calls found by latency: Gradient2 of Netflix's concurrency-limits. The time calls take now is
 * compared with what they took over a long while; when they slow down, the limit shrinks in proportion, else it grows by
 * what a short queue holds. Its constants are kept but where the comment says why not.
 */

/** Calls may take so much longer than usual before that counts as overload. */
const TOLERANCE = 1.5;
const SMOOTHING = 0.2;
/** Samples over which the usual time is averaged; one sample is one window. */
const LONG_WINDOWS = 600;
/** A window ends after so long, when it has that many calls. */
const WINDOW_MS = 1_000;
const WINDOW_CALLS_MIN = 10;
/** Calls that may queue at the server. Netflix adds 4; a limit of three would double by that, so no more than its root. */
const QUEUE_MAX = 4;
const INITIAL_MAX = 20;

export class Gradient2 {
  #max: number;
  #limit: number;
  #usualMs: number | undefined;
  #windowSince: number;
  #calls = 0;
  #sumMs = 0;
  #busiest = 0;

  /** `max`: the limit is never above it. */
  constructor(max: number, now: number) {
    this.#max = max;
    this.#limit = Math.min(INITIAL_MAX, max);
    this.#windowSince = now;
  }

  get limit(): number {
    return Math.max(1, Math.floor(this.#limit));
  }

  setMax(max: number): void {
    this.#max = max;
    this.#limit = Math.min(this.#limit, max);
  }

  /** A call ended after `tookMs`; `inUse` calls ran with it. */
  sample(now: number, tookMs: number, inUse: number): void {
    this.#calls += 1;
    this.#sumMs += tookMs;
    this.#busiest = Math.max(this.#busiest, inUse);
    if (now - this.#windowSince < WINDOW_MS || this.#calls < WINDOW_CALLS_MIN) return;
    this.#update(this.#sumMs / this.#calls, this.#busiest);
    this.#windowSince = now;
    this.#calls = 0;
    this.#sumMs = 0;
    this.#busiest = 0;
  }

  #update(tookMs: number, busiest: number): void {
    const shortMs = Math.max(tookMs, 0.01);
    const usualMs = this.#usual(shortMs);
    // A limit that nobody reaches says nothing about the server.
    if (busiest < this.#limit / 2) return;
    const gradient = Math.max(0.5, Math.min(1, (TOLERANCE * usualMs) / shortMs));
    const queue = Math.min(QUEUE_MAX, Math.sqrt(this.#limit));
    const target = this.#limit * gradient + queue;
    const next = this.#limit * (1 - SMOOTHING) + target * SMOOTHING;
    this.#limit = Math.max(1, Math.min(this.#max, next));
  }

  #usual(shortMs: number): number {
    const before = this.#usualMs ?? shortMs;
    const next = before + (2 / (LONG_WINDOWS + 1)) * (shortMs - before);
    // After a long time of slow calls the usual time comes down quickly, or the next slowness would go unnoticed.
    this.#usualMs = next / shortMs > 2 ? next * 0.95 : next;
    return next;
  }
}
