/** Latencies of any number of operations in a fixed amount of memory, so that a long run does not weigh on what it measures. */

/** Steps per doubling: a value is known to within two per cent. */
const STEPS = 32;
const MICROS_MAX_LOG2 = 30;

export class Latencies {
  readonly #counts = new Float64Array(STEPS * MICROS_MAX_LOG2);
  count = 0;

  add(ms: number): void {
    const step = Math.floor(Math.log2(ms * 1000 + 1) * STEPS);
    const at = Math.min(step, this.#counts.length - 1);
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.count += 1;
  }

  /** The latency, in ms, that this share of the operations stayed below. */
  quantile(share: number): number {
    let left = share * this.count;
    for (const [step, count] of this.#counts.entries()) {
      left -= count;
      if (count > 0 && left <= 0) return (2 ** ((step + 1) / STEPS) - 1) / 1000;
    }
    return NaN;
  }
}
