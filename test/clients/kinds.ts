/** What the sessions of a soak do, and how often. */
import type { LoopDelay } from './machine.ts';

export interface Kind {
  readonly name: string;
  /** Of all calls, relative to the others. */
  readonly weight: number;
  /** May be sent again without harm: no such call may be lost. */
  readonly idempotent: boolean;
}

/** In the order of the number that stands for a kind in a record. */
export const KINDS = [
  { name: 'echo', weight: 34, idempotent: true },
  { name: 'list tools', weight: 6, idempotent: true },
  { name: 'progress', weight: 16, idempotent: true },
  { name: 'record', weight: 16, idempotent: false },
  { name: 'lasting record', weight: 8, idempotent: false },
  { name: 'sampling', weight: 7, idempotent: false },
  { name: 'elicitation', weight: 7, idempotent: false },
  { name: 'subscription', weight: 6, idempotent: false },
] as const satisfies readonly Kind[];

export type KindName = (typeof KINDS)[number]['name'];

/** Longest a client waits for an answer; nobody may ever wait so long. */
export const CALL_TIMEOUT_MS = 15_000;

/** One call as a client saw it: number of its kind, session, wall clock in ms, time taken in ms, the error, and its mark. */
export type CallRecord = readonly [
  kind: number,
  session: number,
  startedAt: number,
  tookMs: number,
  error: string | null,
  mark: string,
];

/** What a client program leaves behind. */
export interface ClientLog {
  readonly opened: number;
  /** Numbers of the sessions whose client answered a last call under the id it was given. */
  readonly alive: readonly number[];
  /** Session ids by number; null in an era without sessions. */
  readonly ids: readonly (string | null)[];
  readonly calls: readonly CallRecord[];
  /** Marks of the calls with an effect that were answered. */
  readonly recorded: readonly string[];
  /** How late the clients' own timers were. */
  readonly loopDelay: LoopDelay;
  /** What went wrong when sessions were opened, or at the last call. */
  readonly errors: readonly string[];
}

/** What a session answers when it is asked: an answer of another one would not have it. */
export const voiceOf = (session: number): string => `session ${session}`;

/** Begins the mark of a call that may be executed again. */
export const REPEATABLE_MARK = 'again ';
