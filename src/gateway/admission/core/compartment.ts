/** One compartment of a bulkhead: places that requests hold while they run, and the line of those that wait for one. */
import { Gradient2 } from './gradient2.ts';
import { WaitingLine, type LineRules, type Waiting } from './waiting-line.ts';

export interface CompartmentRules extends LineRules {
  readonly maxConcurrent: number;
  readonly adaptive: boolean;
}

export type Entered =
  | { readonly type: 'entered' }
  | { readonly type: 'waits'; readonly waitMs: number; readonly instead?: Waiting }
  | { readonly type: 'full' };

/** Weight of the newest call in the average time a place is held. */
const NEWEST_PART = 0.1;

export class Compartment {
  readonly #rules: () => CompartmentRules;
  readonly #line: WaitingLine;
  #gradient: Gradient2 | undefined;
  #inUse = 0;
  #heldMs: number | undefined;
  #usedAt: number;

  /** The rules are read at each use: they change with the policy. */
  constructor(rules: () => CompartmentRules, now: number) {
    this.#rules = rules;
    this.#line = new WaitingLine(rules);
    this.#usedAt = now;
  }

  get inUse(): number {
    return this.#inUse;
  }
  get queued(): number {
    return this.#line.size;
  }

  limit(now: number): number {
    const { adaptive, maxConcurrent } = this.#rules();
    if (!adaptive) {
      this.#gradient = undefined;
      return maxConcurrent;
    }
    this.#gradient ??= new Gradient2(maxConcurrent, now);
    this.#gradient.setMax(maxConcurrent);
    return this.#gradient.limit;
  }

  /** Takes `count` places, or joins the line. Several at once, for a batch, are had at once or not at all. */
  enter(now: number, waiting: Waiting, count = 1): Entered {
    this.#usedAt = now;
    if (this.#line.size === 0 && this.#inUse + count <= this.limit(now)) {
      this.#inUse += count;
      return { type: 'entered' };
    }
    return count === 1 ? this.#line.join(now, waiting) : { type: 'full' };
  }

  /** Gives `count` places back that were held for `heldMs`; returns who enters now, each with one place. */
  leave(now: number, heldMs: number, count = 1): Waiting[] {
    this.#gradient?.sample(now, heldMs, this.#inUse);
    this.#inUse -= count;
    const before = this.#heldMs ?? heldMs;
    this.#heldMs = before + NEWEST_PART * (heldMs - before);
    return this.admit(now);
  }

  /** Who enters because there are places: after one left, or after the limit was raised. */
  admit(now: number): Waiting[] {
    this.#usedAt = now;
    const entering: Waiting[] = [];
    const limit = this.limit(now);
    while (this.#inUse < limit) {
      const next = this.#line.next(now);
      if (next === undefined) break;
      this.#inUse += 1;
      entering.push(next);
    }
    return entering;
  }

  /** Out of the line; false when it is not in it. */
  withdraw(waiting: Waiting): boolean {
    return this.#line.leave(waiting);
  }

  /** When a place may be had, by how long they are held; undefined as long as none was given back. */
  expectedWaitMs(now: number): number | undefined {
    if (this.#heldMs === undefined) return undefined;
    return (this.#heldMs * (this.#line.size + 1)) / this.limit(now);
  }

  /** True when nobody is in it and nobody was for `idleMs`. */
  idle(now: number, idleMs: number): boolean {
    return this.#inUse === 0 && this.#line.size === 0 && now - this.#usedAt >= idleMs;
  }
}
