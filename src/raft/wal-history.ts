/** Puts the records of a log back together: term and vote, what the log follows, and its entries. */
import { isDeepStrictEqual } from 'node:util';
import { emptyState, type Entry, type HardState, type StoredState } from './core/index.ts';
import { WalError } from './errors.ts';
import {
  FORMAT_VERSION,
  type Base,
  type DiskIdentity,
  type Preamble,
  type SnapshotRecord,
  type WalRecord,
} from './wal-frames.ts';

export function corrupt(what: string): WalError {
  return new WalError('corrupt', `the write-ahead log is damaged: ${what}`);
}

/** What the end of a log looks like: enough to begin a new segment. */
export interface Tail {
  base: Base;
  hardState: HardState;
  lastIndex: number;
}

export class LogHistory {
  readonly #identity: DiskIdentity;
  #base: Base = { kind: 'empty', meta: emptyState().snapshot };
  #hard: HardState = emptyState().hardState;
  /** The entries after `#floor`. Those between the base and the floor were in segments that are gone. */
  #floor = 0;
  #entries: Entry[] = [];

  constructor(identity: DiskIdentity) {
    this.#identity = identity;
  }

  /** Takes the next record; `where` names it in errors. */
  take(record: WalRecord, where: string): void {
    switch (record.type) {
      case 'preamble':
      case 'sealed':
        return;
      case 'hard-state':
        if (record.hardState.term < this.#hard.term) throw corrupt(`${where}: the term goes back`);
        this.#hard = record.hardState;
        return;
      case 'snapshot':
        return this.#takeSnapshot(record.snapshot, where);
      case 'entry':
        return this.#takeEntry(record.entry, where);
    }
  }

  /** The beginning of a segment: it must follow the one before, which ends at `previousEnd` (undefined for the first). */
  takePreamble(preamble: Preamble, previousEnd: number | undefined, where: string): void {
    const { version, identity, base, hardState, lastIndex } = preamble;
    if (version !== FORMAT_VERSION) {
      throw new WalError('format', `${where} has format ${version}, not ${FORMAT_VERSION}`);
    }
    if (!isDeepStrictEqual(identity, this.#identity)) {
      throw new WalError('foreign', `${where} belongs to ${identity.nodeId} (${identity.diskId})`);
    }
    // As JSON leaves them: without what is undefined.
    const hard = { term: hardState.term, vote: hardState.vote, commit: hardState.commit };
    if (previousEnd === undefined) {
      this.#base = base;
      this.#hard = hard;
      this.#floor = lastIndex;
      return;
    }
    const isNext =
      preamble.previousEnd === previousEnd &&
      lastIndex === this.#lastIndex() &&
      base.meta.index === this.#base.meta.index &&
      isDeepStrictEqual(hard, this.#hard);
    if (!isNext) throw corrupt(`${where}: the segment before it lacks its end`);
  }

  tail(): Tail {
    return { base: this.#base, hardState: this.#hard, lastIndex: this.#lastIndex() };
  }

  /** What was on disk; rejects a log whose beginning is missing. */
  stored(): StoredState {
    const { meta } = this.#base;
    if (this.#floor > meta.index) {
      const range = `${meta.index + 1} to ${this.#floor}`;
      throw new WalError('hole', `the segments with the entries ${range} are missing`);
    }
    const { term, vote, commit } = this.#hard;
    return {
      hardState: {
        term,
        vote,
        commit: Math.max(meta.index, Math.min(commit, this.#lastIndex())),
      },
      snapshot: meta,
      entries: this.#entries,
    };
  }

  #lastIndex(): number {
    return this.#floor + this.#entries.length;
  }

  #takeSnapshot({ effect, meta }: SnapshotRecord, where: string): void {
    if (effect === 'mark' && meta.index <= this.#base.meta.index) return;
    if (effect === 'install') {
      this.#entries = [];
      this.#floor = meta.index;
    } else {
      if (meta.index > this.#lastIndex()) throw corrupt(`${where}: a snapshot of missing entries`);
      const last = this.#entries[meta.index - this.#floor - 1];
      if (last !== undefined && last.term !== meta.term)
        throw corrupt(`${where}: a snapshot of another log`);
      this.#entries.splice(0, Math.max(0, meta.index - this.#floor));
      this.#floor = Math.max(this.#floor, meta.index);
    }
    this.#base = { kind: 'snapshot', meta };
  }

  #takeEntry(entry: Entry, where: string): void {
    if (entry.index > this.#lastIndex() + 1) throw corrupt(`${where}: an entry is missing`);
    if (entry.index <= this.#base.meta.index)
      throw corrupt(`${where}: an entry of the past that the snapshot ended`);
    // An entry that is written again replaces the old one and all after it, as it did in memory.
    this.#entries.length = Math.max(0, entry.index - this.#floor - 1);
    this.#floor = Math.min(this.#floor, entry.index - 1);
    this.#entries.push(entry);
  }
}
