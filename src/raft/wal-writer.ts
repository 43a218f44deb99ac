/** Writing the log: everything that waits shares one frame and one flush, in order, and nothing goes on after a failure. */
import type { Clock } from '../std/index.ts';
import { WalError } from './errors.ts';
import { segmentName } from './wal-folder.ts';
import {
  boundOf,
  boundOfText,
  FORMAT_VERSION,
  FRAME_HEADER_BYTES,
  FrameEncoder,
  isFrameBegun,
  SEAL_BYTES,
  type DiskIdentity,
  type LogWrite,
  type Preamble,
} from './wal-frames.ts';
import type { Tail } from './wal-history.ts';
import type { OldSegment } from './wal-recovery.ts';
import type { Segment, SegmentPool } from './wal-segments.ts';

export interface WalWriterOptions {
  readonly identity: DiskIdentity;
  readonly pool: SegmentPool;
  readonly clock: Clock;
  /** Bytes gathered for one flush; a single larger write still goes through. */
  readonly frameBytesMax: number;
  readonly tail: Tail;
  readonly older: readonly OldSegment[];
  readonly current: Segment;
  readonly currentLastIndex: number;
  /** Called with the duration of each flush, in seconds. */
  readonly onFlush: (seconds: number) => void;
  readonly onFailure: (error: Error) => void;
}

interface Write {
  readonly write: LogWrite;
  readonly bytes: number;
  readonly since: number;
  readonly onDurable: () => void;
  readonly onLost: ((error: Error) => void) | undefined;
}

export class WalWriter {
  readonly #options: WalWriterOptions;
  readonly #encoder = new FrameEncoder();
  readonly #tail: Tail;
  readonly #older: OldSegment[];
  #current: Segment;
  #currentLastIndex: number;
  #queue: Write[] = [];
  #inFlight: readonly Write[] = [];
  #ended: Error | undefined;
  #running: Promise<void> | undefined;
  #neededAfter = 0;
  /** The last frame of the current segment that this process wrote. */
  readonly #last = { offset: 0, header: Buffer.alloc(FRAME_HEADER_BYTES), isWritten: false };
  #mustVerify = false;

  constructor(options: WalWriterOptions) {
    this.#options = options;
    this.#tail = { ...options.tail };
    this.#older = [...options.older];
    this.#current = options.current;
    this.#currentLastIndex = options.currentLastIndex;
  }

