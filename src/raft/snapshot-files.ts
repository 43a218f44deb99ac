/** The bytes of a snapshot file: a header that says whose and what it is, then the content as the state machine gave it. */
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import type { SnapshotMeta } from './core/index.ts';
import { WalError } from './errors.ts';
import type { WalFile } from './wal-files.ts';
import type { DiskIdentity } from './wal-frames.ts';

const MAGIC = 'RAFTSNAP';
const SNAPSHOT_VERSION = 1;
/** Magic, version, length and checksum of the description. */
const FIXED_BYTES = 20;
const DESCRIPTION_BYTES_MAX = 2 ** 20;
const DIGITS = 16;

/** A snapshot: what it stands for, how many bytes its content has, and their SHA-256 in hexadecimal. */
export interface SnapshotFile {
  readonly meta: SnapshotMeta;
  readonly bytes: number;
  readonly sha256: string;
}

/** A snapshot before its content is known. */
export const unfinished = (meta: SnapshotMeta): SnapshotFile => ({
  meta,
  bytes: 0,
  sha256: '0'.repeat(64),
});

/** The name of a snapshot's file without its ending. */
export const snapshotStem = ({ index, term }: SnapshotMeta): string =>
  `${String(index).padStart(DIGITS, '0')}-${String(term).padStart(10, '0')}`;

/** The index in a name made by {@link snapshotStem}. */
export const indexOfName = (name: string): number => Number(name.slice(0, DIGITS));

/** The header; as long for every content, so that it can be written again when that is known. */
export function encodeSnapshotHeader(
  identity: DiskIdentity,
  { meta, bytes, sha256 }: SnapshotFile,
): Buffer {
  const description = JSON.stringify({
    ...identity,
    meta,
    bytes: String(bytes).padStart(DIGITS, '0'),
    sha256,
  });
  const header = Buffer.alloc(FIXED_BYTES + Buffer.byteLength(description));
  header.write(MAGIC, 0);
  header.writeUInt32LE(SNAPSHOT_VERSION, 8);
  header.writeUInt32LE(header.length - FIXED_BYTES, 12);
  header.write(description, FIXED_BYTES);
  header.writeUInt32LE(crc32(header.subarray(FIXED_BYTES)), 16);
  return header;
}

export interface SnapshotHeader extends SnapshotFile {
  /** Where the content begins. */
  readonly contentAt: number;
}

/** Reads the header of a file; rejects one that is damaged, of another format or of another member. */
export async function readSnapshotHeader(
  file: WalFile,
  name: string,
  identity: DiskIdentity,
): Promise<SnapshotHeader> {
  const damaged = (why: string): WalError =>
    new WalError('snapshot-damaged', `the snapshot ${name} is damaged: ${why}`);
  const fixed = Buffer.from(await file.read(0, FIXED_BYTES));
  if (fixed.length < FIXED_BYTES || fixed.toString('latin1', 0, 8) !== MAGIC) {
    throw damaged('it has no header');
  }
  const version = fixed.readUInt32LE(8);
  if (version !== SNAPSHOT_VERSION) {
    throw new WalError('format', `the snapshot ${name} has format ${version}`);
  }
  const length = fixed.readUInt32LE(12);
  if (length > DESCRIPTION_BYTES_MAX) throw damaged('its header is too long');
  const description = await file.read(FIXED_BYTES, length);
  if (description.length < length || crc32(description) !== fixed.readUInt32LE(16)) {
    throw damaged('its header is not what was written');
  }
  const { meta, bytes, sha256, ...owner } = JSON.parse(
    Buffer.from(description).toString('utf8'),
  ) as DiskIdentity & { meta: SnapshotMeta; bytes: string; sha256: string };
  if (!isDeepStrictEqual(owner, { ...identity })) {
    throw new WalError(
      'foreign',
      `the snapshot ${name} belongs to ${owner.nodeId} (${owner.diskId})`,
    );
  }
  return { meta, bytes: Number(bytes), sha256, contentAt: FIXED_BYTES + length };
}
