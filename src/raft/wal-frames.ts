/**
 * The bytes of the write-ahead log. A segment is a row of frames, one per flush: length, CRC-32, the salt of the segment,
 * records. Segments are used again without being cleared, so a frame counts only with the salt of this use of the file:
 * what an earlier use left never looks valid, and a salt found behind a damaged frame proves that it is no torn tail.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { assert } from '../std/index.ts';
import type { Entry, HardState, SnapshotMeta } from './core/index.ts';

export const FORMAT_VERSION = 2;
export const FRAME_HEADER_BYTES = 16;
const SALT_AT = 8;
const SALT_BYTES = 8;
const RECORD_BYTES_MAX = 24;
/** Room for a hard state: a member's id is a host name at most. */
const HARD_STATE_BYTES_MAX = 1_024;
const BUFFER_BYTES = 256 * 1024;
const KINDS = ['command', 'empty', 'config'] as const;
const TYPES = { preamble: 1, 'hard-state': 2, entries: 3, snapshot: 4, sealed: 5 } as const;
/** Room at the end of each segment for the frame that says that the next one is begun. */
export const SEAL_BYTES = FRAME_HEADER_BYTES + 1;

/** Whose log it is: a folder of another member or cluster is refused. */
export interface WalIdentity {
  readonly clusterId: string;
  readonly nodeId: string;
  readonly groupId: string;
}

/** What a member's disk is known by: a wiped one gets another `diskId`. */
export interface DiskIdentity extends WalIdentity {
  readonly diskId: string;
}

/** What the log follows: nothing, the founding members' agreement (which needs no file), or a snapshot file. */
export interface Base {
  readonly kind: 'empty' | 'bootstrap' | 'snapshot';
  readonly meta: SnapshotMeta;
}

/** The first record of a segment: the state of the log at its beginning, so that earlier segments may go. */
export interface Preamble {
  readonly version: number;
  readonly identity: DiskIdentity;
  readonly segment: number;
  /** Bytes of the file, which is made whole before it is used: one that is shorter has lost its end. */
  readonly size: number;
  /** Where the frames of the segment before end. */
  readonly previousEnd: number;
  readonly base: Base;
  readonly lastIndex: number;
  readonly hardState: HardState;
}

/** `install`: the log begins anew after it; `mark`: the log goes on, what it holds up to there is not needed any more. */
export interface SnapshotRecord {
  readonly effect: 'install' | 'mark';
  readonly meta: SnapshotMeta;
}

/** One write; its parts take effect in this order. */
export interface LogWrite {
  readonly snapshot?: SnapshotRecord | undefined;
  readonly entries: readonly Entry[];
  readonly hardState?: HardState | undefined;
}

export type WalRecord =
  | { readonly type: 'preamble'; readonly preamble: Preamble }
  | { readonly type: 'hard-state'; readonly hardState: HardState }
  | { readonly type: 'entry'; readonly entry: Entry }
  | { readonly type: 'snapshot'; readonly snapshot: SnapshotRecord }
  /** The log goes on in the next segment, whose first frame is durable: it must be there. */
  | { readonly type: 'sealed' };

/** The salt of a segment: nobody who does not know the disk's id can put it into an entry. */
export function saltOf(diskId: string, segment: number): Buffer {
  return createHash('sha256').update(`${diskId}/${segment}`).digest().subarray(0, SALT_BYTES);
}

/** At least the bytes that `write` takes in a frame. */
export function boundOf({ snapshot, entries, hardState }: LogWrite): number {
  let bytes = hardState === undefined ? 0 : HARD_STATE_BYTES_MAX;
  for (const { data } of entries) bytes += RECORD_BYTES_MAX + data.length;
  if (snapshot !== undefined) bytes += boundOfText(snapshot);
  return bytes;
}

/** At least the bytes that a text takes. */
export const boundOfText = (value: object): number =>
  RECORD_BYTES_MAX + Buffer.byteLength(JSON.stringify(value));

