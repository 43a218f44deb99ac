/** The disk behind the write-ahead log, as a port (so that tests can lose power between any two steps) and for real. */
import { mkdir, open, readdir, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { syncDirectory } from '../host/index.ts';
import { WalError } from './errors.ts';

/** An open segment. A failed `sync` leaves it unknown what is on disk: the only safe answer is to stop. */
export interface WalFile {
  write(data: Uint8Array, offset: number): Promise<void>;
  /** Resolves when everything written is durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** One folder of segments. */
export interface WalFiles {
  /** Takes the folder for this process, creating it; rejects with {@link WalError} when another one has it. */
  lock(): Promise<void>;
  unlock(): Promise<void>;
  list(): Promise<string[]>;
  read(name: string): Promise<Buffer>;
  /** A new file of `sizeBytes` zeros, durable with its name, so that later writes need no new blocks. */
  create(name: string, sizeBytes: number): Promise<WalFile>;
  open(name: string): Promise<WalFile>;
}

const LOCK = 'lock';
const ZEROS = new Uint8Array(2 ** 20);

export function diskFiles(directory: string): WalFiles {
  return {
    async lock() {
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        await takeLock(join(directory, LOCK));
      } catch (error) {
        if (error instanceof WalError) throw error;
        const reason = (error as Error).message;
        throw new WalError('unusable', `cannot use the data folder ${directory}: ${reason}`);
      }
    },
    unlock: () => rm(join(directory, LOCK), { force: true }),
    list: () => readdir(directory),
    read: (name) => readFile(join(directory, name)),
    async create(name, sizeBytes) {
      const handle = await open(join(directory, name), 'w+', 0o600);
      for (let offset = 0; offset < sizeBytes; offset += ZEROS.length) {
        await handle.write(ZEROS, 0, Math.min(ZEROS.length, sizeBytes - offset), offset);
      }
      await handle.sync();
      await syncDirectory(directory);
      return asWalFile(handle);
    },
    open: async (name) => asWalFile(await open(join(directory, name), 'r+')),
  };
}

function asWalFile(handle: FileHandle): WalFile {
  return {
    async write(data, offset) {
      let done = 0;
      while (done < data.length) {
        done += (await handle.write(data, done, data.length - done, offset + done)).bytesWritten;
      }
    },
    sync: () => handle.datasync(),
    close: () => handle.close(),
  };
}

/**
 * A lock file that names its process by number and start time: after a crash, or in a new container where numbers repeat,
 * it is recognised as left behind.
 */
async function takeLock(path: string): Promise<void> {
  const own = `${process.pid} ${startTime(process.pid) ?? ''}`;
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const handle = await open(path, 'wx', 0o600);
      await handle.writeFile(own);
      await handle.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const content = await readFile(path, 'utf8').catch(() => '');
    const [pid = '', started = ''] = content.split(' ');
    if (/^\d+$/.test(pid) && startTime(Number(pid)) === started) {
      const text = `the data folder is in use by process ${pid} (lock file ${path}); stop it first`;
      throw new WalError('locked', text);
    }
    // Moved away rather than removed: of two starting processes only one can move it.
    await rename(path, `${path}.stale`).catch(() => undefined);
  }
  throw new WalError(
    'locked',
    `cannot take the lock file ${path}: other processes are taking it too`,
  );
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
