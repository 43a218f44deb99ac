/**
 * A snapshot's bytes: one JSON array a line in UTF-8. The first line names format and version, the last one counts the
 * records between them, so that a snapshot says by itself what it is and whether all of it is there. Lines may cross
 * chunks; chunks have a bounded size, so that neither writing nor reading holds up the process.
 */
import { unreachable } from '../../std/index.ts';
import { list, number, text } from './wire.ts';
import type { KeyValue } from './model.ts';

export const SNAPSHOT_VERSION = 1;
const FORMAT = 'mcp-cluster store';
export const SNAPSHOT_CHUNK_BYTES_MAX = 262_144;
/** UTF-8 needs at most three bytes for a UTF-16 code unit. */
const CHUNK_CHARACTERS = Math.floor(SNAPSHOT_CHUNK_BYTES_MAX / 4);
/** Longer than any record can be: a value of the largest size in which every character is escaped. */
const LINE_CHARACTERS_MAX = 8 * 2 ** 20;

/** What the state is apart from its keys. */
export interface SnapshotHead {
  readonly revision: number;
  readonly compactRevision: number;
  readonly appliedIndex: number;
  readonly checksum: number;
}

export type SnapshotRecord =
  | { readonly type: 'lease'; readonly id: number; readonly ttlMs: number }
  | { readonly type: 'proposal'; readonly proposal: string; readonly index: number }
  /** A key as it was at the compact revision. */
  | { readonly type: 'item'; readonly item: KeyValue }
  /** What happened since, in order. */
  | {
      readonly type: 'put';
      readonly revision: number;
      readonly key: string;
      readonly value: string;
      readonly lease: number;
    }
  | { readonly type: 'delete'; readonly revision: number; readonly key: string };

function encodeRecord(record: SnapshotRecord): string {
  switch (record.type) {
    case 'lease':
      return JSON.stringify(['l', record.id, record.ttlMs]);
    case 'proposal':
      return JSON.stringify(['q', record.proposal, record.index]);
    case 'item': {
      const { key, value, createRevision, modRevision, version, lease } = record.item;
      return JSON.stringify(['k', key, value, createRevision, modRevision, version, lease]);
    }
    case 'put':
      return JSON.stringify(['p', record.revision, record.key, record.value, record.lease]);
    case 'delete':
      return JSON.stringify(['d', record.revision, record.key]);
    default:
      return unreachable(record);
  }
}

function decodeRecord([kind, ...fields]: readonly unknown[]): SnapshotRecord {
  const [first, second, third, fourth, fifth, sixth] = fields;
  switch (kind) {
    case 'l':
      return { type: 'lease', id: number(first), ttlMs: number(second) };
    case 'q':
      return { type: 'proposal', proposal: text(first), index: number(second) };
    case 'k': {
      const item = {
        key: text(first),
        value: text(second),
        createRevision: number(third),
        modRevision: number(fourth),
        version: number(fifth),
        lease: number(sixth),
      };
      return { type: 'item', item };
    }
    case 'p':
      return {
        type: 'put',
        revision: number(first),
        key: text(second),
        value: text(third),
        lease: number(fourth),
      };
    case 'd':
      return { type: 'delete', revision: number(first), key: text(second) };
    default:
      throw new TypeError(`unknown record ${String(kind)}`);
  }
}

/** The bytes of a snapshot, made as they are asked for. */
export function* encodeSnapshot(
  head: SnapshotHead,
  records: Iterable<SnapshotRecord>,
): Generator<Uint8Array> {
  const { revision, compactRevision, appliedIndex, checksum } = head;
  const first = [FORMAT, SNAPSHOT_VERSION, revision, compactRevision, appliedIndex, checksum];
  let lines = `${JSON.stringify(first)}\n`;
  let count = 0;
  for (const record of records) {
    count += 1;
    lines += `${encodeRecord(record)}\n`;
    if (lines.length < CHUNK_CHARACTERS) continue;
    yield* pieces(lines);
    lines = '';
  }
  yield* pieces(`${lines}${JSON.stringify(['end', count])}\n`);
}

function* pieces(lines: string): Generator<Uint8Array> {
  const bytes = new TextEncoder().encode(lines);
  for (let at = 0; at < bytes.length; at += SNAPSHOT_CHUNK_BYTES_MAX) {
    yield bytes.subarray(at, at + SNAPSHOT_CHUNK_BYTES_MAX);
  }
}

/** Why a snapshot cannot be taken over. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
  readonly code: 'unknown-version' | 'malformed';

  constructor(code: SnapshotError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export interface SnapshotReader {
  /** Hands over the records that are complete. Throws {@link SnapshotError}. */
  add(chunk: Uint8Array): void;
  /** The head, once everything has arrived. Throws {@link SnapshotError} when something is missing. */
  finish(): SnapshotHead;
}

export function createSnapshotReader(onRecord: (record: SnapshotRecord) => void): SnapshotReader {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  let head: SnapshotHead | undefined;
  let count = 0;
  let ended = false;

  const take = (line: string): void => {
    const wire = list(JSON.parse(line));
    if (ended) throw new TypeError('something follows the end');
    if (head === undefined) head = readHead(wire);
    else if (wire[0] === 'end') {
      if (number(wire[1]) !== count) throw new TypeError(`${count} records of ${String(wire[1])}`);
      ended = true;
    } else {
      count += 1;
      onRecord(decodeRecord(wire));
    }
  };

  const guarded = <T>(step: () => T): T => {
    try {
      return step();
    } catch (error) {
      if (error instanceof SnapshotError) throw error;
      throw new SnapshotError(
        'malformed',
        `nobody can read this snapshot of the store: ${(error as Error).message}`,
      );
    }
  };

  return {
    add: (chunk) =>
      guarded(() => {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        lines.forEach(take);
        if (rest.length > LINE_CHARACTERS_MAX) throw new TypeError('a record is too long');
      }),
    finish: () =>
      guarded(() => {
        if (head === undefined || !ended || rest !== '') throw new TypeError('its end is missing');
        return head;
      }),
  };
}

function readHead([format, version, ...fields]: readonly unknown[]): SnapshotHead {
  if (format !== FORMAT) throw new TypeError('it is of something else');
  if (version !== SNAPSHOT_VERSION) {
    throw new SnapshotError(
      'unknown-version',
      `the snapshot of the store has version ${String(version)}, which this program does not understand: upgrade it`,
    );
  }
  const [revision, compactRevision, appliedIndex, checksum] = fields.map(number);
  return {
    revision: number(revision),
    compactRevision: number(compactRevision),
    appliedIndex: number(appliedIndex),
    checksum: number(checksum),
  };
}
