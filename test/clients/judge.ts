/** Judges a soak: which calls were lost, and whether each may have been. */
import {
  CALL_TIMEOUT_MS,
  KINDS,
  REPEATABLE_MARK,
  type CallRecord,
  type ClientLog,
} from './kinds.ts';

/** A lost call is answered within this time of the kill. */
export const ERROR_WITHIN_MS = 1_000;
/** Between a kill and what a client can have noticed of it, clocks and scheduling included. */
const SLACK_MS = 50;

/** Why a call that failed did not have to: none of these may happen. */
export type Violation = 'timed out' | 'idempotent' | 'not in flight' | 'late error';

export interface Lost {
  readonly kind: string;
  readonly session: number;
  readonly id: string | null;
  readonly startedAt: number;
  readonly tookMs: number;
  readonly error: string;
  /** From the last kill before its end to its beginning; negative when it began before. */
  readonly beganAfterKillMs: number | undefined;
  /** From the kill during which it was in flight to its error. */
  readonly afterKillMs: number | undefined;
  readonly violation: Violation | undefined;
}

export interface KindSummary {
  readonly name: string;
  readonly idempotent: boolean;
  readonly calls: number;
  readonly lost: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Every call that failed, with what may be said against it. `kills` are wall clock times in ms. */
export function judgeLost(
  { calls, ids }: Pick<ClientLog, 'calls' | 'ids'>,
  kills: readonly number[],
): Lost[] {
  return calls.flatMap(([kind, session, startedAt, tookMs, error]): Lost[] => {
    if (error === null) return [];
    const endedAt = startedAt + tookMs;
    const kill = kills.findLast((at) => startedAt <= at + SLACK_MS && at <= endedAt + SLACK_MS);
    const afterKillMs = kill === undefined ? undefined : Math.max(0, endedAt - kill);
    const { name, idempotent } = KINDS[kind] as (typeof KINDS)[number];
    const violation = violationOf(tookMs, afterKillMs, idempotent);
    const before = kills.findLast((at) => at <= endedAt);
    return [
      {
        kind: name,
        session,
        id: ids[session] ?? null,
        startedAt,
        tookMs,
        error,
        beganAfterKillMs: before === undefined ? undefined : startedAt - before,
        afterKillMs,
        violation,
      },
    ];
  });
}

function violationOf(
  tookMs: number,
  afterKillMs: number | undefined,
  idempotent: boolean,
): Violation | undefined {
  if (tookMs >= CALL_TIMEOUT_MS) return 'timed out';
  if (idempotent) return 'idempotent';
  if (afterKillMs === undefined) return 'not in flight';
  return afterKillMs > ERROR_WITHIN_MS ? 'late error' : undefined;
}

/** One row for each kind of call that was made. */
export function summarizeKinds(calls: readonly CallRecord[]): KindSummary[] {
  return KINDS.flatMap(({ name, idempotent }, number) => {
    const made = calls.filter(([kind]) => kind === number);
    if (made.length === 0) return [];
    const lost = made.filter(([, , , , error]) => error !== null).length;
    const took = made.map(([, , , tookMs]) => tookMs).sort((a, b) => a - b);
    const at = (share: number): number =>
      Math.round(took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0);
    const [p50Ms, p99Ms, maxMs] = [at(0.5), at(0.99), at(1)];
    return [{ name, idempotent, calls: made.length, lost, p50Ms, p99Ms, maxMs }];
  });
}

/** Effects that happened twice, and answered calls whose effect never happened: both must be empty. */
export function judgeEffects(
  executed: readonly string[],
  answered: readonly string[],
): { readonly twice: readonly string[]; readonly missing: readonly string[] } {
  const counts = new Map<string, number>();
  for (const what of executed) {
    if (!what.startsWith(REPEATABLE_MARK)) counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return {
    twice: [...counts].filter(([, count]) => count > 1).map(([what]) => what),
    missing: answered.filter((what) => !counts.has(what)),
  };
}
