/** Which disk each member had when it was first met, kept across restarts: whoever lost its data must not come back under
 * its old id, since it may have lost votes and entries that it acknowledged. */
import { join } from 'node:path';
import { readFileIfExists, replaceFile } from '../host/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { decodeConfigChange, type Entry } from './core/index.ts';
import type { KnownDisk } from './peers.ts';

const FILE = 'peers.json';

export interface KnownDisks extends KnownDisk {
  /** Waits for what is being written. */
  close(): Promise<void>;
}

/** Members that these entries take out of the configuration, though a later one may have them back in it already. */
export function removedBy(entries: readonly Entry[]): string[] {
  return entries
    .filter(({ kind }) => kind === 'config')
    .flatMap(({ data }) => decodeConfigChange(data)?.changes ?? [])
    .filter(({ type }) => type === 'remove')
    .map(({ id }) => id);
}

/** Reads what is known from the data folder; what cannot be read counts as nothing known. */
export async function openKnownDisks(dataDir: string, logger: Logger): Promise<KnownDisks> {
  const path = join(dataDir, FILE);
  const disks = parse(await readFileIfExists(path));
  let writing: Promise<void> = Promise.resolve();
  const save = (): void => {
    const content = JSON.stringify(Object.fromEntries(disks), undefined, 2);
    writing = writing
      .then(() => replaceFile(path, `${content}\n`))
      // Without it a wiped member is found out one restart later at worst: nothing to stop for.
      .catch((error: unknown) =>
        logger.warn('cannot remember the disks of the peers', { path, error: String(error) }),
      );
  };
  return {
    get: (id) => disks.get(id),
    set(id, diskId) {
      if (disks.get(id) === diskId) return;
      disks.set(id, diskId);
      save();
    },
    forget(id) {
      if (disks.delete(id)) save();
    },
    close: () => writing,
  };
}

function parse(content: string | undefined): Map<string, string> {
  if (content === undefined) return new Map();
  try {
    const rows = Object.entries(JSON.parse(content) as Record<string, unknown>);
    return new Map(rows.filter((row): row is [string, string] => typeof row[1] === 'string'));
  } catch {
    return new Map();
  }
}
