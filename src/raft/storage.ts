/**
 * The disk of a member: its write-ahead log and its snapshots in one folder. What was reported durable is there after any
 * crash; a folder that cannot be trusted is refused with a reason.
 */
import type { Clock, Random } from '../std/index.ts';
import { assert, required } from '../std/index.ts';
import type { Entry, HardState, SnapshotMeta, StoredState } from './core/index.ts';
import { DiskSpace } from './disk-space.ts';
import type { SnapshotPort } from './peers.ts';
import { WalError } from './errors.ts';
import type { SnapshotFile } from './snapshot-files.ts';
import type { SnapshotReception } from './snapshot-receiver.ts';
import { Snapshots } from './snapshots.ts';
import type { WalFiles } from './wal-files.ts';
import {
  listFolder,
  readIdentity,
  segmentName,
  spareName,
  writeIdentity,
  type Folder,
} from './wal-folder.ts';
import { hasFrameAfter, type DiskIdentity, type WalIdentity } from './wal-frames.ts';
import { beginLog, recoverLog, type RecoveredLog } from './wal-recovery.ts';
import { SegmentPool } from './wal-segments.ts';
import { WalWriter } from './wal-writer.ts';

export type { SnapshotFile } from './snapshot-files.ts';
export type { SnapshotReception } from './snapshot-receiver.ts';

const LIMITS = {
  segmentBytes: 16 * 2 ** 20,
  /** Unused segments kept for later use. */
  spareSegmentsMax: 4,
  /** Bytes gathered for one flush; a single larger write still goes through. */
  frameBytesMax: 8 * 2 ** 20,
  diskFullRetryMs: 250,
} as const;

/** An interrupted first start leaves at most a piece of one small frame. */
const FIRST_FRAME_BYTES_MAX = 64 * 1024;

export type StorageLimits = { readonly [Name in keyof typeof LIMITS]: number };

export interface StorageOptions {
  readonly files: WalFiles;
  readonly identity: WalIdentity;
  /** The founding members; they only matter while the folder is empty. */
  readonly bootstrapVoters: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<StorageLimits>;
  /** Called with the duration of each flush, in seconds. */
  readonly onFlush?: (seconds: number) => void;
  /** Called once when the disk failed: what is on it is unknown then, nothing is written after it. */
  readonly onFailure: (error: Error) => void;
  /** Called with true when there is no room, and with false when there is again; meanwhile writes wait. */
  readonly onDiskFull?: (isFull: boolean) => void;
}

/** What is written at once, in this order: the log begins anew after `snapshot`, then entries, then term and vote. */
export interface StorageWrite {
  readonly snapshot?: SnapshotMeta | undefined;
  readonly entries: readonly Entry[];
  readonly hardState?: HardState | undefined;
}

export interface Storage {
  /** What the disk held when it was opened. */
  readonly stored: StoredState;
  /** What this disk is known by; a new one with every empty folder. */
  readonly diskId: string;
  /** Bytes of a torn last write that were cut off; 0 after a clean stop. */
  readonly repairedBytes: number;
  /** The snapshot that the log follows; undefined when it needs none. */
  snapshot(): SnapshotFile | undefined;
  /**
   * Writes after all earlier writes and calls `onDurable` when this and all before are on disk, in order. The file of
   * `snapshot` must have been received before. An empty write only waits for earlier ones.
   */
  append(write: StorageWrite, onDurable: () => void): void;
  /** Entries up to `through` are not needed any more; what lies after the snapshot is kept all the same. */
  compact(through: number): void;
  /**
   * Writes a snapshot of the state after `meta.index`, which must be applied here: chunk by chunk, so that other work goes
   * on meanwhile. Resolves with the latest snapshot when the log follows it.
   */
  writeSnapshot(meta: SnapshotMeta, chunks: Iterable<Uint8Array>): Promise<SnapshotFile>;
  /** The content from `offset` on; rejects damage, if read from the beginning to the end. */
  readSnapshot(index: number, offset: number): AsyncIterable<Uint8Array>;
  /** Takes a snapshot of another member, from where an earlier attempt broke off. */
  receiveSnapshot(announced: SnapshotFile): Promise<SnapshotReception>;
  /** Looks whether another process writes to this log; what it finds is a failure of the disk. */
  verify(): void;
  /** How long the oldest write has been waiting; 0 when none is. */
  oldestWriteAgeMs(): number;
  /** Writes that are not durable yet. */
  waiting(): number;
  /** Waits for what was appended, then releases the folder. */
  close(): Promise<void>;
}

