/**
 * A backup as a file: a line of JSON for each key, and an end that says of what and when it is, how many keys there are, and
 * their SHA-256. A file that was cut, or in which a bit has changed, is refused as a whole.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { syncDirectory, UsageError } from '../host/index.ts';

export interface Origin {
  readonly format: 1;
  /** Of this backup, unique. */
  readonly id: string;
  readonly clusterId: string;
  readonly revision: number;
  /** RFC 3339. */
  readonly takenAt: string;
}

export interface Entry {
  readonly key: string;
  readonly value: string;
}

interface End extends Origin {
  readonly entries: number;
  readonly sha256: string;
}

export interface BackupWriter {
  add(entries: readonly Entry[]): Promise<void>;
  /** Writes the end, reads all of it again, and gives the file its name: a file of that name is whole. Resolves with the count of keys. */
  finish(origin: Origin): Promise<number>;
  /** Leaves nothing behind, however far it came. */
  abandon(): Promise<void>;
}

const lineOf = (value: object): string => `${JSON.stringify(value)}\n`;

/** Sessions hold what clients said: only its owner may read the file. */
export async function createBackup(path: string): Promise<BackupWriter> {
  // Two that are taken in one second do not write into one file.
  const temporary = `${path}.${randomUUID()}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  const hash = createHash('sha256');
  let count = 0;
  return {
    async add(entries) {
      const text = entries.map(({ key, value }) => lineOf({ key, value })).join('');
      hash.update(text);
      count += entries.length;
      await handle.writeFile(text);
    },
    async finish(origin) {
      await handle.writeFile(lineOf({ ...origin, entries: count, sha256: hash.digest('hex') }));
      await handle.sync();
      await handle.close();
      await verifyBackup(temporary);
      await rename(temporary, path);
      await syncDirectory(dirname(path));
      return count;
    },
    async abandon() {
      // What failed may have closed it before.
      await handle.close().catch(() => undefined);
      await rm(temporary, { force: true });
    },
  };
}

/** Reads the whole file once and returns where it is from; throws {@link UsageError} when it is not whole. */
export async function verifyBackup(path: string): Promise<Origin & { readonly entries: number }> {
  const hash = createHash('sha256');
  let count = 0;
  let end: End | undefined;
  for await (const line of linesOf(path)) {
    if (end !== undefined) throw new UsageError(`${path}: there is something after its end`);
    const value = parse(path, line);
    if ('sha256' in value) {
      end = value as End;
      continue;
    }
    hash.update(`${line}\n`);
    count += 1;
  }
  if (end === undefined) throw new UsageError(`${path}: its end is missing: the file was cut`);
  if (end.format !== 1) {
    throw new UsageError(
      `${path}: format ${String(end.format)} is of another release: restore it with that one`,
    );
  }
  if (end.entries !== count || end.sha256 !== hash.digest('hex')) {
    throw new UsageError(
      `${path}: its content is not what was written (SHA-256 differs): take another backup`,
    );
  }
  const { sha256: _, ...origin } = end;
  return origin;
}

/** The keys of a file that was verified. */
export async function* entriesOf(path: string): AsyncGenerator<Entry> {
  for await (const line of linesOf(path)) {
    const value = parse(path, line);
    if (!('sha256' in value)) yield value as Entry;
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const input = createReadStream(path, 'utf8');
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (error) {
    throw new UsageError(`${path}: ${(error as Error).message}`);
  }
}

function parse(path: string, line: string): object {
  try {
    return JSON.parse(line) as object;
  } catch {
    throw new UsageError(`${path}: a line is not JSON: this is no backup, or it was cut`);
  }
}
