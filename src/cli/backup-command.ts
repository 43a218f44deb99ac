/** `backup` and `restore`: what a cluster agreed on, to a file and from a file into a new cluster. */
import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, systemClock, UsageError } from '../host/index.ts';
import type { Wire } from '../rpc/index.ts';
import { createBackup, entriesOf, verifyBackup, type Entry } from './backup-file.ts';
import { atMember, type MemberFlags } from './member-call.ts';

/** Reading a large store out takes as long as it takes; silence for so long does not. */
const EXPORT_TIMEOUT_MS = 600_000;
/** Of one page: what a transaction of the store takes, with room for its frame. */
const PAGE_ENTRIES_MAX = 100;
const PAGE_CHARACTERS_MAX = 512 * 1024;
const NAME = /^.+-\d{8}T\d{6}Z\.backup$/;

export interface BackupFlags extends MemberFlags {
  /** The file to write. */
  readonly out?: string;
  /** Or a folder: the file is named after cluster and time, and the oldest above `keep` are removed. */
  readonly dir?: string;
  readonly keep: number;
}

/** Writes a backup as the majority has it now; any member can be asked. */
export async function backupCommand(flags: BackupFlags): Promise<void> {
  if ((flags.out === undefined) === (flags.dir === undefined)) {
    throw new UsageError('backup: give either --out FILE or --dir FOLDER');
  }
  const takenAt = new Date(systemClock.wall()).toISOString().replace(/\.\d+Z$/, 'Z');
  if (flags.dir !== undefined) await makeDirectory(flags.dir);
  await atMember(flags, async (client, options) => {
    const { clusterId } = await client.getStatus({}, options);
    const path =
      flags.out ?? join(flags.dir ?? '', `${clusterId}-${takenAt.replaceAll(/[-:]/g, '')}.backup`);
    const file = await createBackup(path);
    try {
      const revision = await readAll(client, (entries) => file.add(entries));
      const count = await file.finish({
        format: 1,
        id: randomUUID(),
        clusterId,
        revision,
        takenAt,
      });
      console.log(`${path}: ${count} keys of cluster ${clusterId} at revision ${revision}`);
    } catch (error) {
      await file.abandon();
      throw error;
    }
  });
  if (flags.dir !== undefined) await prune(flags.dir, flags.keep);
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

async function prune(folder: string, keep: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => NAME.test(name));
  // Of one cluster after the other: names of one sort by time.
  const clusters = Map.groupBy(names.toSorted(), (name) => name.slice(0, name.lastIndexOf('-')));
  for (const ofOne of clusters.values()) {
    for (const name of ofOne.slice(0, Math.max(0, ofOne.length - keep))) {
      await rm(join(folder, name));
      console.log(`${join(folder, name)} is removed: ${keep} are kept`);
    }
  }
}

export interface RestoreFlags extends MemberFlags {
  readonly from: string;
}

/** Gives a backup to a cluster that holds nothing yet. Done again after a break it goes on; it is never done twice. */
export async function restoreCommand({ from, ...flags }: RestoreFlags): Promise<void> {
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
        ? `the backup of ${origin.takenAt} is there already: nothing was changed`
        : `${written} keys of cluster ${origin.clusterId}, as they were at ${origin.takenAt}, are restored`,
    );
  });
}
