/** Our Raft beside etcd on this machine: what is measured, and the table that comes of it. */
import { mkdir } from 'node:fs/promises';
import { benchWal } from '../wal.ts';
import { etcdMissing, loaderMissing } from './etcd.ts';
import { failover, handOver, silence } from './failover.ts';
import { idleGate } from './processes.ts';
import { reached, table, type Row } from '../table.ts';
import { type Part, type RaftBenchOptions } from './row.ts';
import { latency, throughput } from './speed.ts';
import { catchUp, elections, idleMemory } from './steady.ts';

/** The log alone, beside a loop that only writes and flushes. */
const log: Part = {
  needsEtcd: false,
  needsLoader: false,
  async run(options, print) {
    const value = (await benchWal(print, options))['wal/256'] as number;
    const row: Row = {
      name: 'wal',
      what: 'durable log, 256 entries a flush, to a bare loop on a preallocated file',
      ours: '',
      peer: '',
      value,
      goal: { atLeast: 0.8 },
    };
    return [row];
  },
};

export const RAFT_PARTS: Readonly<Record<string, Part>> = {
  wal: log,
  throughput,
  latency,
  failover,
  'hand-over': handOver,
  silence,
  elections,
  memory: idleMemory,
  'catch-up': catchUp,
};

/** Measures the parts named in `only` (default: all), prints the table, returns the values by name. */
export async function benchRaft(
  print: (line: string) => void,
  only: readonly string[] | undefined,
  options: RaftBenchOptions,
): Promise<Record<string, number>> {
  const noEtcd = etcdMissing();
  const noLoader = await loaderMissing();
  const rows: Row[] = [];
  if (options.short) idleGate.waitMs = 500;
  if (options.profileDir !== undefined) await mkdir(options.profileDir, { recursive: true });
  for (const [name, part] of Object.entries(RAFT_PARTS)) {
    if (only !== undefined && !only.includes(name)) continue;
    const missing =
      (part.needsEtcd ? noEtcd : undefined) ?? (part.needsLoader ? noLoader : undefined);
    if (missing !== undefined) {
      print(`${name} is skipped: ${missing}`);
      continue;
    }
    try {
      rows.push(...(await part.run(options, print)));
    } catch (error) {
      // One broken part must not cost the hours of the others.
      print(`${name} failed: ${(error as Error).stack}`);
      process.exitCode = 1;
    }
  }
  print('');
  for (const line of table(rows, 'etcd')) print(line);
  print(
    `\n${rows.filter(reached).length} of ${rows.length} goals reached; ${idleGate.noisy} of ${idleGate.runs} measurements began on a busy machine`,
  );
  return Object.fromEntries(rows.map(({ name, value }) => [`raft/${name}`, value]));
}
