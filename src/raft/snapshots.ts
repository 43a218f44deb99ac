/** The snapshots of a data folder: the one the log follows, those being read, and one that is being written or received. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { assert } from '../std/index.ts';
import type { SnapshotMeta } from './core/index.ts';
import { isDiskFailure, type DiskSpace } from './disk-space.ts';
import { WalError } from './errors.ts';
import {
  encodeSnapshotHeader,
  indexOfName,
  readSnapshotHeader,
  snapshotStem,
  unfinished,
  type SnapshotFile,
  type SnapshotHeader,
} from './snapshot-files.ts';
import { beginReception, type SnapshotReception } from './snapshot-receiver.ts';
import type { WalFile, WalFiles } from './wal-files.ts';
import type { Folder } from './wal-folder.ts';
import type { Base, DiskIdentity } from './wal-frames.ts';

const CHUNK_BYTES = 256 * 1024;
/** Flushed so often while it is written, so that no flush at the end holds up the log for long. */
const FLUSH_BYTES = 4 * 2 ** 20;

export interface SnapshotsOptions {
  readonly files: WalFiles;
  readonly space: DiskSpace;
  readonly identity: DiskIdentity;
  /** Called when the disk failed; nothing may go on then. */
  readonly onFailure: (error: Error) => void;
}

interface Known extends SnapshotHeader {
  readers: number;
  /** Nothing needs it but its readers. */
  isObsolete: boolean;
}

export class Snapshots {
  readonly #options: SnapshotsOptions;
  /** By index; those that the log follows or followed, and those that came and wait for that. */
  readonly #known = new Map<number, Known>();
  readonly #receiving = new Set<string>();
  #latest: Known | undefined;
  #closed = false;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** Finds the snapshot that the log follows, and removes what an earlier process left. */
  async recover(folder: Folder, base: Base): Promise<void> {
    const { files } = this.#options;
    const current = `${snapshotStem(base.meta)}.snapshot`;
    if (base.kind === 'snapshot') {
      if (!folder.snapshots.includes(current)) {
        throw new WalError('snapshot-missing', `the snapshot ${current} is missing`);
      }
      const known = await this.#open(current);
      if (!isDeepStrictEqual(known.meta, base.meta)) {
        throw new WalError(
          'snapshot-damaged',
          `${current} holds another snapshot than the log says`,
        );
      }
      this.#latest = known;
    }
    for (const name of folder.snapshots) {
      if (name === current) continue;
      // A later one came whole and was never installed: it need not come again.
      if (indexOfName(name) > base.meta.index && (await this.#openIfWhole(name))) continue;
      await files.remove(name);
    }
    for (const name of folder.receiving) {
      if (indexOfName(name) <= base.meta.index) await files.remove(name);
    }
    for (const name of folder.leftovers) await files.remove(name);
  }

  latest(): SnapshotFile | undefined {
    return this.#latest === undefined ? undefined : plain(this.#latest);
  }

  /** True when the file is there that a log which begins after `meta` needs. */
  has(meta: SnapshotMeta): boolean {
    return this.#known.get(meta.index)?.meta.term === meta.term;
  }

  /** Writes a new snapshot file: durable when this resolves, but the log does not know of it yet. */
  write(meta: SnapshotMeta, chunks: Iterable<Uint8Array>): Promise<void> {
    return this.#watch(this.#write(meta, chunks));
  }

  /** The log follows the snapshot at `index` now: older ones are removed as soon as nobody reads them. */
  followed(index: number): Promise<void> {
    const latest = this.#known.get(index);
    assert(latest !== undefined, 'the log follows a snapshot that is there');
    if (this.#latest !== undefined && this.#latest.meta.index > index) return Promise.resolve();
    this.#latest = latest;
    return this.#watch(this.#forgetBefore(index));
  }

  /** Takes a snapshot that comes from another member. */
  receive(announced: SnapshotFile): Promise<SnapshotReception> {
    return this.#watch(this.#receive(announced));
  }

  async #write(meta: SnapshotMeta, chunks: Iterable<Uint8Array>): Promise<void> {
    const { files, space } = this.#options;
    const temporary = `${snapshotStem(meta)}.new`;
    const file = await space.run(() => files.create(temporary));
    let written: SnapshotFile;
    try {
      written = await this.#writeContent(file, meta, chunks);
    } catch (error) {
      await file.close();
      await files.remove(temporary);
      throw error;
    }
    await file.close();
    await this.#publish(temporary, written);
  }

  async #receive(announced: SnapshotFile): Promise<SnapshotReception> {
    const { files } = this.#options;
    const { index } = announced.meta;
    const name = `${snapshotStem(announced.meta)}.receiving`;
    if (this.#receiving.has(name)) {
      throw new WalError('closed', `the snapshot at ${index} is being received already`);
    }
    const there = this.#known.get(index);
    if (there !== undefined && isDeepStrictEqual(plain(there), announced)) return whole(announced);
    for (const other of await files.list()) {
      const isStale = other.endsWith('.receiving') && other !== name;
      if (isStale && !this.#receiving.has(other)) await files.remove(other);
    }
    this.#receiving.add(name);
    try {
      const reception = await beginReception({
        ...this.#options,
        announced,
        name,
        onComplete: () => this.#publish(name, announced),
      });
      return this.#guarded(reception, name);
    } catch (error) {
      this.#receiving.delete(name);
      throw error;
    }
  }

  /** The content from `offset`; verified when read from the beginning to the end. */
  async *read(index: number, offset: number): AsyncGenerator<Uint8Array, void, undefined> {
    const known = this.#known.get(index);
    if (known === undefined || (known.isObsolete && known.readers === 0)) {
      throw new WalError('snapshot-gone', `there is no snapshot at ${index} any more`);
    }
    known.readers += 1;
    const name = nameOf(known);
    const file = await this.#options.files.open(name);
    try {
      yield* content(file, known, offset, name);
    } finally {
      known.readers -= 1;
      await file.close();
      if (known.isObsolete && known.readers === 0) await this.#remove(known);
    }
  }

  close(): void {
    this.#closed = true;
  }

  async #writeContent(
    file: WalFile,
    meta: SnapshotMeta,
    chunks: Iterable<Uint8Array>,
  ): Promise<SnapshotFile> {
    const { space, identity } = this.#options;
    const hash = createHash('sha256');
    const contentAt = encodeSnapshotHeader(identity, unfinished(meta)).length;
    let [bytes, flushedAt] = [0, 0];
    for (const chunk of chunks) {
      if (this.#closed) throw new WalError('closed', 'the snapshot was not finished');
      hash.update(chunk);
      await space.run(() => file.write(chunk, contentAt + bytes));
      bytes += chunk.length;
      if (bytes - flushedAt < FLUSH_BYTES) continue;
      flushedAt = bytes;
      await file.sync();
    }
    const written = { meta, bytes, sha256: hash.digest('hex') };
    const header = encodeSnapshotHeader(identity, written);
    await space.run(() => file.write(header, 0));
    await file.sync();
    return written;
  }

  /** Gives a whole and durable file its name. */
  async #publish(temporary: string, snapshot: SnapshotFile): Promise<void> {
    const { files, space, identity } = this.#options;
    const name = nameOf(snapshot);
    await space.run(() => files.rename(temporary, name));
    await files.syncDirectory();
    const contentAt = encodeSnapshotHeader(identity, snapshot).length;
    this.#known.set(snapshot.meta.index, { ...snapshot, contentAt, readers: 0, isObsolete: false });
  }

  async #forgetBefore(index: number): Promise<void> {
    for (const known of [...this.#known.values()]) {
      if (known.meta.index >= index) continue;
      known.isObsolete = true;
      if (known.readers === 0) await this.#remove(known);
    }
  }

  async #remove(known: Known): Promise<void> {
    if (this.#known.get(known.meta.index) === known) this.#known.delete(known.meta.index);
    await this.#options.files.remove(nameOf(known));
  }

  async #open(name: string): Promise<Known> {
    const { files, identity } = this.#options;
    const file = await files.open(name);
    try {
      const header = await readSnapshotHeader(file, name, identity);
      if ((await file.size()) < header.contentAt + header.bytes) {
        throw new WalError('snapshot-damaged', `the snapshot ${name} lacks its end`);
      }
      const known = { ...header, readers: 0, isObsolete: false };
      this.#known.set(header.meta.index, known);
      return known;
    } finally {
      await file.close();
    }
  }

