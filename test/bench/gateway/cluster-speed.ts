/** What a request costs that goes on to another pod of a cluster of three. */
import type { Row } from '../table.ts';
import { openStage, type Running } from './cluster.ts';
import { callBody, openSessions, send, type Load } from './load.ts';
import type { GatewayPart } from './parts.ts';
import { cell, measure } from './speed.ts';

export const NAMES = ['m0', 'm1', 'm2'] as const;
const SESSIONS = 96;

/** Sessions by the name of the server that has them. */
async function sessionsByServer(origin: string): Promise<Map<string, Load['requests'][number][]>> {
  const found = new Map<string, Load['requests'][number][]>();
  const body = callBody('whoami');
  for (const session of await openSessions(origin, SESSIONS)) {
    const answer = (await (await send(origin, body, session)).json()) as {
      result: { serverInfo: { name: string } };
    };
    const { name } = answer.result.serverInfo;
    found.set(name, [...(found.get(name) ?? []), { session, body }]);
  }
  return found;
}

export const hop: GatewayPart = {
  needs: ['wrk', 'nginx'],
  async run(options) {
    const stage = await openStage();
    try {
      const servers = await Promise.all(NAMES.map((name) => stage.trivialServer(name)));
      const gateways = await stage.gateways(servers, options.profileDir);
      const [first, second] = gateways as [Running, Running, Running];
      const sessions = await sessionsByServer(first.origin);
      const runs = await measure(
        stage,
        {
          here: { ...first, pids: [first.pid], requests: sessions.get('m0') ?? [] },
          there: { ...first, pids: [first.pid, second.pid], requests: sessions.get('m1') ?? [] },
        },
        { ...options, connections: 16 },
      );
      const compare = (
        what: 'cpuMicros' | 'p50Ms',
        unit: string,
      ): Pick<Row, 'ours' | 'peer' | 'value'> => {
        const [there, here] = [cell(runs.there, what, unit), cell(runs.here, what, unit)];
        return {
          ours: there.text,
          peer: `at its own pod ${here.text}`,
          value: (there.median - here.median) / here.median,
        };
      };
      const what = 'a call that goes on to another pod adds, to one at its own pod:';
      return [
        {
          name: 'hop/cpu',
          what: `${what} processor time of both`,
          goal: { atMost: 1.5 },
          ...compare('cpuMicros', 'µs'),
        },
        {
          name: 'hop/p50',
          what: `${what} p50, 16 connections`,
          goal: { atMost: 1.5 },
          ...compare('p50Ms', 'ms'),
        },
      ];
    } finally {
      await stage.stop();
    }
  },
};
