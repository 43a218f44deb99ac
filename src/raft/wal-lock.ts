/** One process for one data folder: a lock file that is recognised when it was left behind. */
import { readFileSync } from 'node:fs';
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { WalError } from './errors.ts';

const LOCK = 'lock';

/** True for what a lock leaves in a folder: no part of the log. */
export const isLockFile = (name: string): boolean => name === LOCK || name.startsWith(`${LOCK}.`);

/** Where the lock of a folder is. */
export const lockOf = (directory: string): string => `${directory}/${LOCK}`;

const ATTEMPTS_MAX = 8;
let attempts = 0;

/**
 * Takes a lock that names its process by number and start time: after a crash, or in a new container where numbers repeat,
 * it is recognised as left behind.
 */
export async function takeLock(path: string): Promise<void> {
  // A name nobody else uses, also not for another folder's lock in this process.
  const mine = `${path}.${process.pid}-${(attempts += 1)}`;
  await writeFile(mine, `${process.pid} ${startTime(process.pid) ?? ''}`, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const isTaken = (await linked(mine, path)) || (await takeOver(path, mine));
      if (isTaken) return await sweep(dirname(path));
    }
  } finally {
    await rm(mine, { force: true });
  }
  throw inUse(path, 'others');
}

/**
 * Replaces a lock whose process is gone; throws when it lives. Only who holds the claim to exactly this
 * lock replaces it, so that of many starting processes none can take away what another just took.
 */
async function takeOver(path: string, mine: string): Promise<boolean> {
  const content = await contentOf(path);
  if (content === undefined) return false;
  const claims: string[] = [];
  for (let left = content; ;) {
    const holder = livingHolder(left);
    if (holder !== undefined) throw inUse(path, holder);
    const claim = `${path}.over-${crc32(`${claims.join()} ${left}`).toString(16)}`;
    claims.push(claim);
    if (await linked(mine, claim)) break;
    // Someone claimed it before: and lives, or ended before the lock was replaced.
    left = (await contentOf(claim)) ?? '';
  }
  try {
    if ((await contentOf(path)) !== content) return false;
    await rename(mine, path);
    return true;
  } finally {
    // The lock is another one now: a claim to the old one has no effect any more.
    for (const claim of claims) await rm(claim, { force: true });
  }
}

/** Removes what processes left that were killed while they took the lock. */
async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name === LOCK || !isLockFile(name)) continue;
    const path = `${directory}/${name}`;
    const content = (await contentOf(path)) ?? '';
    // An empty one is being written by a process that starts now.
    if (content !== '' && livingHolder(content) === undefined) await rm(path, { force: true });
  }
}

const inUse = (path: string, holder: string): WalError =>
  new WalError('locked', `the data folder is in use by process ${holder} (${basename(path)} file)`);

/** A link appears with its content and only if there is none: nobody ever sees a lock half-written. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
  }
  // No links on this file system: the content follows the name, and whoever looks in between takes it for left behind.
  return writeFile(to, await readFile(from), { flag: 'wx', mode: 0o600 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

const contentOf = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch(() => undefined);

/** The number of the process that a lock names, if it runs. */
function livingHolder(content: string): string | undefined {
  const [pid = '', started = ''] = content.split(' ');
  return /^\d+$/.test(pid) && startTime(Number(pid)) === started ? pid : undefined;
}

/** When a process started, in the kernel's ticks since boot and with the boot's id; undefined when there is no such process. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${ticks}`;
  } catch {
    return undefined;
  }
}
