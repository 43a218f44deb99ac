/**
 * A disk at the level of writes, which are frames with a checksum: kept in order, forgotten by a crash from any of them on
 * unless flushed (a torn one does not survive, as its checksum tells), slow, stalled, failing, or damaged.
 */
import type { Entry, HardState, SnapshotMeta, StoredState } from '../../src/raft/core/index.ts';
import type { Random } from '../../src/std/index.ts';
import { LogMirror } from './log-mirror.ts';
import type { MachineState } from './machine.ts';

export type DiskRecord =
  | { readonly type: 'hard-state'; readonly hardState: HardState }
  | { readonly type: 'snapshot'; readonly meta: SnapshotMeta }
  | { readonly type: 'entry'; readonly entry: Entry };

export interface SnapshotFile {
  readonly meta: SnapshotMeta;
  readonly state: MachineState;
}

interface Write {
  readonly records: readonly DiskRecord[];
  /** Undefined for what need not be flushed. */
  readonly at: number | undefined;
  readonly done: () => void;
}

export interface DiskPorts {
  readonly now: () => number;
  /** Calls back once the flush is over. */
  flush(finish: () => void): void;
  /** A term or vote became durable. */
  persisted(before: HardState, after: HardState): void;
}

export class Disk {
  readonly log = new LogMirror();
  hardState: HardState;
  /** The latest snapshot; the log may reach back behind it. */
  snapshot: SnapshotFile;
  /** Received from a leader, and not yet in force. */
  readonly #received = new Map<number, SnapshotFile>();
  readonly #ports: DiskPorts;
  #queue: Write[] = [];
  #flushing: Write[] = [];
  /** Grows with every start of the process that writes. */
  #life = 0;
  damaged = false;

  constructor(stored: StoredState, state: MachineState, ports: DiskPorts) {
    this.hardState = stored.hardState;
    this.snapshot = { meta: stored.snapshot, state };
    this.log.reset(stored.snapshot.index, stored.snapshot.term, stored.entries);
    this.#ports = ports;
  }

  /** True when nothing waits to be written. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#flushing.length === 0;
  }

  /** How long the oldest write has been waiting. */
  get oldestWriteAgeMs(): number {
    const urgent = [...this.#flushing, ...this.#queue].find(({ at }) => at !== undefined);
    return this.#ports.now() - (urgent?.at ?? this.#ports.now());
  }

  /** What a process that starts now finds. */
  load(): StoredState {
    const { meta } = this.snapshot;
    const last = Math.max(this.log.last, meta.index);
    const commit = Math.max(Math.min(this.hardState.commit, last), meta.index);
    return {
      hardState: { ...this.hardState, commit },
      snapshot: meta,
      entries: this.log.entries.filter(({ index }) => index > meta.index),
    };
  }

  /** Queues records; `done` is called when they and all before them are durable. */
  write(records: readonly DiskRecord[], flush: boolean, done: () => void): void {
    this.#queue.push({ records, at: flush ? this.#ports.now() : undefined, done });
    if (flush) this.#startFlush();
  }

  #startFlush(): void {
    if (this.#flushing.length > 0 || this.#queue.length === 0) return;
    this.#flushing = this.#queue;
    this.#queue = [];
    const life = this.#life;
    this.#ports.flush(() => {
      if (life === this.#life) this.#flushed();
    });
  }

  #flushed(): void {
    const written = this.#flushing;
    this.#flushing = [];
    for (const { records } of written) for (const record of records) this.#persist(record);
    const life = this.#life;
    for (const { done } of written) if (life === this.#life) done();
    if (life === this.#life) this.#startFlush();
  }

  /** The process or the power is gone: a part of what was not flushed is there, up to some write. */
  crash(random: Random): void {
    const waiting = [...this.#flushing, ...this.#queue];
    const keep = Math.floor(random.next() * (waiting.length + 1));
    for (const { records } of waiting.slice(0, keep)) {
      for (const record of records) this.#persist(record);
    }
    this.#flushing = [];
    this.#queue = [];
    this.#received.clear();
    this.#life += 1;
  }

  /** A snapshot came from the leader: whole, verified, and durable, but not yet in force. */
  receive(file: SnapshotFile): void {
    this.#received.set(file.meta.index, file);
  }

  /** The index up to which snapshots stand for the log, in force or about to be. */
  get snapshotIndex(): number {
    return Math.max(this.snapshot.meta.index, ...this.#received.keys());
  }

  /** The file of a snapshot that is here, if it is. */
  file(index: number): SnapshotFile | undefined {
    return this.snapshot.meta.index === index ? this.snapshot : this.#received.get(index);
  }

  /** An own snapshot is durable. */
  keep(file: SnapshotFile): void {
    if (file.meta.index > this.snapshot.meta.index) this.snapshot = file;
  }

  /** Entries up to `through` are not needed any more. */
  compact(through: number): void {
    this.log.compact(through);
  }

  /** True when the entry is here, or a snapshot that stands for it. */
  holds(index: number, term: number): boolean {
    return index <= this.snapshot.meta.index || this.log.termAt(index) === term;
  }

  #persist(record: DiskRecord): void {
    switch (record.type) {
      case 'entry':
        if (record.entry.index > this.log.last + 1) throw new Error('a hole in the log on disk');
        this.log.append(record.entry);
        return;
      case 'hard-state': {
        const before = this.hardState;
        this.hardState = record.hardState;
        this.#ports.persisted(before, record.hardState);
        return;
      }
      case 'snapshot': {
        const file = this.file(record.meta.index);
        if (file === undefined) throw new Error(`no file for snapshot ${record.meta.index}`);
        this.snapshot = file;
        for (const index of this.#received.keys()) {
          if (index <= record.meta.index) this.#received.delete(index);
        }
        this.log.reset(record.meta.index, record.meta.term);
        return;
      }
    }
  }
}
