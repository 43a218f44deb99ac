/** What the tests of the disk share: a storage on a small disk, and what is written to it. */
import { systemClock } from '../../src/host/index.ts';
import { seededRandom } from '../../src/std/index.ts';
import type { Entry, HardState, SnapshotMeta } from '../../src/raft/core/index.ts';
import {
  openStorage,
  type SnapshotFile,
  type Storage,
  type StorageOptions,
  type StorageWrite,
} from '../../src/raft/storage.ts';

export const IDENTITY = { clusterId: 'c', nodeId: 'n1', groupId: 'main' };
export const SEGMENT_BYTES = 4_096;

/** Opens a storage with segments of a few entries; a failure of the disk fails the test unless it is expected. */
export function openDisk(
  files: StorageOptions['files'],
  more: Partial<StorageOptions> = {},
): Promise<Storage> {
  return openStorage({
    files,
    identity: IDENTITY,
    bootstrapVoters: [],
    clock: systemClock,
    random: seededRandom(1),
    limits: { segmentBytes: SEGMENT_BYTES, spareSegmentsMax: 2, diskFullRetryMs: 1 },
    onFailure: (error) => {
      throw error;
    },
    ...more,
  });
}

/** Resolves when the write is durable. */
export const written = (storage: Storage, write: Partial<StorageWrite>): Promise<void> =>
  new Promise((resolve) => storage.append({ entries: [], ...write }, resolve));

export function entry(index: number, term = 1, text = `entry ${index}`): Entry {
  return { index, term, kind: 'command', data: Buffer.from(text) };
}

/** Entries `from` to `to`, each of `bytes` bytes. */
export const entries = (from: number, to: number, term = 1, bytes = 300): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, i) =>
    entry(from + i, term, `${from + i} `.padEnd(bytes, 'x')),
  );

export const hardState = (term: number, vote?: string, commit = 0): HardState => ({
  term,
  vote,
  commit,
});

export const texts = (list: readonly Entry[]): string[] =>
  list.map(({ data }) => Buffer.from(data).toString());

export function metaAt(index: number, term = 1): SnapshotMeta {
  const configuration = {
    voters: ['n1', 'n2', 'n3'],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  return { index, term, configuration };
}

/** The whole content of a snapshot. */
export async function contentOf(storage: Storage, index: number, offset = 0): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of storage.readSnapshot(index, offset)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Receives a snapshot as another member would send it, in small chunks. */
export async function received(
  storage: Storage,
  announced: SnapshotFile,
  content: Uint8Array,
): Promise<SnapshotFile> {
  const reception = await storage.receiveSnapshot(announced);
  for (let at = reception.offset; at < content.length; at += 100) {
    await reception.add(content.subarray(at, Math.min(at + 100, content.length)));
  }
  return reception.finish();
}
