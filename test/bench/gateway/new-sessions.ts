/** New sessions in a cluster of three, each agreed before it is answered: how many a second, and whose processor time they take. */
import { summarize, type Sample } from '../measure.ts';
import { childrenMicros, untilIdle, withCpu } from '../raft/processes.ts';
import { range, type Row } from '../table.ts';
import { openStage, type Running } from './cluster.ts';
import { NAMES } from './cluster-speed.ts';
import { initializeBody, runLoad } from './load.ts';
import type { GatewayPart } from './parts.ts';

/** The engine has compiled what it will compile after so many; with those that are measured they stay below `sessions.max`. */
const WARM_UP_SESSIONS = 4_000;
const WARM_UP_LOADS_MAX = 8;
const SECONDS = 2;
const CONNECTIONS = 64;
/** At 2,000 a second, all that a session takes of a machine with two cores, in microseconds. */
const BUDGET_MICROS = 1_000;

interface Measured {
  readonly perSecond: number;
  /** Microseconds of processor time for each session. */
  readonly front: number;
  readonly others: number;
  readonly servers: number;
  readonly generator: number;
}

async function measureOnce(profileDir: string | undefined): Promise<Measured> {
  const stage = await openStage();
  try {
    const servers = await Promise.all(NAMES.map((name) => stage.trivialServer(name)));
    const gateways = await stage.gateways(servers, profileDir);
    const [front] = gateways as [Running];
    const requests = [{ session: undefined, body: initializeBody }];
    const load = { origin: front.origin, connections: CONNECTIONS, requests, folder: stage.folder };
    for (let opened = 0, loads = 0; opened < WARM_UP_SESSIONS && loads < WARM_UP_LOADS_MAX; loads++)
      opened += (await runLoad({ ...load, seconds: 1 })).requests;
    await untilIdle();
    const generatorBefore = await childrenMicros();
    const pids = [...gateways, ...servers].map(({ pid }) => pid);
    const { result, micros } = await withCpu(pids, () => runLoad({ ...load, seconds: SECONDS }));
    const each = (from: number, to: number): number =>
      micros.slice(from, to).reduce((sum, value) => sum + value, 0) / result.requests;
    return {
      perSecond: result.perSecond,
      front: each(0, 1),
      others: each(1, NAMES.length),
      servers: each(NAMES.length, micros.length),
      generator: ((await childrenMicros()) - generatorBefore) / result.requests,
    };
  } finally {
    await stage.stop();
  }
}

export const newSessions: GatewayPart = {
  needs: ['wrk', 'nginx'],
  async run({ repetitions, profileDir }) {
    const runs: Measured[] = [];
    // A cluster for each repetition: it holds ten thousand sessions at most.
    for (let repetition = 0; repetition < repetitions; repetition++)
      runs.push(await measureOnce(profileDir));
    const of = (what: (run: Measured) => number): Sample => summarize(runs.map(what));
    const rate = of((run) => run.perSecond);
    const all = of((run) => run.front + run.others + run.servers + run.generator);
    const part = (name: string, what: (run: Measured) => number): string =>
      `${name} ${of(what).median.toFixed(0)}`;
    const parts = [
      part('the pod that is asked', (run) => run.front),
      part('the two others', (run) => run.others),
      part('MCP servers', (run) => run.servers),
      part('generator', (run) => run.generator),
    ].join(', ');
    const what = `new sessions through one of three members, ${CONNECTIONS} connections`;
    const rows: Row[] = [
      {
        ...{ name: 'sessions/rate', what, ours: range(rate, '/s'), peer: '' },
        ...{ value: rate.median, goal: { atLeast: 2_000 } },
      },
      {
        ...{ name: 'sessions/cpu', what: 'processor time of a new session, all processes' },
        ...{ ours: `${range(all, 'µs')}: ${parts}`, peer: '' },
        ...{ value: all.median, goal: { atMost: BUDGET_MICROS } },
      },
    ];
    return rows;
  },
};
