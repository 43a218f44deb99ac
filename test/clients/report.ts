/** The numbers of a soak as tables. */
import { ERROR_WITHIN_MS, type judgeEffects, type KindSummary, type Lost } from './judge.ts';

export interface SoakResult {
  readonly client: string;
  readonly wanted: number;
  readonly opened: number;
  readonly survived: number;
  readonly sameId: number;
  readonly kills: number;
  readonly kinds: readonly KindSummary[];
  readonly lost: readonly Lost[];
  readonly effects: ReturnType<typeof judgeEffects>;
  readonly errors: readonly string[];
}

/** Examples of each violation that are printed. */
const EXAMPLES_MAX = 20;

/** True when the promise held: every session lived on, and no call was lost that need not be. */
export function isGood({ wanted, opened, survived, sameId, lost, effects }: SoakResult): boolean {
  return (
    [opened, survived, sameId].every((count) => count === wanted) &&
    lost.every(({ violation }) => violation === undefined) &&
    effects.twice.length === 0 &&
    effects.missing.length === 0
  );
}

/** Markdown: sessions, calls by kind, and what was lost. */
export function report(result: SoakResult): string {
  const { client, wanted, opened, survived, sameId, kills, kinds, lost, effects } = result;
  const bad = lost.filter(({ violation }) => violation !== undefined);
  const slowest = Math.max(0, ...lost.map(({ afterKillMs }) => afterKillMs ?? 0));
  return [
    `\n### ${client}: ${isGood(result) ? 'the promise held' : 'THE PROMISE DID NOT HOLD'}`,
    '',
    '| sessions | opened | alive at the end | same id | pods killed | calls | lost | of them wrongly | slowest error after a kill | effects twice | answered without effect |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
    `| ${wanted} | ${opened} | ${survived} | ${sameId} | ${kills} | ${kinds.reduce((sum, { calls }) => sum + calls, 0)} | ${lost.length} | ${bad.length} | ${slowest} ms of ${ERROR_WITHIN_MS} | ${effects.twice.length} | ${effects.missing.length} |`,
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
        ({ kind, id, tookMs, beganAfterKillMs, violation }) =>
          `- ${violation}: ${kind} of ${id}, began ${beganAfterKillMs} ms after a kill, took ${tookMs} ms`,
      ),
    ...result.errors.slice(0, EXAMPLES_MAX).map((line) => `- ${line}`),
  ].join('\n');
}

/** Lost calls by kind, violation and error. */
function groups(lost: readonly Lost[]): string[] {
  if (lost.length === 0) return ['no call was lost'];
  const counts = new Map<string, number>();
  for (const { kind, violation, error } of lost) {
    const row = `| ${kind} | ${violation ?? 'allowed'} | ${error.replaceAll('|', '/').slice(0, 140)} |`;
    counts.set(row, (counts.get(row) ?? 0) + 1);
  }
  return [
    '| lost call | verdict | error | calls |',
    '|---|---|---|---|',
    ...[...counts].map(([row, count]) => `${row} ${count} |`),
  ];
}
