/** The log in memory: which entries there are, and how far they are written, durable, committed and applied. */
import { assert } from '../../std/index.ts';
import type { Entry, WriteMark } from './types.ts';

/** Bytes an entry counts in limits: its payload only, so that the empty entry of a leader is never refused. */
export function entryBytes(entry: Entry): number {
  return entry.data.length;
}

/**
 * Invariants: base <= applied <= applying <= committed <= lastIndex; stable <= written <= lastIndex.
 * `written` has been handed to the driver, `stable` is known to be durable.
 */
export class RaftLog {
  /** The entry before the first one kept; what lies before it is no longer here. */
  readonly #base: { readonly index: number; readonly term: number };
  #entries: Entry[] = [];
  #committed: number;
  #applying: number;
  #applied: number;
  #written: number;
  #stable: number;

  /** A log whose `entries` (contiguous, from index 1) are durable already. */
  constructor(entries: readonly Entry[], committed: number) {
    this.#base = { index: 0, term: 0 };
    this.#entries = [...entries];
    assert(
      entries.every((entry, i) => entry.index === i + 1),
      'a stored log is contiguous',
    );
    assert(committed <= this.lastIndex, 'the stored commit index lies within the stored log');
    this.#committed = committed;
    this.#applying = 0;
    this.#applied = 0;
    this.#written = this.lastIndex;
    this.#stable = this.lastIndex;
  }

  get firstIndex(): number {
    return this.#base.index + 1;
  }
  get lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }
  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#base.term;
  }
  get committed(): number {
    return this.#committed;
  }
  get applied(): number {
    return this.#applied;
  }
  get stable(): number {
    return this.#stable;
  }

  /** The term of the entry at `index`, or undefined when it is not here. */
  termAt(index: number): number | undefined {
    if (index === this.#base.index) return this.#base.term;
    return this.#entries[index - this.firstIndex]?.term;
  }

  matches(index: number, term: number): boolean {
    return this.termAt(index) === term;
  }

  /** True when a log that ends with (index, term) is at least as complete as this one (paper §5.4.1). */
  isUpToDate(index: number, term: number): boolean {
    return term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex);
  }

  /** Entries from `from` to `to`, both included, at most `bytesMax` of them but at least one. */
  slice(from: number, to: number, bytesMax = Infinity): Entry[] {
    const result: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= to; index++) {
      const entry = this.#entries[index - this.firstIndex];
      assert(entry !== undefined, 'only entries that are in the log are read');
      bytes += entryBytes(entry);
      if (result.length > 0 && bytes > bytesMax) break;
      result.push(entry);
    }
    return result;
  }

  /** Appends entries that a leader created. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      assert(entry.index === this.lastIndex + 1, 'a leader only appends at its end');
      this.#entries.push(entry);
    }
  }

  /**
   * A leader's append: when (prevIndex, prevTerm) is in the log, stores what is new, cutting off only what really
   * conflicts, and returns the last index now known to match; otherwise changes nothing and returns undefined.
   */
  tryAppend(prevIndex: number, prevTerm: number, entries: readonly Entry[]): number | undefined {
    if (!this.matches(prevIndex, prevTerm)) return undefined;
    const firstNew = entries.findIndex((entry) => !this.matches(entry.index, entry.term));
    if (firstNew >= 0) this.#replaceFrom(entries.slice(firstNew));
    return prevIndex + entries.length;
  }

  #replaceFrom(entries: readonly Entry[]): void {
    const first = (entries[0] as Entry).index;
    assert(first > this.#committed, 'a committed entry is never replaced');
    this.#entries.length = first - this.firstIndex;
    this.#written = Math.min(this.#written, first - 1);
    this.#stable = Math.min(this.#stable, first - 1);
    for (const entry of entries) {
      assert(entry.index === this.lastIndex + 1, 'the entries of a message are contiguous');
      this.#entries.push(entry);
    }
  }

  /**
   * The largest index <= `index` whose term is <= `term`, and that term: on a rejection neither side can match beyond it
   * (paper §5.3, the optimisation by terms).
   */
  lastAtMost(index: number, term: number): { index: number; term: number } {
    let i = Math.min(index, this.lastIndex);
    while (i > this.#base.index && (this.termAt(i) as number) > term) i -= 1;
    return { index: i, term: this.termAt(i) ?? 0 };
  }

  /** Raises the commit index to `index`; true when that changed it. */
  commitTo(index: number): boolean {
    if (index <= this.#committed) return false;
    assert(index <= this.lastIndex, 'what is committed is in the log: was the data folder lost?');
    this.#committed = index;
    return true;
  }

  hasUnwritten(): boolean {
    return this.#written < this.lastIndex;
  }

  /** Entries to write that were not handed out before; they count as handed out now. */
  takeUnwritten(): Entry[] {
    if (!this.hasUnwritten()) return [];
    const entries = this.slice(this.#written + 1, this.lastIndex);
    this.#written = this.lastIndex;
    return entries;
  }

  /** The write described by `mark` is durable; ignored when the entry was replaced meanwhile. */
  persisted(mark: WriteMark): void {
    if (mark.index > this.#stable && this.matches(mark.index, mark.entryTerm)) {
      this.#stable = Math.min(mark.index, this.#written);
    }
  }

  hasUnapplied(): boolean {
    return this.#applying < Math.min(this.#committed, this.#stable);
  }

  /** Entries that are committed and durable here and were not handed out before. */
  takeUnapplied(): Entry[] {
    if (!this.hasUnapplied()) return [];
    const to = Math.min(this.#committed, this.#stable);
    const entries = this.slice(this.#applying + 1, to);
    this.#applying = to;
    return entries;
  }

  appliedTo(index: number): void {
    assert(index >= this.#applied && index <= this.#applying, 'entries are applied in order');
    this.#applied = index;
  }
}
