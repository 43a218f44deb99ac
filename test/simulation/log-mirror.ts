/** The log of a member as its driver was told to write it: a prefix that a snapshot stands for, and entries after it. */
import type { Entry } from '../../src/raft/core/index.ts';

export class LogMirror {
  base = 0;
  baseTerm = 0;
  #entries: Entry[] = [];

  get last(): number {
    return this.base + this.#entries.length;
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.baseTerm;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  at(index: number): Entry | undefined {
    return this.#entries[index - this.base - 1];
  }

  /** Undefined where the log does not reach, or no more. */
  termAt(index: number): number | undefined {
    return index === this.base ? this.baseTerm : this.at(index)?.term;
  }

  /** What stands at its index and behind is replaced. */
  append(entry: Entry): void {
    this.#entries.length = Math.min(this.#entries.length, Math.max(0, entry.index - this.base - 1));
    this.#entries.push(entry);
  }

  /** The log begins anew after a snapshot. */
  reset(index: number, term: number, entries: readonly Entry[] = []): void {
    this.base = index;
    this.baseTerm = term;
    this.#entries = [...entries];
  }

  /** Forgets entries up to `index`. */
  compact(index: number): void {
    const term = this.termAt(index);
    if (index <= this.base || term === undefined) return;
    this.#entries = this.#entries.slice(index - this.base);
    this.base = index;
    this.baseTerm = term;
  }
}
