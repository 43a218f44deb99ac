/**
 * Segment files: made whole before they get their place in the log, one ahead of need, and used again when the log has no
 * more use for what they hold. The next one is a rename away, and a write to it needs no new blocks.
 */
import type { DiskSpace } from './disk-space.ts';
import type { WalFile, WalFiles } from './wal-files.ts';
import { segmentName, spareName } from './wal-folder.ts';
import { saltOf } from './wal-frames.ts';

const ZEROS = new Uint8Array(64 * 1024);

/** A segment that can be written; frames go to `offset`. */
export interface Segment {
  readonly number: number;
  readonly file: WalFile;
  readonly size: number;
  readonly salt: Buffer;
  offset: number;
}

export interface SegmentPoolOptions {
  readonly files: WalFiles;
  readonly space: DiskSpace;
  readonly diskId: string;
  readonly segmentBytes: number;
  /** Files kept for later use; more are deleted. */
  readonly sparesMax: number;
  /** Numbers of the spare files that are there, each of `segmentBytes`. */
  readonly spares: readonly number[];
  /** Called when a file could not be made ready or put away; nothing may go on then. */
  readonly onFailure: (error: Error) => void;
}

export class SegmentPool {
  readonly #options: SegmentPoolOptions;
  readonly #spares: number[];
  #spareLast: number;
  #next: Promise<Segment> | undefined;
  /** Steps that change the folder, one after the other: a crash between any two of them leaves it in order. */
  #steps: Promise<unknown> = Promise.resolve();

  constructor(options: SegmentPoolOptions) {
    this.#options = options;
    this.#spares = [...options.spares];
    this.#spareLast = Math.max(0, ...options.spares);
  }

  /** Begins to make the segment `number` ready, if that did not begin yet. */
  prepare(number: number): void {
    if (this.#next !== undefined) return;
    this.#next = this.#step(() => this.#make(number, this.#options.segmentBytes));
    // Whoever takes it gets the error; until then nobody listens.
    this.#next.catch(() => undefined);
  }

  /** The segment `number`, empty, with room for `bytesMin`. */
  async take(number: number, bytesMin: number): Promise<Segment> {
    const { segmentBytes } = this.#options;
    if (bytesMin <= segmentBytes) this.prepare(number);
    const next = await this.#next;
    this.#next = undefined;
    if (next !== undefined && next.size >= bytesMin) return next;
    await next?.file.close();
    return this.#step(() => this.#make(number, bytesMin));
  }

  /** Gives back a segment that is not needed any more. Call it for the oldest first, or a crash would leave a hole. */
  recycle(number: number, size: number): void {
    this.#step(() => this.#putAway(number, size)).catch(this.#options.onFailure);
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#steps.catch(() => undefined);
    const next = await this.#next?.catch(() => undefined);
    await next?.file.close();
  }

  #step<T>(work: () => Promise<T>): Promise<T> {
    // After one that failed none is done: a later segment given back before an earlier one would leave a hole.
    const result = this.#steps.then(work);
    this.#steps = result;
    result.catch(() => undefined);
    return result;
  }

  async #make(number: number, size: number): Promise<Segment> {
    const { files, space, segmentBytes, diskId } = this.#options;
    const spare = size === segmentBytes ? this.#spares.pop() : undefined;
    const from = spareName(spare ?? (await this.#create(size)));
    const name = segmentName(number);
    await space.run(() => files.rename(from, name));
    await files.syncDirectory();
    const file = await files.open(name);
    return { number, file, size, salt: saltOf(diskId, number), offset: 0 };
  }

  /** A new spare file; not durable with its name, since it gets another one at once. */
  async #create(size: number): Promise<number> {
    const { files, space } = this.#options;
    const number = (this.#spareLast += 1);
    await space.run(async () => {
      const file = await files.create(spareName(number));
      try {
        for (let offset = 0; offset < size; offset += ZEROS.length) {
          await file.write(ZEROS.subarray(0, Math.min(ZEROS.length, size - offset)), offset);
        }
        await file.sync();
        await file.close();
      } catch (error) {
        await file.close();
        await files.remove(spareName(number));
        throw error;
      }
    });
    return number;
  }

  async #putAway(number: number, size: number): Promise<void> {
    const { files, space, segmentBytes, sparesMax } = this.#options;
    if (size === segmentBytes && this.#spares.length < sparesMax) {
      const spare = (this.#spareLast += 1);
      await space.run(() => files.rename(segmentName(number), spareName(spare)));
      this.#spares.push(spare);
    } else {
      await files.remove(segmentName(number));
    }
    await files.syncDirectory();
  }
}
