/** One process for one data folder: a lock file that is recognised when it was left behind. */
import { readFileSync } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import { WalError } from './errors.ts';

/**
 * A lock file that names its process by number and start time: after a crash, or in a new container where numbers repeat,
 * it is recognised as left behind.
 */
export async function takeLock(path: string): Promise<void> {
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
      const text = `the data folder is in use by process ${pid} (lock file ${path})`;
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
