/** `backup` and `restore`: what a cluster agreed on, to a file and from a file into a new cluster. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { makeDirectory, systemClock, UsageError } from '../host/index.ts';
import type { Wire } from '../rpc/index.ts';
import { timeText } from '../std/index.ts';
import { createBackup, entriesOf, verifyBackup, type Entry } from './backup-file.ts';
import { backupName, newestBackup, pruneBackups } from './backup-folder.ts';
import { atMember, type MemberFlags } from './member-call.ts';

/** Of the whole call: a store that takes longer to read out is not backed up. */
const EXPORT_TIMEOUT_MS = 600_000;
/** Of one page: what a transaction of the store takes, with room for its frame. */
const PAGE_ENTRIES_MAX = 100;
const PAGE_CHARACTERS_MAX = 512 * 1024;

export interface BackupFlags extends MemberFlags {
  /** The file to write. */
  readonly out?: string;
  /** Or a folder: the file is named after cluster and time, and the oldest of this cluster above `keep` are removed. */
  readonly dir?: string;
  readonly keep: number;
}

/**
 * Writes a backup as the majority has it now; any member can be asked. It is read again and compared before an older one goes.
 * Rejects with {@link UsageError}, and leaves no file behind then.
 */
export async function backupCommand(flags: BackupFlags): Promise<void> {
  const { out, dir, keep } = flags;
  if ((out === undefined) === (dir === undefined)) {
    throw new UsageError('backup: give either --out FILE or --dir FOLDER');
  }
  if (keep < 1) throw new UsageError(`--keep ${keep}: at least one must stay`);
  const takenAt = timeText(systemClock.wall());
  if (dir !== undefined) await makeDirectory(dir);
  const clusterId = await atMember(flags, async (client, options) => {
    const { clusterId: id } = await client.getStatus({}, options);
    await write(client, {
      clusterId: id,
      takenAt,
      path: out ?? join(dir ?? '', backupName(id, takenAt)),
    });
    return id;
  });
  if (dir === undefined) return;
  for (const path of await pruneBackups(dir, { clusterId, keep, nowMs: systemClock.wall() })) {
    console.log(`${path} is removed: ${keep} are kept`);
  }
}

async function write(
  client: AdminClient,
  { clusterId, takenAt, path }: { clusterId: string; takenAt: string; path: string },
): Promise<void> {
  const file = await createBackup(path);
  try {
    const revision = await readAll(client, (entries) => file.add(entries));
    const origin = { format: 1, id: randomUUID(), clusterId, revision, takenAt } as const;
    const count = await file.finish(origin);
    console.log(`${path}: ${count} keys of cluster ${clusterId} at revision ${revision}`);
  } catch (error) {
    await file.abandon();
    throw error;
  }
}

type AdminClient = Parameters<Parameters<typeof atMember>[1]>[0];

/** Hands on page by page, in order; resolves with the revision when the last one is written. */
async function readAll(
  client: AdminClient,
  onPage: (entries: readonly Entry[]) => Promise<void>,
): Promise<number> {
  const pages: Wire.StatePage[] = [];
  let news = Promise.withResolvers<void>();
  let end: { readonly error: Error | undefined } | undefined;
  await client.exportState(
    {},
    {
      onMessage(page) {
        pages.push(page);
        news.resolve();
      },
      onEnd(error) {
        end = { error };
        news.resolve();
      },
    },
    { timeoutMs: EXPORT_TIMEOUT_MS },
  );
  let revision = 0;
  for (;;) {
    await news.promise;
    news = Promise.withResolvers();
    for (const page of pages.splice(0)) {
      ({ revision } = page);
      await onPage(page.entries);
    }
    if (end?.error !== undefined) throw end.error;
    if (end !== undefined && pages.length === 0) return revision;
  }
}

export interface RestoreFlags extends MemberFlags {
  /** The file to read. */
  readonly from?: string;
  /** Or a folder, of which the newest is read. */
  readonly dir?: string;
}

/** Gives a backup to a cluster that holds nothing yet. Done again after a break it goes on; it is never done twice. */
export async function restoreCommand({ from: file, dir, ...flags }: RestoreFlags): Promise<void> {
  if ((file === undefined) === (dir === undefined)) {
    throw new UsageError('restore: give either --from FILE or --dir FOLDER');
  }
  const from = file ?? (await newestBackup(dir ?? ''));
  const origin = await verifyBackup(from);
  await atMember(flags, async (client, options) => {
    let page: Entry[] = [];
    let size = 0;
    let written = 0;
    const send = async (last: boolean): Promise<void> => {
      const answer = await client.importState({ id: origin.id, entries: page, last }, options);
      written += answer.written;
      [page, size] = [[], 0];
    };
    for await (const entry of entriesOf(from)) {
      const characters = entry.key.length + entry.value.length;
      if (
        page.length === PAGE_ENTRIES_MAX ||
        (page.length > 0 && size + characters > PAGE_CHARACTERS_MAX)
      ) {
        await send(false);
      }
      page.push(entry);
      size += characters;
    }
    await send(true);
    console.log(
      written === 0 && origin.entries > 0
        ? `${from}: the backup of ${origin.takenAt} is there already: nothing was changed`
        : `${from}: ${written} keys of cluster ${origin.clusterId}, as they were at ${origin.takenAt}, are restored`,
    );
  });
}
