/**
 * The bytes of the write-ahead log. A segment is a row of frames, one per flush: length, CRC-32, records. The CRC covers the
 * segment's number and the frame's offset too, so that bytes left from an earlier use of the file never look valid. Since a
 * frame is written only after the one before it was flushed, only the last frame can be torn by a crash.
 */
import { crc32 } from 'node:zlib';
import type { Entry, HardState } from './core/index.ts';

export const FORMAT_VERSION = 1;
export const FRAME_HEADER_BYTES = 8;
const RECORD_HEADER_BYTES = 5;
const ENTRY_HEADER_BYTES = 13;
const KINDS = ['command', 'empty'] as const;

/** Whose log it is: a folder of another member or cluster is refused. */
export interface WalIdentity {
  readonly clusterId: string;
  readonly nodeId: string;
  readonly groupId: string;
}

export type WalRecord =
  | { readonly type: 'identity'; readonly version: number; readonly identity: WalIdentity }
  | { readonly type: 'hard-state'; readonly hardState: HardState }
  | { readonly type: 'entry'; readonly entry: Entry };

/** Where a frame stands. */
export interface FramePosition {
  readonly segment: number;
  readonly offset: number;
}

const TYPES = { identity: 1, 'hard-state': 2, entry: 3 } as const;

/** Bytes that `record` takes in a frame. */
export function recordBytes(record: WalRecord): number {
  if (record.type === 'entry') {
    return RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES + record.entry.data.length;
  }
  return RECORD_HEADER_BYTES + Buffer.byteLength(textOf(record));
}

/** One frame with all `records`, for exactly this position. */
export function encodeFrame(records: readonly WalRecord[], position: FramePosition): Buffer {
  const length = records.reduce((sum, record) => sum + recordBytes(record), 0);
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length);
  let at = FRAME_HEADER_BYTES;
  for (const record of records) {
    const bytes = recordBytes(record);
    at = frame.writeUInt8(TYPES[record.type], at);
    at = frame.writeUInt32LE(bytes - RECORD_HEADER_BYTES, at);
    if (record.type === 'entry') {
      at = frame.writeUIntLE(record.entry.index, at, 6);
      at = frame.writeUIntLE(record.entry.term, at, 6);
      at = frame.writeUInt8(KINDS.indexOf(record.entry.kind), at);
      frame.set(record.entry.data, at);
      at += record.entry.data.length;
    } else {
      at += frame.write(textOf(record), at);
    }
  }
  frame.writeUInt32LE(length, 0);
  frame.writeUInt32LE(checksum(frame.subarray(FRAME_HEADER_BYTES), position), 4);
  return frame;
}

export type FrameRead =
  | { readonly kind: 'frame'; readonly records: WalRecord[]; readonly end: number }
  /** Zeros: nothing was ever written here. */
  | { readonly kind: 'end' }
  | { readonly kind: 'invalid' };

/** Reads the frame at `offset` of a whole segment. */
export function readFrame(segment: Buffer, position: FramePosition): FrameRead {
  const start = position.offset;
  if (start + FRAME_HEADER_BYTES > segment.length) {
    return { kind: isZero(segment.subarray(start)) ? 'end' : 'invalid' };
  }
  const length = segment.readUInt32LE(start);
  if (length === 0) return { kind: isZero(segment.subarray(start)) ? 'end' : 'invalid' };
  const end = start + FRAME_HEADER_BYTES + length;
  if (end > segment.length) return { kind: 'invalid' };
  const body = segment.subarray(start + FRAME_HEADER_BYTES, end);
  if (checksum(body, position) !== segment.readUInt32LE(start + 4)) return { kind: 'invalid' };
  const records = decodeRecords(body);
  return records === undefined ? { kind: 'invalid' } : { kind: 'frame', records, end };
}

/** True when a valid frame begins anywhere after `offset`: then what stands at `offset` is not a torn tail. */
export function hasFrameAfter(segment: Buffer, position: FramePosition): boolean {
  let { offset } = position;
  while (offset + FRAME_HEADER_BYTES < segment.length) {
    offset += 1;
    const length = offset + 4 <= segment.length ? segment.readUInt32LE(offset) : 0;
    if (length === 0 || offset + FRAME_HEADER_BYTES + length > segment.length) continue;
    if (readFrame(segment, { segment: position.segment, offset }).kind === 'frame') return true;
  }
  return false;
}

function checksum(body: Uint8Array, { segment, offset }: FramePosition): number {
  const seed = Buffer.allocUnsafe(12);
  seed.writeUInt32LE(segment, 0);
  seed.writeUInt32LE(offset, 4);
  seed.writeUInt32LE(body.length, 8);
  return crc32(body, crc32(seed));
}

const ZEROS = Buffer.alloc(64 * 1024);

/** True when `bytes` holds zeros only. */
export function isZero(bytes: Uint8Array): boolean {
  for (let start = 0; start < bytes.length; start += ZEROS.length) {
    const chunk = bytes.subarray(start, start + ZEROS.length);
    if (!ZEROS.subarray(0, chunk.length).equals(chunk)) return false;
  }
  return true;
}

function textOf(record: Exclude<WalRecord, { type: 'entry' }>): string {
  return record.type === 'identity'
    ? JSON.stringify({ version: record.version, ...record.identity })
    : JSON.stringify(record.hardState);
}

function decodeRecords(body: Buffer): WalRecord[] | undefined {
  const records: WalRecord[] = [];
  let at = 0;
  while (at < body.length) {
    if (at + RECORD_HEADER_BYTES > body.length) return undefined;
    const type = body.readUInt8(at);
    const end = at + RECORD_HEADER_BYTES + body.readUInt32LE(at + 1);
    if (end > body.length) return undefined;
    const record = decodeRecord(type, body.subarray(at + RECORD_HEADER_BYTES, end));
    if (record === undefined) return undefined;
    records.push(record);
    at = end;
  }
  return records;
}

function decodeRecord(type: number, body: Buffer): WalRecord | undefined {
  if (type === TYPES.entry) {
    if (body.length < ENTRY_HEADER_BYTES) return undefined;
    const kind = KINDS[body.readUInt8(12)];
    if (kind === undefined) return undefined;
    // Copied: a slice would keep the whole segment in memory for as long as the entry lives.
    const data = new Uint8Array(body.subarray(ENTRY_HEADER_BYTES));
    const entry = { index: body.readUIntLE(0, 6), term: body.readUIntLE(6, 6), kind, data };
    return { type: 'entry', entry };
  }
  const value = JSON.parse(body.toString('utf8')) as HardState & WalIdentity & { version: number };
  if (type === TYPES['hard-state']) {
    const { term, vote, commit } = value;
    return { type: 'hard-state', hardState: { term, vote, commit } };
  }
  if (type !== TYPES.identity) return undefined;
  const { version, clusterId, nodeId, groupId } = value;
  return { type: 'identity', version, identity: { clusterId, nodeId, groupId } };
}
