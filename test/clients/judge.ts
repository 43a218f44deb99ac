/** Judges a soak: which calls were lost, and whether each may have been. */
import type { SprayProxy } from '../fixtures/spray-proxy.ts';
import {
  CALL_TIMEOUT_MS,
  KINDS,
  REPEATABLE_MARK,
  voiceOf,
  type CallRecord,
  type ClientLog,
} from './kinds.ts';

/** A lost call is answered within this time of the kill. */
export const ERROR_WITHIN_MS = 1_000;
/** Between the end of a process and what others can have noticed of it, clocks and scheduling included. */
const SLACK_MS = 50;

/** A pod's death, in wall clock ms: its sockets live until its processes are gone. */
export interface Kill {
  readonly at: number;
  readonly goneAt: number;
}

/**
 * Of a lost call.
 * - `in flight`: its pod or its MCP server died with it, it must not be repeated, and the client was told in time.
 * - `connection`: the pod died to which the client itself was connected, and the protocol has nothing for such a call but the
 *   broken connection: the client had no event id by which it could have resumed, as its answer had not begun, or its era has none.
 * - `unnoticed`: the same, but the client did not notice, and waited for its own time-out; or it waited for a notification although
 *   it had given up the stream by which that comes, after pods to which it was connected had died.
 * The others may never happen.
 */
export type Verdict =
  | 'in flight'
  | 'connection'
  | 'unnoticed'
  | 'timed out'
  | 'idempotent'
  | 'not in flight'
  | 'late error';

const ALLOWED: ReadonlySet<Verdict> = new Set(['in flight', 'connection', 'unnoticed']);

export const isAllowed = ({ verdict }: Lost): boolean => ALLOWED.has(verdict);

export interface Lost {
  readonly kind: string;
  readonly session: number;
  readonly id: string | null;
  readonly startedAt: number;
  readonly tookMs: number;
  readonly error: string;
  /** From the death during which it was in flight to its beginning; negative when it began before. */
  readonly beganAfterMs: number | undefined;
  /** From there to its error. */
  readonly toldAfterMs: number | undefined;
  /** The client's own connection had broken, and it came back for the rest. */
  readonly resumed: boolean;
  readonly verdict: Verdict;
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

/** What the balancer saw of the clients. */
export type Seen = Pick<SprayProxy, 'broken' | 'listening'>;

/** Every call that failed, with what is to be said of it. */
export function judgeLost(
  { calls, ids }: Pick<ClientLog, 'calls' | 'ids'>,
  kills: readonly Kill[],
  { broken, listening }: Seen,
): Lost[] {
  return calls.flatMap(([kind, session, startedAt, tookMs, error, mark]): Lost[] => {
    if (error === null) return [];
    const endedAt = startedAt + tookMs;
    const kill = kills.find(
      ({ at, goneAt }) => startedAt <= goneAt + SLACK_MS && at <= endedAt + SLACK_MS,
    );
    const toldAfterMs = kill === undefined ? undefined : Math.max(0, endedAt - kill.goneAt);
    const beganAfterMs = kill === undefined ? undefined : startedAt - kill.goneAt;
    const { name, idempotent } = KINDS[kind] as (typeof KINDS)[number];
    // The call itself, or the client's answer to what the call had asked it.
    const said = [`"${mark}"`, ...(ASKING.has(name) ? [`"${voiceOf(session)}"`] : [])];
    const cuts = broken.filter(({ body }) => said.some((text) => body.includes(text)));
    const isCut = cuts.length > 0 || NETWORK_ERROR.test(error);
    const resumed = cuts.some(({ resumable }) => resumable);
    const isTold = error.includes(TOLD);
    const id = ids[session] ?? null;
    const streams = listening.get(id ?? '');
    const gaveUp = streams?.open === 0 && streams.refused === 0 && streams.closedAt < endedAt;
    const isDeaf = name === 'subscription' && gaveUp;
    const verdict =
      isDeaf && tookMs >= CALL_TIMEOUT_MS
        ? 'unnoticed'
        : verdictOf({ tookMs, toldAfterMs, idempotent, isCut, resumed, isTold });
    return [
      {
        ...{ kind: name, session, id, startedAt, tookMs, error },
        ...{ beganAfterMs, toldAfterMs, resumed, verdict },
      },
    ];
  });
}

/** Calls in which the server asks its client. */
const ASKING: ReadonlySet<string> = new Set(['sampling', 'elicitation']);

/** What the clients say of a connection that broke. */
const NETWORK_ERROR = /UND_ERR_SOCKET|ECONNRESET|RemoteProtocolError|Connection closed/;

/** The gateway's error for a call that was lost and must not be repeated. */
const TOLD = '-31001';
/** After so long a client comes back for a stream that was cut, as the gateway told it. */
export const RETRY_MS = 750;

interface Circumstances {
  readonly tookMs: number;
  readonly toldAfterMs: number | undefined;
  readonly idempotent: boolean;
  /** The client's own connection broke. */
  readonly isCut: boolean;
  /** It could resume then. */
  readonly resumed: boolean;
  readonly isTold: boolean;
}

function verdictOf({
  tookMs,
  toldAfterMs,
  idempotent,
  isCut,
  resumed,
  isTold,
}: Circumstances): Verdict {
  if (isCut && !resumed && !isTold && toldAfterMs !== undefined)
    return toldAfterMs > ERROR_WITHIN_MS ? 'unnoticed' : 'connection';
  if (tookMs >= CALL_TIMEOUT_MS) return 'timed out';
  if (idempotent) return 'idempotent';
  if (toldAfterMs === undefined) return 'not in flight';
  return toldAfterMs > ERROR_WITHIN_MS + (resumed ? RETRY_MS : 0) ? 'late error' : 'in flight';
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
