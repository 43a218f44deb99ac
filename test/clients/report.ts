/** The numbers of a soak as tables. */
import {
  ERROR_WITHIN_MS,
  isAllowed,
  RETRY_MS,
  type judgeEffects,
  type KindSummary,
  type Lost,
} from './judge.ts';
import type { LoopDelay, MachineUse } from './machine.ts';

export interface SoakResult {
  readonly client: string;
  readonly wanted: number;
  readonly opened: number;
  /** Sessions that live in the cluster at the end. */
  readonly sessions: number;
  /** Sessions that their clients have ended themselves, as one does whose connection broke. */
  readonly ended: number;
  /** Client objects that still work, under the id they were given. */
  readonly clients: number;
  readonly kills: number;
  readonly thinkMs: number;
  readonly machine: MachineUse;
  /** Of the clients' process. */
  readonly loopDelay: LoopDelay;
  readonly kinds: readonly KindSummary[];
  readonly lost: readonly Lost[];
  readonly effects: ReturnType<typeof judgeEffects>;
  readonly errors: readonly string[];
}

/** Examples of each violation that are printed. */
const EXAMPLES_MAX = 20;

/** True when the promise held: every session lived on, and no call was lost that need not be. */
export function isGood({ wanted, opened, sessions, ended, lost, effects }: SoakResult): boolean {
  return (
    opened === wanted &&
    sessions + ended >= wanted &&
    lost.every(isAllowed) &&
    effects.twice.length === 0 &&
    effects.missing.length === 0
  );
}

/** Markdown: sessions, calls by kind, and what was lost. */
export function report(result: SoakResult): string {
  const { client, wanted, opened, sessions, ended, clients, kills, kinds, lost, effects } = result;
  const bad = lost.filter((each) => !isAllowed(each));
  const cut = lost.filter(({ verdict }) => verdict === 'connection').length;
  const unnoticed = lost.filter(({ verdict }) => verdict === 'unnoticed').length;
  const told = lost.filter(({ verdict }) => verdict === 'in flight' || verdict === 'late error');
  const slowestOf = (isResumed: boolean): string => {
    const times = told.filter((each) => each.resumed === isResumed);
    const slowest = Math.max(0, ...times.map(({ toldAfterMs }) => toldAfterMs ?? 0));
    return `${slowest} ms of ${ERROR_WITHIN_MS + (isResumed ? RETRY_MS : 0)}`;
  };
  const row = [
    ...[
      wanted,
      opened,
      sessions,
      ended,
      clients,
      kills,
      kinds.reduce((sum, { calls }) => sum + calls, 0),
    ],
    ...[
      lost.length - bad.length - cut - unnoticed,
      cut,
      unnoticed,
      bad.length,
      slowestOf(false),
      slowestOf(true),
    ],
    ...[effects.twice.length, effects.missing.length],
  ];
  return [
    `\n### ${client}: ${isGood(result) ? 'the promise held' : 'THE PROMISE DID NOT HOLD'}`,
    '',
    '| sessions | opened | live at the end | ended by their clients | clients that work | pods killed | calls | lost in flight | lost with the client’s connection | the same, unnoticed by the client | lost wrongly | slowest error after a death | slowest where the client had to come back for it | effects twice | answered without effect |',
    `|${'---|'.repeat(row.length)}`,
    `| ${row.join(' | ')} |`,
    '',
    describeMachine(result),
    '',
    '| call | may be repeated | calls | lost | p50 ms | p99 ms | max ms |',
    '|---|---|---|---|---|---|---|',
    ...kinds.map(
      ({ name, idempotent, calls, lost: gone, p50Ms, p99Ms, maxMs }) =>
        `| ${name} | ${idempotent ? 'yes' : 'no'} | ${calls} | ${gone} | ${p50Ms} | ${p99Ms} | ${maxMs} |`,
    ),
    '',
    ...groups(lost),
    ...bad
      .slice(0, EXAMPLES_MAX)
      .map(
        ({ kind, id, tookMs, beganAfterMs, verdict }) =>
          `- ${verdict}: ${kind} of ${id}, began ${beganAfterMs} ms after a death, took ${tookMs} ms`,
      ),
    ...result.errors.slice(0, EXAMPLES_MAX).map((line) => `- ${line}`),
  ].join('\n');
}

function describeMachine({ thinkMs, machine, loopDelay }: SoakResult): string {
  const { processors, busyPercent, loopDelay: own } = machine;
  const late = ({ p99Ms, maxMs }: LoopDelay): string => `p99 ${p99Ms} ms, at most ${maxMs} ms`;
  return (
    `A session pauses for ${thinkMs} ms between two calls, in the mean. Everything shared ${processors} processors, ` +
    `which were ${busyPercent} % busy; timers were late in the balancer by ${late(own)}, in the clients by ${late(loopDelay)}.`
  );
}

/** Lost calls by kind, violation and error. */
function groups(lost: readonly Lost[]): string[] {
  if (lost.length === 0) return ['no call was lost'];
  const counts = new Map<string, number>();
  for (const { kind, verdict, error } of lost) {
    const row = `| ${kind} | ${verdict} | ${error.replaceAll('|', '/').slice(0, 140)} |`;
    counts.set(row, (counts.get(row) ?? 0) + 1);
  }
  return [
    '| lost call | verdict | error | calls |',
    '|---|---|---|---|',
    ...[...counts].map(([row, count]) => `${row} ${count} |`),
  ];
}
