/** Calls through one gateway, beside nginx and beside no proxy at all, in the same run and by turns. */
import { summarize } from '../measure.ts';
import { untilIdle, withCpu } from '../raft/processes.ts';
import { range, type Row } from '../table.ts';
import { openStage, type Running, type Stage } from './cluster.ts';
import { callBody, openSessions, runLoad, type Load, type LoadResult } from './load.ts';
import type { GatewayBenchOptions, GatewayPart } from './parts.ts';

const SESSIONS = 64;
/** The engine has compiled what it will compile after this many seconds of load. */
const WARM_UP_SECONDS = 4;

interface Contender {
  readonly origin: string;
  /** Whose processor time counts. */
  readonly pids: readonly number[];
  readonly requests: Load['requests'];
}

type Measured = LoadResult & { readonly cpuMicros: number };

/** Loads every contender once in each repetition, in turn. */
export async function measure<Name extends string>(
  stage: Stage,
  contenders: Readonly<Record<Name, Contender>>,
  options: GatewayBenchOptions & { readonly connections: number },
): Promise<Record<Name, readonly Measured[]>> {
  const { connections, seconds, repetitions } = options;
  const measured = {} as Record<Name, Measured[]>;
  const entries = Object.entries(contenders) as [Name, Contender][];
  const load = ({ origin, requests }: Contender, length: number): Promise<LoadResult> =>
    runLoad({ origin, requests, connections, seconds: length, folder: stage.folder });
  for (const [, contender] of entries) await load(contender, WARM_UP_SECONDS);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [name, contender] of entries) {
      await untilIdle();
      const { result, micros } = await withCpu(contender.pids, () => load(contender, seconds));
      const cpu = micros.reduce((sum, value) => sum + value, 0) / result.requests;
      (measured[name] ??= []).push({ ...result, cpuMicros: cpu });
    }
  }
  return measured;
}

/** A cell and its median. */
export function cell(
  runs: readonly Measured[],
  what: keyof Measured,
  unit: string,
): { readonly text: string; readonly median: number } {
  const sample = summarize(runs.map((run) => run[what]));
  return { text: range(sample, unit), median: sample.median };
}

const call = callBody('test_simple_text');
export const requestsOf = async (origin: string, count = SESSIONS): Promise<Load['requests']> =>
  (await openSessions(origin, count)).map((session) => ({ session, body: call }));

/** Before a server that does real work, ours against no proxy. */
export const realServer: GatewayPart = {
  needs: ['wrk'],
  async run(options) {
    const stage = await openStage();
    try {
      const server = await stage.program('test/fixtures/mcp-server/main.ts');
      const [gateway] = (await stage.gateways([server], options.profileDir)) as [Running];
      const connections = 16;
      const runs = await measure(
        stage,
        {
          direct: { ...server, pids: [server.pid], requests: await requestsOf(server.origin, 16) },
          ours: { ...gateway, pids: [gateway.pid], requests: await requestsOf(gateway.origin, 16) },
        },
        { ...options, connections },
      );
      const rate = {
        ours: cell(runs.ours, 'perSecond', '/s'),
        direct: cell(runs.direct, 'perSecond', '/s'),
      };
      const p99 = {
        ours: cell(runs.ours, 'p99Ms', 'ms'),
        direct: cell(runs.direct, 'p99Ms', 'ms'),
      };
      const of = (name: string, what: string, goal: Row['goal'], sides: typeof rate): Row => ({
        ...{ name, what, goal, ours: sides.ours.text, peer: `direct ${sides.direct.text}` },
        value: sides.ours.median / sides.direct.median,
      });
      return [
        of(
          'real/rate',
          'tools/call before a real MCP server, 16 connections',
          { atLeast: 0.85 },
          rate,
        ),
        of('real/p99', 'the same, p99', { atMost: 1.15 }, p99),
      ];
    } finally {
      await stage.stop();
    }
  },
};

/** Its rows say what of ours is the libraries': see `floor.ts`. */
const FLOOR = 'the same, a bare proxy of node:http and undici';

/** Before a server that does nothing, so that the proxy is what is measured: ours against nginx. */
export const trivialServer: GatewayPart = {
  needs: ['wrk', 'nginx'],
  async run(options) {
    const stage = await openStage();
    try {
      const server = await stage.trivialServer();
      const nginx = await stage.nginx(server);
      const [gateway] = (await stage.gateways([server], options.profileDir)) as [Running];
      const floor = await stage.program('test/bench/gateway/floor.ts', { TARGET: server.origin });
      const requests = await requestsOf(gateway.origin);
      const contenders = {
        nginx: { ...nginx, pids: [nginx.pid], requests },
        floor: { ...floor, pids: [floor.pid], requests },
        ours: { ...gateway, pids: [gateway.pid], requests },
      };
      const rows: Row[] = [];
      for (const connections of [1, 64]) {
        const runs = await measure(stage, contenders, { ...options, connections });
        const compare = (
          what: keyof Measured,
          unit: string,
          whose: 'ours' | 'floor' = 'ours',
        ): Pick<Row, 'ours' | 'peer' | 'value'> => {
          const [ours, peer] = [cell(runs[whose], what, unit), cell(runs.nginx, what, unit)];
          return { ours: ours.text, peer: `nginx ${peer.text}`, value: ours.median / peer.median };
        };
        if (connections === 1) {
          const what = 'before a trivial server, 1 connection, p50';
          rows.push(
            { name: 'trivial/p50', what, goal: { atMost: 2 }, ...compare('p50Ms', 'ms') },
            {
              name: 'floor/p50',
              what: `${FLOOR}, p50`,
              goal: { atMost: 2 },
              ...compare('p50Ms', 'ms', 'floor'),
            },
          );
          continue;
        }
        const where = 'before a trivial server, 64 connections';
        rows.push(
          {
            name: 'trivial/cpu',
            what: `${where}, processor time a request`,
            goal: { atMost: 3.5 },
            ...compare('cpuMicros', 'µs'),
          },
          {
            name: 'trivial/rate',
            what: `${where}, requests`,
            goal: { atLeast: 0.5 },
            ...compare('perSecond', '/s'),
          },
          {
            name: 'floor/cpu',
            what: `${FLOOR}, processor time a request`,
            goal: { atMost: 3.5 },
            ...compare('cpuMicros', 'µs', 'floor'),
          },
          {
            name: 'floor/rate',
            what: `${FLOOR}, requests`,
            goal: { atLeast: 0.5 },
            ...compare('perSecond', '/s', 'floor'),
          },
        );
      }
      return rows;
    } finally {
      await stage.stop();
    }
  },
};