/** Opens the data folder, or makes an empty one this member's; rejects with {@link WalError} if it cannot be used. */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  await options.files.lock(options.clock);
  try {
    return await open(options);
  } catch (error) {
    await options.files.unlock();
    throw error;
  }
}

async function open(options: StorageOptions): Promise<Storage> {
  const { files, clock } = options;
  const limits = { ...LIMITS, ...options.limits };
  const space = new DiskSpace({
    clock,
    retryMs: limits.diskFullRetryMs,
    onDiskFull: options.onDiskFull ?? (() => undefined),
  });
  if (!(await listFolder(files)).hasIdentity) await begin(options, space, limits);
  const identity = await readIdentity(files, options.identity);
  const folder = await listFolder(files);
  const log = await recoverLog(files, identity, folder.segments);
  const onFailure = (error: Error): void => {
    if (isFailed || (error instanceof WalError && error.code === 'closed')) return;
    isFailed = true;
    writer.stop(error);
    options.onFailure(error);
  };
  let isFailed = false;
  const snapshots = new Snapshots({ files, space, identity, onFailure });
  const stored = log.history.stored();
  await snapshots.recover(folder, log.history.tail().base);
  const spares = await keepSpares(files, folder, log, limits);
  const pool = new SegmentPool({
    files,
    space,
    diskId: identity.diskId,
    segmentBytes: limits.segmentBytes,
    sparesMax: limits.spareSegmentsMax,
    spares,
    onFailure,
  });
  const writer = createWriter({ options, limits, space, pool, identity, log, onFailure });
  return assemble({ options, stored, identity, log, space, pool, snapshots, writer });
}

/** Makes an empty folder this member's; the identity comes last, so that a crash before it leaves nothing that counts. */
async function begin(
  options: StorageOptions,
  space: DiskSpace,
  limits: StorageLimits,
): Promise<void> {
  const { files, random, bootstrapVoters } = options;
  const folder = await listFolder(files);
  const [first, ...later] = folder.segments;
  const hasLog =
    later.length > 0 || (first !== undefined && (first !== 1 || (await isUsed(files))));
  if (hasLog || folder.snapshots.length > 0) {
    throw new WalError('identity', 'the data folder holds a log, but no identity');
  }
  for (const number of folder.spares) await files.remove(spareName(number));
  for (const name of [...folder.receiving, ...folder.leftovers]) await files.remove(name);
  const diskId = Buffer.from(random.bytes(16)).toString('hex');
  const identity = { ...options.identity, diskId };
  const pool = new SegmentPool({
    files,
    space,
    diskId,
    segmentBytes: limits.segmentBytes,
    sparesMax: 0,
    spares: [],
    onFailure: options.onFailure,
  });
  await beginLog(pool, identity, bootstrapVoters);
  await pool.close();
  await writeIdentity(files, space, identity);
}

/** True when the first segment holds more than the one frame that a first start writes. */
async function isUsed(files: WalFiles): Promise<boolean> {
  const content = await files.read(segmentName(1));
  if (content.subarray(FIRST_FRAME_BYTES_MAX).some((byte) => byte !== 0)) return true;
  const salt = content.subarray(8, 16);
  return salt.some((byte) => byte !== 0) && hasFrameAfter(content, 0, salt);
}

