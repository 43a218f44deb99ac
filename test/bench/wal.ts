/** The write-ahead log beside a bare loop of durable writes to a preallocated file: durable entries per second. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from '../../src/raft/core/index.ts';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { openStorage, type Storage } from '../../src/raft/storage.ts';
import { diskFiles, type WalFile } from '../../src/raft/wal-files.ts';
import { interleave, show, type Sample } from './measure.ts';

const ENTRY_BYTES = 256;
const BATCHES = [1, 16, 256] as const;
/** Short turns: what else the machine does then hits both contenders alike. */
const BATCHES_A_TURN = 5;
const TURNS = { short: 20, whole: 400 } as const;
const PREALLOCATED_BYTES = 64 * 2 ** 20;
const SNAPSHOT_EVERY_BYTES = 48 * 2 ** 20;
/** More than is kept for later use. */
const WORN_BYTES = 96 * 2 ** 20;
type Write = (data: Uint8Array) => Promise<void>;

const STATE = Buffer.alloc(64 * 1024, 's');

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-wal-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Durable entries per second in one turn: one batch after the other, made before the clock starts. */
async function turn<T>(
  batch: number,
  make: () => T,
  write: (data: T) => Promise<void>,
): Promise<number> {
  const batches = Array.from({ length: BATCHES_A_TURN }, make);
  const started = performance.now();
  for (const data of batches) await write(data);
  return (BATCHES_A_TURN * batch * 1000) / (performance.now() - started);
}

/** A log that has run for a while: its segments were used before, as the bare loop's file was. */
class WornLog {
  readonly #storage: Storage;
  #index: number;
  #snapshotAt: number;

  private constructor(storage: Storage) {
    this.#storage = storage;
    this.#index = storage.stored.snapshot.index;
    this.#snapshotAt = this.#index;
  }

  static async open(folder: string): Promise<WornLog> {
    const log = new WornLog(
      await openStorage({
        files: diskFiles(folder),
        identity: { clusterId: 'bench', nodeId: 'n1', groupId: 'main' },
        bootstrapVoters: ['n1'],
        clock: systemClock,
        random: systemRandom,
        onFailure: (error) => {
          throw error;
        },
      }),
    );
    const large = Array.from({ length: 4_096 }, () => Buffer.alloc(ENTRY_BYTES, 'w'));
    for (let bytes = 0; bytes < WORN_BYTES; bytes += large.length * ENTRY_BYTES) {
      await log.write(log.entries(large));
    }
    await log.#snapshot(log.#index);
    return log;
  }

  /** The next entries, as the core hands them over. */
  entries(commands: readonly Uint8Array[]): Entry[] {
    return commands.map((data) => ({ kind: 'command', index: (this.#index += 1), term: 1, data }));
  }

  /** Makes a batch durable; a snapshot now and then lets segments go. */
  async write(entries: readonly Entry[]): Promise<void> {
    await new Promise<void>((resolve) => this.#storage.append({ entries }, resolve));
    const { index } = entries.at(-1) as Entry;
    if ((index - this.#snapshotAt) * ENTRY_BYTES > SNAPSHOT_EVERY_BYTES) void this.#snapshot(index);
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  async #snapshot(index: number): Promise<void> {
    this.#snapshotAt = index;
    const { configuration } = this.#storage.stored.snapshot;
    const meta = { index, term: 1, configuration };
    await this.#storage.writeSnapshot(meta, [STATE]);
    this.#storage.compact(meta.index);
  }
}

/** A preallocated file, written from the beginning again when it is full. */
async function openBareFile(folder: string): Promise<{ file: WalFile; write: Write }> {
  const file = await diskFiles(folder).create('bare');
  await file.write(Buffer.alloc(PREALLOCATED_BYTES, 'w'), 0);
  await file.sync();
  let position = 0;
  const write: Write = async (data) => {
    await file.writeDurably(data, position);
    position = (position + data.length) % (PREALLOCATED_BYTES - data.length);
  };
  return { file, write };
}

/** Both are open all the time and take turns. */
async function compare(
  folder: string,
  batch: number,
  turns: number,
): Promise<Record<'ours' | 'bare', Sample>> {
  const log = await WornLog.open(join(folder, 'log'));
  const bare = await openBareFile(folder);
  const commands = Array.from({ length: batch }, () => Buffer.alloc(ENTRY_BYTES, 'x'));
  const data = Buffer.concat(commands);
  try {
    return await interleave(
      {
        ours: () =>
          turn(
            batch,
            () => log.entries(commands),
            (entries) => log.write(entries),
          ),
        bare: () => turn(batch, () => data, bare.write),
      },
      turns,
    );
  } finally {
    await log.close();
    await bare.file.close();
  }
}

/** Measures and prints; returns the ratios by name. `short` only shows that it works. */
export async function benchWal(
  print: (line: string) => void,
  { short }: { readonly short: boolean },
): Promise<Record<string, number>> {
  const turns = short ? TURNS.short : TURNS.whole;
  const ratios: Record<string, number> = {};
  print('write-ahead log, durable 256 B entries/s: median (min–max)');
  for (const batch of BATCHES) {
    const { ours, bare } = await withFolder((folder) => compare(folder, batch, turns));
    const ratio = ours.median / bare.median;
    ratios[`wal/${batch}`] = ratio;
    print(
      `  batch ${String(batch).padStart(3)}: ours ${show(ours)}, bare loop ${show(bare)}, ratio ${ratio.toFixed(2)}`,
    );
  }
  return ratios;
}
