/** The write-ahead log beside a bare loop of preallocated append and fdatasync: durable entries per second. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/host/index.ts';
import { openWal } from '../../src/raft/wal.ts';
import { diskFiles } from '../../src/raft/wal-files.ts';
import { interleave, show } from './measure.ts';

const ENTRY_BYTES = 256;
const BATCHES = [1, 16, 256] as const;
const RUN_MS = 1_000;
const REPETITIONS = 3;
const PREALLOCATED_BYTES = 64 * 2 ** 20;

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

const ours = (batch: number): Promise<number> =>
  withFolder(async (folder) => {
    const wal = await openWal({
      files: diskFiles(folder),
      identity: { clusterId: 'bench', nodeId: 'n1', groupId: 'main' },
      clock: systemClock,
      onFailure: (error) => {
        throw error;
      },
    });
    let index = 0;
    const result = await rate(batch, () => {
      const records = Array.from({ length: batch }, () => ({
        type: 'entry' as const,
        entry: {
          kind: 'command' as const,
          index: (index += 1),
          term: 1,
          data: new Uint8Array(ENTRY_BYTES),
        },
      }));
      return new Promise((resolve) => wal.append(records, resolve));
    });
    await wal.close();
    return result;
  });

const bare = (batch: number): Promise<number> =>
  withFolder(async (folder) => {
    const file = await open(join(folder, 'log'), 'w');
    await file.write(Buffer.alloc(PREALLOCATED_BYTES), 0, PREALLOCATED_BYTES, 0);
    await file.sync();
    const data = Buffer.alloc(batch * ENTRY_BYTES);
    let position = 0;
    const result = await rate(batch, async () => {
      await file.write(data, 0, data.length, position);
      await file.datasync();
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
