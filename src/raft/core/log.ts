/** The log in memory: which entries there are, and how far they are written, durable, committed and applied. */
import { assert, InvariantError } from '../../std/index.ts';
import type { Entry, SnapshotMeta, WriteMark } from './types.ts';

/** Bytes an entry counts in limits: its payload only, so that the empty entry of a leader is never refused. */
export function entryBytes(entry: Entry): number {
  return entry.data.length;
}

/** This log had acknowledged an entry that is not in it: whatever the member answers from now on may contradict it. */
export class LostEntriesError extends InvariantError {
  constructor(acknowledged: number, lastIndex: number) {
    super(
      `the leader counts on entry ${acknowledged} of this disk, whose log ends at ${lastIndex}`,
    );
  }
}

/**
 * What lies at or before `base` is known only by the snapshot. Invariants: base <= committed <= lastIndex; applied <=
 * applying <= committed; stable <= written <= lastIndex. `written` has been handed to the driver, `stable` is durable.
 * While a snapshot is being installed, `applied` lies before the base.
 */
export class RaftLog {
  #base: { readonly index: number; readonly term: number };
  #entries: Entry[];
  #committed: number;
  #applying: number;
  #applied: number;
  #written: number;
  #stable: number;
  /** A snapshot that has to be installed before anything is applied. */
  #installing: { readonly meta: SnapshotMeta; handedOut: boolean } | undefined;

  /** A log whose `entries`, contiguous after the snapshot, are durable already. */
  constructor(snapshot: SnapshotMeta, entries: readonly Entry[], committed: number) {
    const { index, term } = snapshot;
    this.#base = { index, term };
    this.#entries = [...entries];
    assert(
      entries.every((entry, i) => entry.index === index + 1 + i),
      'a stored log is contiguous and follows its snapshot',
    );
    assert(committed >= index, 'what a snapshot holds is committed');
    assert(committed <= this.lastIndex, 'the stored commit index lies within the stored log');
    this.#committed = committed;
    this.#applying = index;
    this.#applied = index;
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
  /** True until the snapshot that replaced the log is installed. */
  get isInstalling(): boolean {
    return this.#installing !== undefined;
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
    if (from > to) return [];
    const start = from - this.firstIndex;
    assert(start >= 0 && to <= this.lastIndex, 'only entries that are in the log are read');
    const end = to - this.#base.index;
    if (bytesMax === Infinity) return this.#entries.slice(start, end);
    let bytes = entryBytes(this.#entries[start] as Entry);
    let stop = start + 1;
    for (; stop < end; stop++) {
      bytes += entryBytes(this.#entries[stop] as Entry);
      if (bytes > bytesMax) break;
    }
    return this.#entries.slice(start, stop);
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
   * (paper §5.3, the optimisation by terms). Term 0 where the log does not reach.
   */
  lastAtMost(index: number, term: number): { index: number; term: number } {
    for (let i = index; i > 0; i--) {
      const own = this.termAt(i);
      if (own === undefined) return { index: i, term: 0 };
      if (own <= term) return { index: i, term: own };
    }
    return { index: 0, term: 0 };
  }

  /** Raises the commit index to `index`; true when that changed it. Throws {@link LostEntriesError}. */
  commitTo(index: number): boolean {
    if (index <= this.#committed) return false;
    if (index > this.lastIndex) throw new LostEntriesError(index, this.lastIndex);
    this.#committed = index;
    return true;
  }

  hasUnwritten(): boolean {
    return this.#written < this.lastIndex;
  }

  /** Entries to write that were not handed out before; they count as handed out now. */
  takeUnwritten(): Entry[] {
    const entries = this.slice(this.#written + 1, this.lastIndex);
    this.#written = this.lastIndex;
    return entries;
  }

  /** True while entries are not known to be durable. */
  hasUnstable(): boolean {
    return this.#stable < this.lastIndex;
  }

  /** The write described by `mark` is durable; ignored when the entry was replaced meanwhile. */
  persisted(mark: WriteMark): void {
    if (mark.index > this.#stable && this.matches(mark.index, mark.entryTerm)) {
      this.#stable = Math.min(mark.index, this.#written);
    }
  }

  hasUnapplied(): boolean {
    return (
      this.#installing === undefined && this.#applying < Math.min(this.#committed, this.#stable)
    );
  }

  /** Entries that are committed and durable here and were not handed out before, at most `bytesMax` of them. */
  takeUnapplied(bytesMax: number): Entry[] {
    if (!this.hasUnapplied()) return [];
    const to = Math.min(this.#committed, this.#stable);
    const entries = this.slice(this.#applying + 1, to, bytesMax);
    this.#applying += entries.length;
    return entries;
  }

  appliedTo(index: number): void {
    assert(index >= this.#applied && index <= this.#applying, 'entries are applied in order');
    this.#applied = index;
  }

  /** True when a change of the configuration is committed and not applied. */
  hasUnappliedConfig(): boolean {
    if (this.#installing !== undefined) return false;
    return this.slice(this.#applied + 1, this.#committed).some(({ kind }) => kind === 'config');
  }

  /** Begins anew after a snapshot that is ahead of what is committed here. */
  restore(meta: SnapshotMeta): void {
    assert(meta.index > this.#committed, 'a snapshot never takes back what is committed');
    this.#base = { index: meta.index, term: meta.term };
    this.#entries = [];
    this.#committed = meta.index;
    this.#written = meta.index;
    this.#stable = meta.index;
    this.#installing = { meta, handedOut: false };
  }

  hasSnapshotToInstall(): boolean {
    return this.#installing?.handedOut === false;
  }

  /** The snapshot to install, once. */
  takeSnapshot(): SnapshotMeta | undefined {
    if (this.#installing === undefined || this.#installing.handedOut) return undefined;
    this.#installing.handedOut = true;
    return this.#installing.meta;
  }

  /** The snapshot at `index` is the state now, unless a later one has replaced it meanwhile. */
  installed(index: number): void {
    if (this.#installing?.meta.index !== index) return;
    this.#installing = undefined;
    this.#applying = index;
    this.#applied = index;
  }

  /** Forgets entries up to `through`, which the state holds already. */
  compact(through: number): void {
    assert(through <= this.#applied, 'only what is applied is forgotten');
    if (through <= this.#base.index) return;
    const term = this.termAt(through) as number;
    this.#entries = this.#entries.slice(through - this.#base.index);
    this.#base = { index: through, term };
  }
}