  /**
   * Writes after all earlier writes; `onDurable` is called when this one and all before are on disk, in order, and `onLost`
   * when that will never be known. An empty write only waits for earlier ones.
   */
  append(write: LogWrite, onDurable: () => void, onLost?: (error: Error) => void): void {
    if (this.#ended !== undefined) return onLost?.(this.#ended);
    const bytes = boundOf(write);
    if (bytes === 0 && this.#running === undefined) return onDurable();
    const since = this.#options.clock.monotonic();
    this.#queue.push({ write, bytes, since, onDurable, onLost });
    this.#running ??= this.#run();
  }

  /** Entries up to `through` are not needed any more, as far as a snapshot replaces them. */
  compact(through: number): void {
    this.#neededAfter = Math.max(this.#neededAfter, through);
    this.#recycle();
  }

  /** Looks, after all earlier writes, whether the log still ends as this process left it; fails with `shared` if not. */
  verify(): void {
    if (this.#ended !== undefined) return;
    this.#mustVerify = true;
    this.#running ??= this.#run();
  }

  waiting(): number {
    return this.#queue.length + this.#inFlight.length;
  }

  /** How long the oldest write that is not durable yet has been waiting; 0 when there is none. */
  oldestWriteAgeMs(): number {
    const oldest = this.#inFlight[0] ?? this.#queue[0];
    return oldest === undefined ? 0 : this.#options.clock.monotonic() - oldest.since;
  }

  /** Nothing is written or reported any more: the disk failed. */
  stop(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    const lost = [...this.#inFlight, ...this.#queue];
    this.#inFlight = [];
    this.#queue = [];
    for (const { onLost } of lost) onLost?.(error);
  }

  /** Ends after what was appended is durable, or at once after a failure. */
  async close(): Promise<void> {
    await this.#running;
    this.#ended ??= new WalError('closed', 'the log is closed');
    await this.#current.file.close();
  }

  async #run(): Promise<void> {
    try {
      while ((this.#queue.length > 0 || this.#mustVerify) && this.#ended === undefined) {
        if (this.#mustVerify) await this.#verify();
        const writes = this.#takeBatch();
        this.#inFlight = writes;
        const bytes = writes.reduce((sum, write) => sum + write.bytes, 0);
        if (bytes > 0) await this.#flush(writes, bytes);
        if (this.#ended !== undefined) return;
        this.#inFlight = [];
        for (const { onDurable } of writes) onDurable();
      }
    } catch (error) {
      this.#options.onFailure(error as Error);
      this.stop(error as Error);
    } finally {
      this.#running = undefined;
    }
  }

  /**
   * Two processes with one log write over each other's frames, or after them. The lock of the folder prevents it; this finds it
   * out where the file system's locks do not reach the other one.
   */
  async #verify(): Promise<void> {
    this.#mustVerify = false;
    const { file, number, offset, salt } = this.#current;
    const last = this.#last;
    const isOwn =
      !last.isWritten || last.header.equals(await file.read(last.offset, FRAME_HEADER_BYTES));
    if (isOwn && !isFrameBegun(await file.read(offset, FRAME_HEADER_BYTES), salt)) return;
    const where = `${segmentName(number)} at byte ${isOwn ? offset : last.offset}`;
    throw new WalError(
      'shared',
      `another process writes to the log of this data folder (${where})`,
    );
  }

  /** As many of the waiting writes as fit into one frame, at least one. */
  #takeBatch(): readonly Write[] {
    let bytes = 0;
    const over = this.#queue.findIndex((write, i) => {
      bytes += write.bytes;
      return i > 0 && bytes > this.#options.frameBytesMax;
    });
    const batch = over < 0 ? this.#queue : this.#queue.slice(0, over);
    this.#queue = over < 0 ? [] : this.#queue.slice(over);
    return batch;
  }

  async #flush(writes: readonly Write[], bytesMax: number): Promise<void> {
    const { clock, onFlush, pool } = this.#options;
    const started = clock.monotonic();
    const before = this.#current;
    const end = before.offset + FRAME_HEADER_BYTES + bytesMax + SEAL_BYTES;
    if (end > before.size) await this.#roll(bytesMax);
    else this.#encoder.begin(bytesMax);
    const { file, salt, offset, size, number } = this.#current;
    for (const { write } of writes) this.#encoder.add(write);
    const frame = this.#encoder.finish(salt, offset);
    // The file was written from end to end before: whatever fails here is no want of room that passes.
    await file.writeDurably(frame, offset);
    this.#current.offset += frame.length;
    frame.copy(this.#last.header, 0, 0, FRAME_HEADER_BYTES);
    this.#last.offset = offset;
    this.#last.isWritten = true;
    for (const { write } of writes) this.#written(write);
    if (before !== this.#current) await this.#seal(before);
    onFlush((clock.monotonic() - started) / 1000);
    if (this.#current.offset > size / 2) pool.prepare(number + 1);
    this.#recycle();
  }

  /** Goes on in the next segment, whose first frame begins with what came before it. */
  async #roll(bytesMax: number): Promise<void> {
    const { identity, pool } = this.#options;
    const { number, size, offset } = this.#current;
    const preamble = (made: number): Preamble => ({
      version: FORMAT_VERSION,
      identity,
      segment: number + 1,
      size: made,
      previousEnd: offset,
      ...this.#tail,
    });
    const bytes = bytesMax + boundOfText(preamble(Number.MAX_SAFE_INTEGER));
    this.#current = await pool.take(number + 1, FRAME_HEADER_BYTES + bytes + SEAL_BYTES);
    this.#older.push({ number, size, lastIndex: this.#currentLastIndex });
    this.#currentLastIndex = 0;
    this.#encoder.begin(bytes);
    this.#encoder.preamble(preamble(this.#current.size));
  }

  /** Says in a segment that the next one is begun: if that is lost one day, it is known. */
  async #seal({ file, salt, offset }: Segment): Promise<void> {
    await file.writeDurably(this.#encoder.seal(salt, offset), offset);
    await file.close();
  }

  /** The log after a write, as reading it back would find it. */
  #written({ snapshot, entries, hardState }: LogWrite): void {
    const tail = this.#tail;
    if (snapshot?.effect === 'install') {
      tail.lastIndex = snapshot.meta.index;
      this.#currentLastIndex = 0;
      for (const [i, segment] of this.#older.entries())
        this.#older[i] = { ...segment, lastIndex: 0 };
    }
    if (snapshot !== undefined) {
      const isOlder = snapshot.effect === 'mark' && snapshot.meta.index <= tail.base.meta.index;
      if (!isOlder) tail.base = { kind: 'snapshot', meta: snapshot.meta };
    }
    const last = entries.at(-1);
    if (last !== undefined) {
      tail.lastIndex = last.index;
      this.#currentLastIndex = Math.max(this.#currentLastIndex, last.index);
    }
    if (hardState !== undefined) tail.hardState = hardState;
  }

  /** Gives back the segments from the oldest on that hold nothing that is needed. */
  #recycle(): void {
    const through = Math.min(this.#neededAfter, this.#tail.base.meta.index);
    for (;;) {
      const [oldest] = this.#older;
      if (oldest === undefined || oldest.lastIndex > through) return;
      this.#older.shift();
      this.#options.pool.recycle(oldest.number, oldest.size);
    }
  }
}
