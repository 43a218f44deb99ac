/** Reading a write-ahead log back: every record in order, a torn end told from damage, foreign logs refused. */
import type { Entry, HardState, StoredState } from './core/index.ts';
import { WalError } from './errors.ts';
import {
  FORMAT_VERSION,
  hasFrameAfter,
  readFrame,
  type WalIdentity,
  type WalRecord,
} from './wal-format.ts';

/** The file of a segment. */
export const nameOf = (segment: number): string => `${String(segment).padStart(8, '0')}.wal`;

/** Gives every record of a segment to `take`; returns where the valid frames end. */
export function scanSegment(
  content: Buffer,
  segment: number,
  isLast: boolean,
  take: (record: WalRecord, where: string) => void,
): number {
  let offset = 0;
  for (;;) {
    const where = `${nameOf(segment)} at byte ${offset}`;
    const read = readFrame(content, { segment, offset });
    if (read.kind === 'frame') {
      if (offset === 0 && read.records[0]?.type !== 'identity')
        throw corrupt(`${where}: no identity`);
      for (const record of read.records) take(record, where);
      offset = read.end;
      continue;
    }
    if (offset === 0 && !isLast)
      throw corrupt(`${where}: the segment is empty, but a later one is not`);
    if (read.kind === 'end') return offset;
    if (!isLast || hasFrameAfter(content, { segment, offset })) {
      throw corrupt(`${where}: damaged, with valid data after it`);
    }
    return offset;
  }
}

export function corrupt(what: string): WalError {
  return new WalError(
    'corrupt',
    `the write-ahead log is damaged: ${what}. Nothing was changed. Restore the folder, or remove it and let this member ` +
      'rejoin under a new id: what it acknowledged may be lost otherwise',
  );
}

/** Puts the records of a log back together. */
export function createReplay(identity: WalIdentity): {
  take(record: WalRecord, where: string): void;
  hardState(): HardState;
  stored(): StoredState;
} {
  let hard: HardState = { term: 0, vote: undefined, commit: 0 };
  const entries: Entry[] = [];
  const takeIdentity = (record: WalRecord & { type: 'identity' }): void => {
    if (record.version !== FORMAT_VERSION) {
      throw new WalError(
        'foreign',
        `the data folder has format ${record.version}, this program knows ${FORMAT_VERSION}`,
      );
    }
    for (const key of ['clusterId', 'nodeId', 'groupId'] as const) {
      if (record.identity[key] === identity[key]) continue;
      const text = `the data folder belongs to ${key} ${record.identity[key]}, not ${identity[key]}`;
      throw new WalError('foreign', text);
    }
  };
  return {
    take(record, where) {
      if (record.type === 'identity') return takeIdentity(record);
      if (record.type === 'hard-state') {
        if (record.hardState.term < hard.term) throw corrupt(`${where}: the term goes back`);
        hard = record.hardState;
        return;
      }
      const { entry } = record;
      if (entry.index < 1 || entry.index > entries.length + 1)
        throw corrupt(`${where}: an entry is missing`);
      // An entry that is written again replaces the old one and all after it, as it did in memory.
      entries.length = entry.index - 1;
      entries.push(entry);
    },
    hardState: () => hard,
    stored: () => ({
      hardState: { ...hard, commit: Math.min(hard.commit, entries.length) },
      entries,
    }),
  };
}
