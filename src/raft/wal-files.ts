/** The disk behind the log and its snapshots, as a port (so that tests can lose power between any two steps) and for real. */
import { close, constants, fdatasync, fstat, open, read, write } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  FolderInUseError,
  isLockFile,
  lockFolder,
  syncDirectory,
  type FolderLock,
} from '../host/index.ts';
import type { Clock } from '../std/index.ts';
import { WalError } from './errors.ts';

/** An open file. A failed `sync` leaves it unknown what is on disk: the only safe answer is to stop. */
export interface WalFile {
  /** Writes all of `data`, of which nothing needs to be durable yet. */
  write(data: Uint8Array, offset: number): Promise<void>;
  /** Writes all of `data`; resolves when it, if nothing written before, is durable. */
  writeDurably(data: Uint8Array, offset: number): Promise<void>;
  /** Up to `length` bytes; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  size(): Promise<number>;
  /** Resolves when everything written is durable; its name is only after `syncDirectory`. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** One folder of files. Names appear, change and go durably only with `syncDirectory`, each by itself in one step. */
export interface WalFiles {
  /** Takes the folder for this process, creating it; rejects with {@link WalError} when another one has it. */
  lock(clock: Clock): Promise<void>;
  unlock(): Promise<void>;
  list(): Promise<string[]>;
  read(name: string): Promise<Buffer>;
  /** A new empty file; one that has the name is emptied. */
  create(name: string): Promise<WalFile>;
  open(name: string): Promise<WalFile>;
  /** Replaces the file that has the name `to`. */
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  syncDirectory(): Promise<void>;
}

/** Each write is flushed before it returns, as by fdatasync. */
const DURABLE = constants.O_RDWR | constants.O_DSYNC;
const openFile = promisify(open);
const statOf = promisify(fstat);
const closeFile = promisify(close);

/** The files of a real folder, created when it is locked. */
export function diskFiles(directory: string): WalFiles {
  const pathOf = (name: string): string => join(directory, name);
  let held: FolderLock | undefined;
  return {
    async lock(clock) {
      try {
        await makeDurableFolder(directory);
        held = await lockFolder(directory, { clock, waitMs: 0 });
      } catch (error) {
        if (error instanceof FolderInUseError)
          throw new WalError('locked', `the data folder ${error.message}`);
        const reason = (error as Error).message;
        throw new WalError('unusable', `cannot use the data folder ${directory}: ${reason}`);
      }
    },
    unlock: async () => held?.release(),
    list: async () => (await readdir(directory)).filter((name) => !isLockFile(name)),
    read: (name) => readFile(pathOf(name)),
    create: async (name) => {
      const fd = await openFile(pathOf(name), 'w+', 0o600);
      return asWalFile(fd, await openFile(pathOf(name), DURABLE));
    },
    open: async (name) => {
      const fd = await openFile(pathOf(name), 'r+');
      return asWalFile(fd, await openFile(pathOf(name), DURABLE));
    },
    rename: (from, to) => rename(pathOf(from), pathOf(to)),
    remove: (name) => rm(pathOf(name), { force: true }),
    syncDirectory: () => syncDirectory(directory),
  };
}

/** Creates a folder and those above it, so that they are there after a crash like the files in it. */
async function makeDurableFolder(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let created = directory; ; created = dirname(created)) {
    // A parent that may be entered and not read cannot be flushed by us.
    await syncDirectory(dirname(created)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EACCES') throw error;
    });
    if (created === first || created === dirname(created)) return;
  }
}

/**
 * File numbers with callbacks instead of file handles: a durable write is one call to the thread pool and little else, since the
 * second number of the file was opened so that each write is flushed before it returns.
 */
function asWalFile(fd: number, durableFd: number): WalFile {
  const writeFrom = (
    to: number,
    data: Uint8Array,
    offset: number,
    done: number,
    finish: (error: Error | null) => void,
  ): void =>
    write(to, data, done, data.length - done, offset + done, (error, written) => {
      if (error !== null || done + written >= data.length) return finish(error);
      writeFrom(to, data, offset, done + written, finish);
    });
  const writeAll = (to: number, data: Uint8Array, offset: number): Promise<void> =>
    new Promise((resolve, reject) => {
      writeFrom(to, data, offset, 0, (error) => (error === null ? resolve() : reject(error)));
    });
  return {
    write: (data, offset) => writeAll(fd, data, offset),
    writeDurably: (data, offset) => writeAll(durableFd, data, offset),
    read: (offset, length) =>
      new Promise((resolve, reject) => {
        const buffer = Buffer.allocUnsafe(length);
        read(fd, buffer, 0, length, offset, (error, count) =>
          error === null ? resolve(buffer.subarray(0, count)) : reject(error),
        );
      }),
    size: async () => (await statOf(fd)).size,
    sync: () =>
      new Promise((resolve, reject) => {
        fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
      }),
    async close() {
      await closeFile(durableFd);
      await closeFile(fd);
    },
  };
}
