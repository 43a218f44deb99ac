/** A folder of backups: how they are called, which is the newest, and which go when there are too many. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../host/index.ts';

/** Older than any backup takes: whoever wrote it was killed. */
const ABANDONED_MS = 2 * 3_600_000;
const NAME = /^(.+)-(\d{8}T\d{6}Z)\.backup$/;
const UNFINISHED = /^.+-\d{8}T\d{6}Z\.backup\..*tmp$/;

/** Names of one cluster sort by time. `takenAt` is an instant of RFC 3339 to the second, in UTC. */
export function backupName(clusterId: string, takenAt: string): string {
  return `${clusterId}-${takenAt.replaceAll(/[-:]/g, '')}.backup`;
}

/** Path of the backup that was taken last, of whichever cluster; throws {@link UsageError} when there is none. */
export async function newestBackup(folder: string): Promise<string> {
  const timed = (await namesIn(folder)).flatMap((name) => {
    const takenAt = NAME.exec(name)?.[2];
    return takenAt === undefined ? [] : [{ name, takenAt }];
  });
  const [newest] = timed.sort((a, b) => (a.takenAt < b.takenAt ? 1 : -1));
  if (newest === undefined) throw new UsageError(`${folder}: holds no backup`);
  return join(folder, newest.name);
}

/**
 * Removes the oldest backups of this cluster above `keep`, and what backups that were killed have left. Those of other clusters
 * stay: they share the folder, not the retention. Returns the paths that are gone.
 */
export async function pruneBackups(
  folder: string,
  { clusterId, keep, nowMs }: { clusterId: string; keep: number; nowMs: number },
): Promise<readonly string[]> {
  const names = await namesIn(folder);
  const ours = names.filter((name) => NAME.exec(name)?.[1] === clusterId).toSorted();
  const gone = ours.slice(0, Math.max(0, ours.length - keep)).map((name) => join(folder, name));
  for (const name of names.filter((each) => UNFINISHED.test(each))) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info !== undefined && nowMs - info.mtimeMs > ABANDONED_MS) gone.push(path);
  }
  for (const path of gone) await rm(path, { force: true });
  return gone;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw new UsageError(`${folder}: ${(error as Error).message}`);
  }
}