/** Encodes frames into one buffer that is used again for the next: give it to the disk before that. */
export class FrameEncoder {
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #at = 0;

  /** Begins a frame of at most `bodyBytesMax` bytes of records. */
  begin(bodyBytesMax: number): void {
    const needed = FRAME_HEADER_BYTES + bodyBytesMax;
    // A frame that was unusually large does not hold its memory for ever.
    const isWasteful = this.#buffer.length > BUFFER_BYTES && needed <= BUFFER_BYTES;
    if (needed > this.#buffer.length || isWasteful) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(needed, BUFFER_BYTES));
    }
    this.#at = FRAME_HEADER_BYTES;
  }

  preamble(preamble: Preamble): void {
    this.#text(TYPES.preamble, preamble);
  }

  add({ snapshot, entries, hardState }: LogWrite): void {
    if (snapshot !== undefined) this.#text(TYPES.snapshot, snapshot);
    for (let from = 0; from < entries.length;) from = this.#run(entries, from);
    if (hardState !== undefined) this.#hardState(hardState);
  }

  /** A frame that ends a segment. */
  seal(salt: Buffer, offset: number): Buffer {
    this.begin(1);
    this.#at = this.#buffer.writeUInt8(TYPES.sealed, this.#at);
    return this.finish(salt, offset);
  }

