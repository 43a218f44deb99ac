/** Spaces bytes out to a rate: says of each piece when it may go, in the order of asking (virtual scheduling, as in GCRA). */

/** What may go at once after a pause: a tenth of a second of the rate. */
const BURST_MS = 100;

export class Pacer {
  #freeAt = -Infinity;

  /** Milliseconds until `bytes` may go, at `bytesPerSecond`. They count as gone. */
  delayMs(now: number, bytes: number, bytesPerSecond: number): number {
    const at = Math.max(this.#freeAt, now - BURST_MS);
    this.#freeAt = at + (bytes * 1_000) / bytesPerSecond;
    return Math.max(0, at - now);
  }
}