/** Files of the right size that hold nothing, at most as many as are kept; the others are removed. */
async function keepSpares(
  files: WalFiles,
  folder: Folder,
  log: RecoveredLog,
  { segmentBytes, spareSegmentsMax }: StorageLimits,
): Promise<number[]> {
  const usable: number[] = [];
  const isUsable = async (name: string): Promise<boolean> => {
    const file = await files.open(name);
    const isWhole = (await file.size()) === segmentBytes;
    await file.close();
    return isWhole && usable.length < spareSegmentsMax;
  };
  for (const number of folder.spares) {
    if (await isUsable(spareName(number))) usable.push(number);
    else await files.remove(spareName(number));
  }
  // The last first: in between the log must not have a gap.
  for (const segment of [...log.unused].reverse()) {
    const spare = Math.max(0, ...folder.spares, ...usable) + 1;
    if (await isUsable(segmentName(segment))) {
      await files.rename(segmentName(segment), spareName(spare));
      usable.push(spare);
    } else {
      await files.remove(segmentName(segment));
    }
    await files.syncDirectory();
  }
  await files.syncDirectory();
  return usable;
}

interface Parts {
  readonly options: StorageOptions;
  readonly limits: StorageLimits;
  readonly space: DiskSpace;
  readonly pool: SegmentPool;
  readonly identity: DiskIdentity;
  readonly log: RecoveredLog;
  readonly onFailure: (error: Error) => void;
}

function createWriter(parts: Parts): WalWriter {
  const { options, limits, pool, identity, log, onFailure } = parts;
  return new WalWriter({
    identity,
    pool,
    clock: options.clock,
    frameBytesMax: limits.frameBytesMax,
    tail: log.history.tail(),
    older: log.older,
    current: log.current,
    currentLastIndex: log.currentLastIndex,
    onFlush: options.onFlush ?? (() => undefined),
    onFailure,
  });
}

type Opened = Omit<Parts, 'limits' | 'onFailure'> & {
  readonly stored: StoredState;
  readonly snapshots: Snapshots;
  readonly writer: WalWriter;
};

function assemble(opened: Opened): Storage {
  const { options, stored, identity, log, space, pool, snapshots, writer } = opened;
  /** One at a time, each after the one before. */
  let writing: Promise<unknown> = Promise.resolve();
  const follow = async (meta: SnapshotMeta): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      writer.append({ snapshot: { effect: 'mark', meta }, entries: [] }, resolve, reject);
    });
    await snapshots.followed(meta.index);
  };
  const writeSnapshot = async (
    meta: SnapshotMeta,
    chunks: Iterable<Uint8Array>,
  ): Promise<SnapshotFile> => {
    if (meta.index > (snapshots.latest()?.meta.index ?? 0)) {
      await snapshots.write(meta, chunks);
      await follow(meta);
    }
    return snapshots.latest() as SnapshotFile;
  };
  return {
    stored,
    diskId: identity.diskId,
    repairedBytes: log.repairedBytes,
    snapshot: () => snapshots.latest(),
    append({ snapshot, entries, hardState }, onDurable) {
      if (snapshot === undefined) return writer.append({ entries, hardState }, onDurable);
      assert(snapshots.has(snapshot), 'a log begins anew only after a snapshot that is here');
      const record = { effect: 'install', meta: snapshot } as const;
      writer.append({ snapshot: record, entries, hardState }, () => {
        const removal = snapshots.followed(snapshot.index).catch(() => undefined);
        writing = Promise.all([writing, removal]);
        onDurable();
      });
    },
    compact: (through) => writer.compact(through),
    writeSnapshot(meta, chunks) {
      const result = writing.then(() => writeSnapshot(meta, chunks));
      writing = result.catch(() => undefined);
      return result;
    },
    readSnapshot: (index, offset) => snapshots.read(index, offset),
    receiveSnapshot: (announced) => snapshots.receive(announced),
    verify: () => writer.verify(),
    oldestWriteAgeMs: () => writer.oldestWriteAgeMs(),
    waiting: () => writer.waiting(),
    async close() {
      snapshots.close();
      space.close();
      await writing;
      await writer.close();
      await pool.close();
      await options.files.unlock();
    },
  };
}

/** What the transport needs of a storage that may not be open yet, or not any more. */
export function snapshotPort(storage: () => Storage | undefined): SnapshotPort {
  const opened = (): Storage => required(storage(), 'snapshots travel while the storage is open');
  return {
    describe(index) {
      const file = storage()?.snapshot();
      return file?.meta.index === index ? file : undefined;
    },
    read: (index, offset) => opened().readSnapshot(index, offset),
    receive: (header) => opened().receiveSnapshot(header),
  };
}