  /** The whole frame, for exactly this place. */
  finish(salt: Buffer, offset: number): Buffer {
    const frame = this.#buffer.subarray(0, this.#at);
    frame.writeUInt32LE(this.#at - FRAME_HEADER_BYTES, 0);
    frame.set(salt, SALT_AT);
    frame.writeUInt32LE(checksum(frame, offset), 4);
    return frame;
  }

  /** Entries of one term that follow each other share a record; returns the first that does not belong to it. */
  #run(entries: readonly Entry[], from: number): number {
    const buffer = this.#buffer;
    const { index, term } = entries[from] as Entry;
    let at = buffer.writeUInt8(TYPES.entries, this.#at);
    at = writeInteger(buffer, index, at);
    at = writeInteger(buffer, term, at);
    const countAt = at;
    at += 4;
    let count = 0;
    for (; from + count < entries.length; count++) {
      const entry = entries[from + count] as Entry;
      if (entry.term !== term || entry.index !== index + count) break;
      const { data } = entry;
      buffer[at] = KINDS.indexOf(entry.kind);
      buffer.writeUInt32LE(data.length, at + 1);
      buffer.set(data, at + 5);
      at += 5 + data.length;
    }
    buffer.writeUInt32LE(count, countAt);
    this.#at = at;
    return from + count;
  }

  #hardState({ term, vote, commit }: HardState): void {
    const name = Buffer.from(vote ?? '');
    assert(name.length + RECORD_BYTES_MAX <= HARD_STATE_BYTES_MAX, 'the id of a member is short');
    let at = this.#buffer.writeUInt8(TYPES['hard-state'], this.#at);
    at = writeInteger(this.#buffer, term, at);
    at = writeInteger(this.#buffer, commit, at);
    at = this.#buffer.writeUInt16LE(name.length, at);
    this.#buffer.set(name, at);
    this.#at = at + name.length;
  }

  #text(type: number, value: object): void {
    const text = JSON.stringify(value);
    const at = this.#buffer.writeUInt8(type, this.#at);
    const length = this.#buffer.write(text, at + 4);
    this.#buffer.writeUInt32LE(length, at);
    this.#at = at + 4 + length;
  }
}

/** Integers up to 2^48, low bytes first. */
function writeInteger(buffer: Buffer, value: number, at: number): number {
  buffer.writeUInt32LE(value % 2 ** 32, at);
  return buffer.writeUInt16LE(Math.floor(value / 2 ** 32), at + 4);
}

/** Over salt and records, and over where the frame stands, so that a frame counts nowhere else. */
function checksum(frame: Buffer, offset: number): number {
  return crc32(frame.subarray(SALT_AT), offset);
}

export type FrameRead =
  | { readonly kind: 'frame'; readonly records: WalRecord[]; readonly end: number }
  /** No frame of this use of the file begins here. */
  | { readonly kind: 'end' }
  /** One was begun here, and is not whole. `bytes`: as many as it claims, at most the rest of the file. */
  | { readonly kind: 'damaged'; readonly bytes: number };

/** True when these bytes are the header of a frame of this use of the file. */
export const isFrameBegun = (header: Uint8Array, salt: Buffer): boolean =>
  salt.equals(header.subarray(SALT_AT, FRAME_HEADER_BYTES));

/** Reads the frame at `offset` of a whole segment. */
export function readFrame(segment: Buffer, offset: number, salt: Buffer): FrameRead {
  const bodyAt = offset + FRAME_HEADER_BYTES;
  if (!isFrameBegun(segment.subarray(offset, bodyAt), salt)) return { kind: 'end' };
  const end = bodyAt + segment.readUInt32LE(offset);
  const damaged = { kind: 'damaged', bytes: Math.min(end, segment.length) - offset } as const;
  if (end > segment.length) return damaged;
  const frame = segment.subarray(offset, end);
  if (checksum(frame, offset) !== frame.readUInt32LE(4)) return damaged;
  const records = decodeRecords(frame.subarray(FRAME_HEADER_BYTES));
  return records === undefined ? damaged : { kind: 'frame', records, end };
}

/** True when a later frame was begun in this use of the file: then what stands at `offset` is no torn tail. */
export function hasFrameAfter(segment: Buffer, offset: number, salt: Buffer): boolean {
  return segment.indexOf(salt, offset + FRAME_HEADER_BYTES) >= 0;
}

function decodeRecords(body: Buffer): WalRecord[] | undefined {
  const records: WalRecord[] = [];
  let at = 0;
  try {
    while (at < body.length) at = decodeRecord(body, at, records);
    return at === body.length ? records : undefined;
  } catch {
    return undefined;
  }
}

/** Adds what the record at `at` holds to `records`; returns where the next begins. */
function decodeRecord(body: Buffer, at: number, records: WalRecord[]): number {
  const type = body.readUInt8(at);
  if (type === TYPES.entries) return decodeEntries(body, at + 1, records);
  if (type === TYPES.sealed) {
    records.push({ type: 'sealed' });
    return at + 1;
  }
  if (type === TYPES['hard-state']) {
    const end = at + 15 + body.readUInt16LE(at + 13);
    const vote = body.toString('utf8', at + 15, end);
    const [term, commit] = [body.readUIntLE(at + 1, 6), body.readUIntLE(at + 7, 6)];
    records.push({
      type: 'hard-state',
      hardState: { term, vote: vote === '' ? undefined : vote, commit },
    });
    return end;
  }
  const end = at + 5 + body.readUInt32LE(at + 1);
  const value: unknown = JSON.parse(body.toString('utf8', at + 5, end));
  if (type === TYPES.preamble) records.push({ type: 'preamble', preamble: value as Preamble });
  else if (type === TYPES.snapshot)
    records.push({ type: 'snapshot', snapshot: value as SnapshotRecord });
  else throw new RangeError(`no record has the type ${type}`);
  return end;
}

function decodeEntries(body: Buffer, at: number, records: WalRecord[]): number {
  const index = body.readUIntLE(at, 6);
  const term = body.readUIntLE(at + 6, 6);
  const count = body.readUInt32LE(at + 12);
  let next = at + 16;
  for (let i = 0; i < count; i++) {
    const kind = KINDS[body.readUInt8(next)];
    const end = next + 5 + body.readUInt32LE(next + 1);
    if (kind === undefined || end > body.length) throw new RangeError('no entry');
    // Copied: a slice would keep the whole segment in memory for as long as the entry lives.
    const data = new Uint8Array(body.subarray(next + 5, end));
    records.push({ type: 'entry', entry: { index: index + i, term, kind, data } });
    next = end;
  }
  return next;
}