  async #openIfWhole(name: string): Promise<boolean> {
    try {
      await this.#open(name);
      return true;
    } catch (error) {
      if (error instanceof WalError && error.code === 'snapshot-damaged') return false;
      throw error;
    }
  }

  /** Reports a failure of the disk before anyone else learns of it. */
  async #watch<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (isDiskFailure(error)) this.#options.onFailure(error as Error);
      throw error;
    }
  }

  /** The same reception, watched, and forgotten when it ends. */
  #guarded(reception: SnapshotReception, name: string): SnapshotReception {
    return {
      offset: reception.offset,
      add: (chunk) => this.#watch(reception.add(chunk)),
      finish: () => this.#watch(reception.finish()).finally(() => this.#receiving.delete(name)),
      abort: () => reception.abort().finally(() => this.#receiving.delete(name)),
    };
  }
}

const nameOf = ({ meta }: SnapshotFile): string => `${snapshotStem(meta)}.snapshot`;
const plain = ({ meta, bytes, sha256 }: SnapshotFile): SnapshotFile => ({ meta, bytes, sha256 });

/** A snapshot that is here already, as a reception with nothing left to come. */
const whole = (announced: SnapshotFile): SnapshotReception => ({
  offset: announced.bytes,
  add: () => Promise.reject(new WalError('snapshot-size', 'the snapshot is here already')),
  finish: () => Promise.resolve(announced),
  abort: () => Promise.resolve(),
});

async function* content(
  file: WalFile,
  { contentAt, bytes, sha256 }: SnapshotHeader,
  offset: number,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  for (let at = offset; at < bytes;) {
    const chunk = await file.read(contentAt + at, Math.min(CHUNK_BYTES, bytes - at));
    if (chunk.length === 0) {
      throw new WalError('snapshot-damaged', `the snapshot ${name} lacks its end`);
    }
    if (offset === 0) hash.update(chunk);
    at += chunk.length;
    yield chunk;
  }
  if (offset === 0 && hash.digest('hex') !== sha256) {
    throw new WalError('snapshot-damaged', `the snapshot ${name} is not what was written`);
  }
}
