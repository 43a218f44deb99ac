/** Durable changes: an append-only log of JSON lines, flushed in groups, folded into a snapshot when it grows. */
import { mkdir, open, readdir, readFile, rm, truncate, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfExists, replaceFile, syncDirectory, UsageError } from '../../host/index.ts';
import type { ObjectKey, StoredObject } from './types.ts';

/** A change as it is written: without `object` the key was deleted. */
export interface JournalRecord {
  readonly revision: number;
  readonly key: ObjectKey;
  readonly object?: StoredObject;
  /** The last state of a deleted object, for watches that resume over a restart. */
  readonly deleted?: StoredObject;
}

export interface Snapshot {
  readonly revision: number;
  readonly objects: readonly { readonly key: ObjectKey; readonly object: StoredObject }[];
}

export interface Journal {
  append(record: JournalRecord): void;
  /** Resolves once every record appended so far is on disk; rejects for good when the disk refuses. */
  flushed(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenedJournal {
  readonly journal: Journal;
  readonly snapshot: Snapshot;
  readonly records: readonly JournalRecord[];
}

export interface JournalOptions {
  /** Records in one log file before it is folded into the snapshot. */
  readonly recordsMax: number;
  /** The state to write when folding. */
  readonly takeSnapshot: () => Snapshot;
}

const SNAPSHOT = 'snapshot.json';
const LOG_NAME = /^journal-(\d+)\.jsonl$/;

/**
 * Opens the log in `directory` (made when missing) and returns what it holds.
 * A torn last line (a crash in mid-write, so never acknowledged) is cut off; other damage is a UsageError.
 */
export async function openJournal(
  directory: string,
  options: JournalOptions,
): Promise<OpenedJournal> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const text = await readFileIfExists(join(directory, SNAPSHOT));
  const snapshot =
    text === undefined ? { revision: 0, objects: [] } : parseSnapshot(text, directory);
  const records: JournalRecord[] = [];
  const logs = await logFiles(directory);
  for (const name of logs) records.push(...(await readLog(join(directory, name))));
  const newer = records.filter((record) => record.revision > snapshot.revision);
  const last = newer.at(-1)?.revision ?? snapshot.revision;
  const file = await open(join(directory, logs.at(-1) ?? logName(last)), 'a', 0o600);
  await syncDirectory(directory);
  return {
    journal: createWriter(directory, file, newer.length, options),
    snapshot,
    records: newer,
  };
}

function createWriter(
  directory: string,
  firstFile: FileHandle,
  firstCount: number,
  options: JournalOptions,
): Journal {
  let file = firstFile;
  let recordCount = firstCount;
  let pending: string[] = [];
  let running: Promise<void> | undefined;

  const writeOut = async (): Promise<void> => {
    while (pending.length > 0) {
      const lines = pending;
      pending = [];
      await file.write(lines.join(''));
      await file.datasync();
      recordCount += lines.length;
      if (recordCount >= options.recordsMax && pending.length === 0) await fold();
    }
  };

  /** New records go to a fresh file; the old ones go once the snapshot that covers them is durable. */
  const fold = async (): Promise<void> => {
    const old = await logFiles(directory);
    const snapshot = options.takeSnapshot();
    await file.close();
    file = await open(join(directory, logName(snapshot.revision)), 'a', 0o600);
    await replaceFile(join(directory, SNAPSHOT), JSON.stringify(snapshot));
    const current = logName(snapshot.revision);
    for (const name of old) if (name !== current) await rm(join(directory, name));
    recordCount = 0;
  };

  const flushed = (): Promise<void> => {
    if (running !== undefined)
      return running.then(() => (pending.length > 0 ? flushed() : undefined));
    if (pending.length === 0) return Promise.resolve();
    running = writeOut().then(() => {
      running = undefined;
    });
    return running;
  };

  return {
    append(record) {
      pending.push(`${JSON.stringify(record)}\n`);
    },
    flushed,
    async close() {
      await flushed();
      await file.close();
    },
  };
}

function logName(revision: number): string {
  return `journal-${String(revision).padStart(16, '0')}.jsonl`;
}

async function logFiles(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => LOG_NAME.test(name)).sort();
}

function parseSnapshot(text: string, directory: string): Snapshot {
  try {
    return JSON.parse(text) as Snapshot;
  } catch {
    throw new UsageError(
      `${join(directory, SNAPSHOT)} is damaged; remove the folder to start anew`,
    );
  }
}

async function readLog(path: string): Promise<JournalRecord[]> {
  const bytes = await readFile(path);
  const whole = bytes.lastIndexOf(0x0a) + 1;
  if (whole < bytes.length) await truncate(path, whole);
  const lines = bytes.subarray(0, whole).toString('utf8').split('\n').slice(0, -1);
  return lines.map((line, index) => {
    try {
      return JSON.parse(line) as JournalRecord;
    } catch {
      throw new UsageError(`${path} line ${index + 1} is damaged; remove the folder to start anew`);
    }
  });
}
