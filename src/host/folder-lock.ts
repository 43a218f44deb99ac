/**
 * One process for one folder, whatever namespaces the processes live in. The lock is the kernel's: a POSIX record lock on a file in
 * the folder, taken by SQLite, since Node itself can take none. It belongs to the file and not to its name or to a process number,
 * so it holds between containers that mount the same volume, also while its holder is stopped; and the kernel takes it back when the
 * holder's last thread is gone, after which that process cannot write any more. Nothing is ever left behind that must be judged.
 *
 * Its limit is the file system's: between machines it holds where that carries locks to its server (NFS 4, CephFS), and one that has
 * no locks at all is refused. A sandbox with a kernel of its own (gVisor, Kata) knows only its own processes.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { delay, type Clock } from '../std/index.ts';

/**
 * Stays for ever and stays empty: were it removed, two processes could each lock a file of that name. Nobody but SQLite may open it,
 * since a process loses its POSIX locks on a file with the first descriptor of it that it closes.
 */
const FILE = 'lock';
/** Who has the lock, for people; it decides nothing. */
const HOLDER = `${FILE}.holder`;
const RETRY_MS = 100;
const SQLITE_BUSY = 5;

/** The connections that hold a lock: one that is garbage would be closed, and its lock gone. */
const held = new Set<DatabaseSync>();

export interface FolderLock {
  /** Gives the folder back; a second time is harmless. */
  release(): Promise<void>;
}

export interface FolderLockOptions {
  readonly clock: Clock;
  /** How long to wait for the end of a process that has the folder; it is taken within a tenth of a second of that. */
  readonly waitMs: number;
  /** Gives up waiting. */
  readonly signal?: AbortSignal | undefined;
  /** Called once when there is something to wait for; see {@link FolderInUseError} for `holder`. */
  readonly onWait?: (holder: string) => void;
}

/** Another process has the folder; `holder` is what that one says of itself, for people. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
  readonly holder: string;

  constructor(directory: string, holder: string) {
    super(`${directory} is in use by ${holder}`);
    this.holder = holder;
  }
}

/** True for what a lock leaves in its folder. */
export const isLockFile = (name: string): boolean => name === FILE || name.startsWith(`${FILE}.`);

/**
 * Takes a folder that exists for this process. Rejects with {@link FolderInUseError} when another has it, or another user of it in
 * this process, and still has it after `waitMs`; with the reason of `signal`; and with what the file system says if it has no locks.
 */
export async function lockFolder(
  directory: string,
  options: FolderLockOptions,
): Promise<FolderLock> {
  // Loaded where it is needed: most programs that use this folder lock nothing.
  const { DatabaseSync } = await import('node:sqlite');
  const database = locked(() => new DatabaseSync(join(directory, FILE)));
  held.add(database);
  const holder = join(directory, HOLDER);
  try {
    // Else SQLite would put a journal beside the file, though nothing is ever written to it.
    locked(() => database.exec('PRAGMA journal_mode = MEMORY'));
    await take(database, directory, options);
    await sign(holder, options.clock);
  } catch (error) {
    held.delete(database);
    database.close();
    throw error;
  }
  return {
    async release() {
      if (!held.delete(database)) return;
      await rm(holder, { force: true });
      database.close();
    },
  };
}

async function take(
  database: DatabaseSync,
  directory: string,
  { clock, waitMs, signal, onWait }: FolderLockOptions,
): Promise<void> {
  const began = clock.monotonic();
  for (let attempt = 1; !hasTaken(database); attempt++) {
    const holder = await holderOf(directory);
    if (clock.monotonic() - began >= waitMs) throw new FolderInUseError(directory, holder);
    if (attempt === 1) onWait?.(holder);
    await delay(clock, RETRY_MS, signal);
  }
}

/** Of many that try at once exactly one gets it: the lock that a writer reserves is given to the first, and readers don't hinder it. */
function hasTaken(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN IMMEDIATE');
    return true;
  } catch (error) {
    // The upper bytes say more of the same.
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY) return false;
    throw noLock(error);
  }
}

function locked<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw noLock(error);
  }
}

function noLock(error: unknown): Error {
  const { message, errcode } = error as Error & { errcode?: number };
  return new Error(`its file "${FILE}" cannot be locked (${message}, SQLite ${errcode})`, {
    cause: error,
  });
}

/** Replaced in one step, so that nobody reads half of it. */
async function sign(path: string, clock: Clock): Promise<void> {
  const since = new Date(clock.wall()).toISOString();
  const mine = `${path}.new`;
  try {
    await writeFile(mine, `process ${process.pid} on ${hostname()} since ${since}`, {
      mode: 0o600,
    });
    await rename(mine, path);
  } catch {
    // A disk without room must not keep its own log from starting.
    await rm(path, { force: true });
  }
}

const holderOf = (directory: string): Promise<string> =>
  readFile(join(directory, HOLDER), 'utf8').catch(
    () => 'a process that left no name (or its file system has no locks: then choose another)',
  );
