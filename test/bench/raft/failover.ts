/**
 * How long no write is possible when the leader dies, says good-bye or falls silent; the same method for etcd. From the
 * signal on, a new write starts at each survivor every few milliseconds; the first one that is answered in a later term
 * ends the measurement. The writes are small and few, so that the client does not count.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { summarize, type Sample } from '../measure.ts';
import { Etcd } from './etcd.ts';
import { Group } from './group.ts';
import { untilIdle } from './processes.ts';
import { range, type Row } from '../table.ts';
import { type Part, type RaftBenchOptions } from './row.ts';

const PROBE_EVERY_MS = 5;
const GIVE_UP_MS = 20_000;
/** So that the signal falls anywhere between two heartbeats. */
const PHASE_MS = { least: 300, spread: 200 };
const SILENCE_MS_MAX = 500;

type Signal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP';

interface Side {
  /** The leader, once all follow it and are up to date. */
  leader(): Promise<{
    readonly child: ChildProcess;
    /** Writes at each other member; they resolve with the term of the answer. */
    readonly writes: readonly (() => Promise<number>)[];
    startAgain(): Promise<void>;
  }>;
  stop(): Promise<void>;
}

async function startOurs(): Promise<Side> {
  const group = await Group.start();
  return {
    async leader() {
      const leader = await group.leader();
      return {
        child: leader.child,
        writes: group.followers(leader).map((member) => () => member.call('propose')),
        startAgain: () => group.startMember(leader.id),
      };
    },
    stop: () => group.stop(),
  };
}

async function startEtcd(): Promise<Side> {
  const etcd = await Etcd.start();
  return {
    async leader() {
      const leader = await etcd.leader();
      return {
        child: leader.child,
        writes: etcd.followers(leader).map((member) => () => member.put()),
        startAgain: async () => etcd.startMember(leader.id),
      };
    },
    stop: () => etcd.stop(),
  };
}

/** Milliseconds from the signal to the first write answered under another leader. */
async function outage(side: Side, signal: Signal): Promise<number> {
  const { child, writes, startAgain } = await side.leader();
  await pause(PHASE_MS.least + PHASE_MS.spread * Math.random());
  const term = await (writes[0] as () => Promise<number>)();
  const over = signal === 'SIGSTOP' ? undefined : once(child, 'exit');
  const result = await firstWriteAfter(term, writes, () => child.kill(signal));
  if (over === undefined) {
    child.kill('SIGCONT');
  } else {
    await over;
    await startAgain();
  }
  return result;
}

async function firstWriteAfter(
  term: number,
  writes: readonly (() => Promise<number>)[],
  begin: () => void,
): Promise<number> {
  let first: number | undefined;
  let failure: unknown;
  const began = performance.now();
  begin();
  while (first === undefined) {
    if (performance.now() - began > GIVE_UP_MS) {
      throw new Error(`no write succeeded for ${GIVE_UP_MS} ms`, { cause: failure });
    }
    for (const write of writes) {
      write().then(
        (answered) => {
          if (answered > term) first ??= performance.now() - began;
        },
        (error: unknown) => {
          failure = error;
        },
      );
    }
    await pause(PROBE_EVERY_MS);
  }
  return first;
}

/** `times` outages of each side, in turn. */
async function outages(
  signal: Signal,
  times: number,
  print: (line: string) => void,
): Promise<{ ours: Sample; etcd: Sample }> {
  const sides = { ours: await startOurs(), etcd: await startEtcd() };
  const values = { ours: [] as number[], etcd: [] as number[] };
  try {
    for (let i = 0; i < times; i++) {
      await untilIdle();
      for (const name of ['ours', 'etcd'] as const) {
        values[name].push(await outage(sides[name], signal));
      }
    }
  } finally {
    await Promise.all([sides.ours.stop(), sides.etcd.stop()]);
  }
  for (const [name, list] of Object.entries(values)) {
    print(`  ${signal} ${name}: ${list.map((ms) => ms.toFixed(0)).join(' ')} ms`);
  }
  return { ours: summarize(values.ours), etcd: summarize(values.etcd) };
}

function part(
  signal: Signal,
  title: string,
  rows: (result: { ours: Sample; etcd: Sample }) => readonly Omit<Row, 'ours' | 'peer'>[],
): Part {
  return {
    needsEtcd: true,
    needsLoader: false,
    async run({ kills }: RaftBenchOptions, print) {
      print(`${title}, ${kills} times each, both with their default timing`);
      const result = await outages(signal, kills, print);
      const [ours, peer] = [range(result.ours, 'ms'), range(result.etcd, 'ms')];
      return rows(result).map((row) => ({ ...row, ours, peer }));
    },
  };
}

/** kill -9. */
export const failover = part('SIGKILL', 'the leader is killed', ({ ours, etcd }) => [
  {
    name: 'failover',
    what: 'kill -9 of the leader to the first write elsewhere, median',
    value: ours.median / etcd.median,
    goal: { atMost: 0.35 },
  },
  {
    name: 'failover-worst',
    what: 'kill -9 of the leader to the first write elsewhere, worst',
    value: ours.max / etcd.max,
    goal: { atMost: 0.6 },
  },
]);

/** SIGTERM: the leader hands over before it goes. */
export const handOver = part('SIGTERM', 'the leader is told to end', ({ ours, etcd }) => [
  {
    name: 'hand-over',
    what: 'SIGTERM of the leader to the first write under another one',
    value: ours.median / etcd.median,
    goal: { atMost: 1.5 },
  },
]);

/** SIGSTOP: no connection breaks, nobody answers. */
export const silence = part('SIGSTOP', 'the leader falls silent', ({ ours }) => [
  {
    name: 'silent-leader-ms',
    what: 'SIGSTOP of the leader to the first write elsewhere, worst, in ms',
    value: ours.max,
    goal: { atMost: SILENCE_MS_MAX },
  },
]);
