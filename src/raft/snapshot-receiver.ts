/** A snapshot that comes over the network: a broken transfer goes on where it ended, and only the announced bytes count. */
import { createHash, type Hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { DiskSpace } from './disk-space.ts';
import { WalError } from './errors.ts';
import { encodeSnapshotHeader, readSnapshotHeader, type SnapshotFile } from './snapshot-files.ts';
import type { WalFile, WalFiles } from './wal-files.ts';
import type { DiskIdentity } from './wal-frames.ts';

const CHUNK_BYTES = 256 * 1024;
/** Flushed so often while it grows, so that no flush at the end holds up the log for long. */
const FLUSH_BYTES = 4 * 2 ** 20;

/** A snapshot that is being received. */
export interface SnapshotReception {
  /** How much of the content is here already: continue from there. */
  readonly offset: number;
  /** Takes the next bytes; await it before the next call. Rejects more than was announced. */
  add(chunk: Uint8Array): Promise<void>;
  /** The whole content is here: durable and verified when this resolves, so that the log may begin anew after it. */
  finish(): Promise<SnapshotFile>;
  /** The transfer broke: what came stays for the next attempt. */
  abort(): Promise<void>;
}

export interface ReceiverOptions {
  readonly files: WalFiles;
  readonly space: DiskSpace;
  readonly identity: DiskIdentity;
  readonly announced: SnapshotFile;
  readonly name: string;
  /** The file with the bytes that came is complete; it is given its name and remembered. */
  readonly onComplete: () => Promise<void>;
}

/** Begins a reception, or takes up one that broke. */
export async function beginReception(options: ReceiverOptions): Promise<SnapshotReception> {
  const { files, space, identity, announced, name } = options;
  const header = encodeSnapshotHeader(identity, announced);
  const hash = createHash('sha256');
  const begun = await openBegun(options);
  if (begun !== undefined) {
    const { file, contentAt } = begun;
    const there = Math.min((await file.size()) - contentAt, announced.bytes);
    let offset = 0;
    while (offset < there) {
      const chunk = await file.read(contentAt + offset, Math.min(CHUNK_BYTES, there - offset));
      hash.update(chunk);
      offset += chunk.length;
    }
    return new Reception(options, file, hash, { offset, contentAt });
  }
  const file = await space.run(() => files.create(name));
  await space.run(() => file.write(header, 0));
  return new Reception(options, file, hash, { offset: 0, contentAt: header.length });
}

async function openBegun(
  options: ReceiverOptions,
): Promise<{ file: WalFile; contentAt: number } | undefined> {
  const { files, identity, announced, name } = options;
  if (!(await files.list()).includes(name)) return undefined;
  const file = await files.open(name);
  try {
    const { contentAt, ...found } = await readSnapshotHeader(file, name, identity);
    if (isDeepStrictEqual(found, announced)) return { file, contentAt };
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
  }
  // The beginning of something else: of no use.
  await file.close();
  return undefined;
}

class Reception implements SnapshotReception {
  readonly offset: number;
  readonly #options: ReceiverOptions;
  readonly #file: WalFile;
  readonly #hash: Hash;
  readonly #contentAt: number;
  #received: number;
  #flushedAt: number;
  #ended = false;

  constructor(
    options: ReceiverOptions,
    file: WalFile,
    hash: Hash,
    at: { readonly offset: number; readonly contentAt: number },
  ) {
    this.#options = options;
    this.#file = file;
    this.#hash = hash;
    this.#contentAt = at.contentAt;
    this.#received = at.offset;
    this.#flushedAt = at.offset;
    this.offset = at.offset;
  }

  async add(chunk: Uint8Array): Promise<void> {
    const { announced, space } = this.#options;
    this.#expectOpen();
    const end = this.#received + chunk.length;
    if (end > announced.bytes) {
      await this.#discard();
      throw new WalError('snapshot-size', `more than ${announced.bytes} bytes came`);
    }
    this.#hash.update(chunk);
    await space.run(() => this.#file.write(chunk, this.#contentAt + this.#received));
    this.#received = end;
    if (end - this.#flushedAt < FLUSH_BYTES) return;
    this.#flushedAt = end;
    await this.#file.sync();
  }

  async finish(): Promise<SnapshotFile> {
    const { announced, onComplete } = this.#options;
    this.#expectOpen();
    const sha256 = this.#hash.copy().digest('hex');
    if (this.#received < announced.bytes || sha256 !== announced.sha256) {
      await this.#discard();
      const { index } = announced.meta;
      if (this.#received < announced.bytes) {
        const counts = `${this.#received} of ${announced.bytes} bytes`;
        throw new WalError('snapshot-size', `only ${counts} of the snapshot at ${index} came`);
      }
      throw new WalError(
        'snapshot-hash',
        `the snapshot at ${index} has another hash than announced`,
      );
    }
    this.#ended = true;
    await this.#file.sync();
    await this.#file.close();
    await onComplete();
    return announced;
  }

  async abort(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#file.close();
  }

  #expectOpen(): void {
    if (this.#ended) throw new WalError('closed', 'the reception of this snapshot has ended');
  }

  async #discard(): Promise<void> {
    await this.abort();
    await this.#options.files.remove(this.#options.name);
  }
}
