/** Committed proposals per second and the time of a single one, beside etcd's puts, by turns. */
import { summarize, type Sample } from '../measure.ts';
import { Etcd } from './etcd.ts';
import { Group } from './group.ts';
import type { LoadResult } from './member.ts';
import { untilIdle, withCpu } from './processes.ts';
import { range, type Row } from '../table.ts';
import { type Part, type RaftBenchOptions } from './row.ts';

const IN_FLIGHT = [16, 64, 256, 1_000, 4_000] as const;
const BYTES = 256;
const WARM_UP_MS = 1_000;

interface Side {
  readonly name: string;
  pids(): readonly number[];
  load(inFlight: number, ms: number): Promise<LoadResult>;
}

interface Cell {
  readonly perSecond: Sample;
  readonly p50Ms: Sample;
  readonly p99Ms: Sample;
  /** Processor time of all members for one entry. */
  readonly cpuMicros: Sample;
}

/** Both sides in turn, each repetition on new members: a log that has grown must not decide. */
async function bothInTurn(
  options: RaftBenchOptions,
  inFlight: readonly number[],
  print: (line: string) => void,
): Promise<{ ours: Map<number, Cell>; etcd: Map<number, Cell> }> {
  const ms = options.short ? 500 : 3_000;
  const values = { ours: new Map<number, RunValues[]>(), etcd: new Map<number, RunValues[]>() };
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    for (const name of ['ours', 'etcd'] as const) {
      await withSide(name, options.profileDir, async (side) => {
        await side.load(64, WARM_UP_MS);
        for (const level of inFlight) {
          await untilIdle();
          const list = values[name].get(level) ?? [];
          values[name].set(level, [...list, await measure(side, level, ms, print)]);
        }
      });
    }
  }
  const cells = { ours: cellsOf(values.ours), etcd: cellsOf(values.etcd) };
  for (const level of inFlight) {
    for (const name of ['ours', 'etcd'] as const) {
      const cell = cells[name].get(level) as Cell;
      print(
        `  ${name} ${String(level).padStart(4)} in flight: ${range(cell.perSecond, '/s')}, p50 ${range(cell.p50Ms, 'ms')}, p99 ${range(cell.p99Ms, 'ms')}, all members ${range(cell.cpuMicros, 'µs CPU each')}`,
      );
    }
  }
  return cells;
}

type RunValues = readonly [perSecond: number, p50Ms: number, p99Ms: number, cpuMicros: number];

async function measure(
  side: Side,
  inFlight: number,
  ms: number,
  print: (line: string) => void,
): Promise<RunValues> {
  const { result, micros } = await withCpu(side.pids(), () => side.load(inFlight, ms));
  if (result.failed > 0) print(`  ${side.name}: ${result.failed} of them failed`);
  const cpu = micros.reduce((sum, each) => sum + each, 0) / result.committed;
  return [result.perSecond, result.p50Ms, result.p99Ms, cpu];
}

function cellsOf(values: ReadonlyMap<number, readonly RunValues[]>): Map<number, Cell> {
  const entries = [...values].map(([level, runs]): [number, Cell] => {
    const column = (at: 0 | 1 | 2 | 3): Sample => summarize(runs.map((run) => run[at]));
    return [
      level,
      { perSecond: column(0), p50Ms: column(1), p99Ms: column(2), cpuMicros: column(3) },
    ];
  });
  return new Map(entries);
}

async function withSide(
  name: 'ours' | 'etcd',
  profileDir: string | undefined,
  work: (side: Side) => Promise<void>,
): Promise<void> {
  if (name === 'etcd') {
    const etcd = await Etcd.start();
    try {
      await work({ name, pids: () => etcd.pids, load: (n, ms) => etcd.load(n, ms) });
    } finally {
      await etcd.stop();
    }
    return;
  }
  const group = await Group.start(profileDir);
  try {
    const leader = await group.leader();
    const load: Side['load'] = (inFlight, ms) =>
      leader.call('load', { inFlight, ms, bytes: BYTES });
    await work({ name, pids: () => group.pids, load });
  } finally {
    await group.stop();
  }
}

const best = (cells: ReadonlyMap<number, Cell>): Cell =>
  [...cells.values()].reduce((a, b) => (b.perSecond.median > a.perSecond.median ? b : a));

/** Proposals made inside the leader's process beside puts from a C program at etcd's leader; the best level of each. */
export const throughput: Part = {
  needsEtcd: true,
  needsLoader: true,
  async run(options, print) {
    print('committed 256 B proposals/s made in the leader, and etcd puts/s (h2load, no TLS)');
    const { ours, etcd } = await bothInTurn(options, IN_FLIGHT, print);
    const [mine, theirs] = [best(ours), best(etcd)];
    const row: Row = {
      name: 'throughput',
      what: 'committed proposals made in a sidecar, 256 B, best',
      ours: range(mine.perSecond, '/s'),
      peer: range(theirs.perSecond, '/s'),
      value: mine.perSecond.median / theirs.perSecond.median,
      goal: { atLeast: 2.5 },
    };
    return [row];
  },
};

/** One proposal at a time. */
export const latency: Part = {
  needsEtcd: true,
  needsLoader: true,
  async run(options, print) {
    print('one proposal at a time');
    const { ours, etcd } = await bothInTurn(options, [1], print);
    const [mine, theirs] = [best(ours), best(etcd)];
    const row: Row = {
      name: 'latency',
      what: 'one proposal at a time, p50',
      ours: range(mine.p50Ms, 'ms'),
      peer: range(theirs.p50Ms, 'ms'),
      value: mine.p50Ms.median / theirs.p50Ms.median,
      goal: { atMost: 1 },
    };
    return [row];
  },
};
