/** The client of the demo: calls one tool again and again, as an agent at work would, and keeps the books. */
import { delay, type Clock } from '../../std/index.ts';

/** What became of one call, in the order the calls were made. */
export interface CallRecord {
  readonly number: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome:
    | { readonly kind: 'ok' }
    /** An attempt got an error, a later one of the same call the answer. */
    | { readonly kind: 'retried'; readonly attempts: number; readonly error: string }
    | { readonly kind: 'failed'; readonly error: string };
}

export interface CallLoop {
  readonly records: readonly CallRecord[];
  /** Lets the call under way end and resolves when the loop has stopped. */
  stop(): Promise<void>;
}

/** Calls follow each other after this pause, so that the kill meets calls as well as pauses. */
const PAUSE_MS = 20;
const ATTEMPTS_MAX = 20;
const RETRY_PAUSE_MS = 50;

/** Starts calling at once; `call(number)` resolves when the answer to call `number` was the expected one. */
export function startCallLoop(call: (number: number) => Promise<void>, clock: Clock): CallLoop {
  const records: CallRecord[] = [];
  let stopped = false;
  const running = (async () => {
    for (let number = 1; !stopped; number++) {
      const startedAt = clock.wall();
      const outcome = await attempt(() => call(number), clock);
      records.push({ number, startedAt, endedAt: clock.wall(), outcome });
      await delay(clock, PAUSE_MS);
    }
  })();
  return {
    records,
    stop() {
      stopped = true;
      return running;
    },
  };
}

async function attempt(call: () => Promise<void>, clock: Clock): Promise<CallRecord['outcome']> {
  let error = '';
  for (let attempts = 1; attempts <= ATTEMPTS_MAX; attempts++) {
    try {
      await call();
      return attempts === 1 ? { kind: 'ok' } : { kind: 'retried', attempts, error };
    } catch (cause) {
      error = describe(cause);
      await delay(clock, RETRY_PAUSE_MS);
    }
  }
  return { kind: 'failed', error };
}

/** The message of an error with that of its cause, which is where undici puts the reason. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

export interface CallSummary {
  readonly ok: number;
  readonly retried: number;
  readonly failed: number;
  /** Calls begun after `movedAt` that got an error, even if a retry mended it. */
  readonly failedAfterMove: number;
  /** Longest time without an answer around the kill, in ms: from the last answer before it to the first after it. */
  readonly gapMs: number;
  readonly firstAnswerAfterKill: number | undefined;
}

/** Adds up what the loop saw; `killedAt` and `movedAt` are wall-clock instants. */
export function summarize(
  records: readonly CallRecord[],
  killedAt: number,
  movedAt: number,
): CallSummary {
  const count = (kind: CallRecord['outcome']['kind']): number =>
    records.filter(({ outcome }) => outcome.kind === kind).length;
  const answered = records.filter(({ outcome }) => outcome.kind !== 'failed');
  const lastBefore = answered.findLast(({ endedAt }) => endedAt <= killedAt);
  const firstAfter = answered.find(({ endedAt }) => endedAt > killedAt);
  return {
    ok: count('ok'),
    retried: count('retried'),
    failed: count('failed'),
    failedAfterMove: records.filter(
      ({ startedAt, outcome }) => startedAt > movedAt && outcome.kind !== 'ok',
    ).length,
    gapMs:
      firstAfter === undefined ? Infinity : firstAfter.endedAt - (lastBefore?.endedAt ?? killedAt),
    firstAnswerAfterKill: firstAfter?.endedAt,
  };
}
