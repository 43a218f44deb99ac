/** What a data folder may hold, by name, and whose it is. */
import type { DiskSpace } from './disk-space.ts';
import { WalError } from './errors.ts';
import type { WalFiles } from './wal-files.ts';
import { FORMAT_VERSION, type DiskIdentity, type WalIdentity } from './wal-frames.ts';

const IDENTITY = 'identity';
const IDENTITY_TEMPORARY = `${IDENTITY}.new`;
const SEGMENT = /^(\d{8})\.wal$/;
const SPARE = /^(\d{8})\.spare$/;
const SNAPSHOT = /^\d{16}-\d{10}\.snapshot$/;
const RECEIVING = /^\d{16}-\d{10}\.receiving$/;
const TEMPORARY = /^\d{16}-\d{10}\.new$/;
/** File systems and administrators leave these anywhere. */
const IGNORED = /^(\.|lost\+found$)/;

export const segmentName = (segment: number): string => `${String(segment).padStart(8, '0')}.wal`;
export const spareName = (spare: number): string => `${String(spare).padStart(8, '0')}.spare`;

/** The files of a data folder by what they are. */
export interface Folder {
  readonly hasIdentity: boolean;
  /** Numbers, in order. */
  readonly segments: readonly number[];
  readonly spares: readonly number[];
  readonly snapshots: readonly string[];
  readonly receiving: readonly string[];
  /** Begun and never finished by an earlier process. */
  readonly leftovers: readonly string[];
}

/** Sorts the files of a folder; refuses one that holds anything else. */
export async function listFolder(files: WalFiles): Promise<Folder> {
  const names = (await files.list()).filter((name) => !IGNORED.test(name)).sort();
  const numbers = (pattern: RegExp): number[] =>
    names.flatMap((name) => pattern.exec(name)?.[1] ?? []).map(Number);
  const isKnown = (name: string): boolean =>
    [IDENTITY, IDENTITY_TEMPORARY].includes(name) ||
    [SEGMENT, SPARE, SNAPSHOT, RECEIVING, TEMPORARY].some((pattern) => pattern.test(name));
  const unknown = names.find((name) => !isKnown(name));
  if (unknown !== undefined) {
    throw new WalError('garbage', `the data folder holds ${unknown}, which is no part of a log`);
  }
  return {
    hasIdentity: names.includes(IDENTITY),
    segments: numbers(SEGMENT),
    spares: numbers(SPARE),
    snapshots: names.filter((name) => SNAPSHOT.test(name)),
    receiving: names.filter((name) => RECEIVING.test(name)),
    leftovers: names.filter((name) => name === IDENTITY_TEMPORARY || TEMPORARY.test(name)),
  };
}

/** Writes whose folder it is: the last step of a first start. */
export async function writeIdentity(
  files: WalFiles,
  space: DiskSpace,
  identity: DiskIdentity,
): Promise<void> {
  const text = JSON.stringify({ format: FORMAT_VERSION, ...identity });
  await space.run(async () => {
    const file = await files.create(IDENTITY_TEMPORARY);
    try {
      await file.write(Buffer.from(text), 0);
      await file.sync();
    } finally {
      await file.close();
    }
  });
  await files.rename(IDENTITY_TEMPORARY, IDENTITY);
  await files.syncDirectory();
}

/** Which cluster and group a folder's log belongs to, whoever's it is. */
export async function readGroup(
  files: Pick<WalFiles, 'read'>,
): Promise<Pick<WalIdentity, 'clusterId' | 'groupId'>> {
  const content = await files.read(IDENTITY).catch(() => undefined);
  if (content === undefined) {
    throw new WalError('identity', 'the data folder holds no log of a member');
  }
  const { clusterId, groupId } = parse(content.toString('utf8'));
  if (typeof clusterId !== 'string' || typeof groupId !== 'string') throw damagedIdentity();
  return { clusterId, groupId };
}

/** The id of this disk; refuses a folder that belongs to someone else. */
export async function readIdentity(files: WalFiles, expected: WalIdentity): Promise<DiskIdentity> {
  const value = parse((await files.read(IDENTITY)).toString('utf8'));
  if (value.format !== FORMAT_VERSION) {
    throw new WalError(
      'format',
      `the data folder has format ${String(value.format)}, this program knows ${FORMAT_VERSION}`,
    );
  }
  for (const key of ['clusterId', 'nodeId', 'groupId'] as const) {
    if (value[key] === expected[key]) continue;
    const text = `the data folder belongs to ${key} ${String(value[key])}, not ${expected[key]}`;
    throw new WalError('foreign', text);
  }
  if (typeof value.diskId !== 'string') throw damagedIdentity();
  return { ...expected, diskId: value.diskId };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below, like any other content that is none.
  }
  throw damagedIdentity();
}

const damagedIdentity = (): WalError =>
  new WalError('identity', `the file ${IDENTITY} of the data folder is damaged`);
