/** The write-ahead log beside a bare loop of preallocated append and fdatasync: durable entries per second. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { openStorage } from '../../src/raft/storage.ts';
import { diskFiles } from '../../src/raft/wal-files.ts';
import { interleave, show } from './measure.ts';

const ENTRY_BYTES = 256;
const BATCHES = [1, 16, 256] as const;
const RUN_MS = 1_000;
const REPETITIONS = 3;
const PREALLOCATED_BYTES = 64 * 2 ** 20;
const SNAPSHOT_EVERY_BYTES = 16 * 2 ** 20;
const STATE = Buffer.alloc(64 * 1024, 's');

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-wal-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Entries per second that `writeBatch` makes durable, one batch after the other. */
async function rate(batch: number, writeBatch: () => Promise<void>): Promise<number> {
  const started = performance.now();
  let entries = 0;
  while (performance.now() - started < RUN_MS) {
    await writeBatch();
    entries += batch;
  }
  return (entries * 1000) / (performance.now() - started);
}

/** As a member writes: entries of proposals that are there, and a snapshot now and then, which lets segments go. */
const ours = (batch: number): Promise<number> =>
  withFolder(async (folder) => {
    const storage = await openStorage({
      files: diskFiles(folder),
      identity: { clusterId: 'bench', nodeId: 'n1', groupId: 'main' },
      bootstrapVoters: ['n1'],
      clock: systemClock,
      random: systemRandom,
      onFailure: (error) => {
        throw error;
      },
    });
    const { configuration } = storage.stored.snapshot;
    const commands = Array.from({ length: batch }, () => Buffer.alloc(ENTRY_BYTES, 'x'));
    let index = 1;
    let snapshotAt = index;
    const writeBatch = async (): Promise<void> => {
      const entries = commands.map((data) => ({
        kind: 'command' as const,
        index: (index += 1),
        term: 1,
        data,
      }));
      await new Promise<void>((resolve) => storage.append({ entries }, resolve));
      if ((index - snapshotAt) * ENTRY_BYTES < SNAPSHOT_EVERY_BYTES) return;
      snapshotAt = index;
      const meta = { index, term: 1, configuration };
      void storage.writeSnapshot(meta, [STATE]).then(() => storage.compact(meta.index));
    };
    const result = await rate(batch, writeBatch);
    await storage.close();
    return result;
  });

/** The same calls to the disk for the bytes of the entries alone: one buffer, written over and over. */
const bare = (batch: number): Promise<number> =>
  withFolder(async (folder) => {
    const file = await diskFiles(folder).create('log');
    await file.write(Buffer.alloc(PREALLOCATED_BYTES), 0);
    await file.sync();
    const data = Buffer.alloc(batch * ENTRY_BYTES, 'x');
    let position = 0;
    const result = await rate(batch, async () => {
      await file.write(data, position);
      await file.sync();
      position = (position + data.length) % (PREALLOCATED_BYTES - data.length);
    });
    await file.close();
    return result;
  });

/** Measures and prints; returns the ratios by name. */
export async function benchWal(print: (line: string) => void): Promise<Record<string, number>> {
  const ratios: Record<string, number> = {};
  print('write-ahead log, durable 256 B entries/s: median (min–max)');
  for (const batch of BATCHES) {
    const result = await interleave(
      { ours: () => ours(batch), bare: () => bare(batch) },
      REPETITIONS,
    );
    const ratio = result.ours.median / result.bare.median;
    ratios[`wal/${batch}`] = ratio;
    print(
      `  batch ${String(batch).padStart(3)}: ours ${show(result.ours)}, bare loop ${show(result.bare)}, ratio ${ratio.toFixed(2)}`,
    );
  }
  return ratios;
}
