/**
 * Those who wait for a place: first in, first out, or by adaptive LIFO with controlled delay (B. Maurer, "Fail at Scale",
 * ACM Queue 13/8, 2015). In overload the newest goes first, as its client still listens, and whoever comes then may wait
 * only a twentieth of the usual time. Overload: the line has not been empty for as long as one may usually wait.
 */

/** Facebook's 100 ms to 5 ms. */
const OVERLOAD_DIVISOR = 20;

export interface LineRules {
  readonly order: 'FIFO' | 'AdaptiveLIFO';
  readonly maxQueue: number;
  readonly maxWaitMs: number;
}

/** Whoever waits; an object of its own for each. */
export type Waiting = object;

export type Joined =
  /** It waits, and no longer than that; whoever it took the place of must go. */
  | { readonly type: 'waits'; readonly waitMs: number; readonly instead?: Waiting }
  | { readonly type: 'full' };

export class WaitingLine {
  readonly #rules: () => LineRules;
  /** In the order they came; undefined where somebody left. */
  #places: (Waiting | undefined)[] = [];
  readonly #index = new Map<Waiting, number>();
  #head = 0;
  #notEmptySince: number | undefined;

  constructor(rules: () => LineRules) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#index.size;
  }

  overloaded(now: number): boolean {
    const { order, maxWaitMs } = this.#rules();
    const since = this.#notEmptySince;
    return order === 'AdaptiveLIFO' && since !== undefined && now - since > maxWaitMs;
  }

  join(now: number, waiting: Waiting): Joined {
    const { maxQueue, maxWaitMs } = this.#rules();
    const overloaded = this.overloaded(now);
    let instead: Waiting | undefined;
    if (this.#index.size >= maxQueue) {
      // The oldest is the least likely to be served in time.
      instead = overloaded ? this.#oldest() : undefined;
      if (instead === undefined) return { type: 'full' };
      this.leave(instead);
    }
    this.#notEmptySince ??= now;
    this.#index.set(waiting, this.#places.length);
    this.#places.push(waiting);
    const waitMs = overloaded ? maxWaitMs / OVERLOAD_DIVISOR : maxWaitMs;
    return { type: 'waits', waitMs, ...(instead === undefined ? {} : { instead }) };
  }

  /** Whose turn it is; out of the line with that. */
  next(now: number): Waiting | undefined {
    const next = this.overloaded(now) ? this.#newest() : this.#oldest();
    if (next !== undefined) this.leave(next);
    return next;
  }

  /** False when it was not in the line. */
  leave(waiting: Waiting): boolean {
    const index = this.#index.get(waiting);
    if (index === undefined) return false;
    this.#index.delete(waiting);
    this.#places[index] = undefined;
    if (this.#index.size === 0) {
      this.#places = [];
      this.#head = 0;
      this.#notEmptySince = undefined;
    } else this.#compact();
    return true;
  }

  #oldest(): Waiting | undefined {
    while (this.#head < this.#places.length && this.#places[this.#head] === undefined)
      this.#head += 1;
    return this.#places[this.#head];
  }

  #newest(): Waiting | undefined {
    while (this.#places.length > 0 && this.#places.at(-1) === undefined) this.#places.pop();
    return this.#places.at(-1);
  }

  /** Holes cost memory: they go when they are the greater part. */
  #compact(): void {
    if (this.#places.length < 64 || this.#places.length < 2 * this.#index.size) return;
    const kept = this.#places.filter((waiting) => waiting !== undefined);
    this.#places = kept;
    this.#head = 0;
    for (const [index, waiting] of kept.entries()) this.#index.set(waiting, index);
  }
}
