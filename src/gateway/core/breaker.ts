/**
 * A circuit breaker. Closed, it counts; too many failures open it, and it refuses; after a while it is half-open and lets
 * probes through: a read-only probe of its owner, or requests that may be repeated. Closed again, its first failure opens it.
 */
import { createWindow, type BreakerWindow, type WindowRules } from './breaker-window.ts';

export interface BreakerRules extends WindowRules {
  readonly openMs: number;
  readonly halfOpenProbes: number;
}

type State =
  | { readonly type: 'closed'; readonly window: BreakerWindow; onTrial: boolean }
  | { readonly type: 'open'; readonly untilMs: number }
  | { readonly type: 'half-open'; running: number; succeeded: number };

export type BreakerChange = 'opened' | 'closed';

/** One call that the breaker let through; handed back with its outcome. */
export interface BreakerCall {
  /** The period it belongs to: its outcome says nothing about a later one. */
  readonly period: number;
}

export interface Breaker {
  /** May this request go? Only one that may be repeated goes while half-open. */
  admits(nowMs: number, repeatable: boolean): boolean;
  /** A call begins; ask `admits` first. */
  began(nowMs: number): BreakerCall;
  /** Its outcome; undefined when it says nothing. */
  ended(call: BreakerCall, ok: boolean | undefined, nowMs: number): BreakerChange | undefined;
  state(nowMs: number): 'closed' | 'open' | 'half-open';
  /** How long it refuses for certain. */
  retryAfterMs(nowMs: number): number;
}

export function createBreaker(rules: BreakerRules): Breaker {
  let period = 0;
  const closed = (onTrial: boolean): State => ({
    type: 'closed',
    window: createWindow(rules),
    onTrial,
  });
  let state: State = closed(false);
  const become = (next: State): void => {
    state = next;
    period += 1;
  };
  const toOpen = (nowMs: number): BreakerChange => {
    become({ type: 'open', untilMs: nowMs + rules.openMs });
    return 'opened';
  };

  const endedClosed = (
    current: Extract<State, { type: 'closed' }>,
    ok: boolean,
    nowMs: number,
  ): BreakerChange | undefined => {
    const tooMany = current.window.add(ok, nowMs);
    if (tooMany || (current.onTrial && !ok)) return toOpen(nowMs);
    current.onTrial = false;
    return undefined;
  };
  const endedHalfOpen = (
    current: Extract<State, { type: 'half-open' }>,
    ok: boolean | undefined,
    nowMs: number,
  ): BreakerChange | undefined => {
    current.running -= 1;
    if (ok === undefined) return undefined;
    if (!ok) return toOpen(nowMs);
    current.succeeded += 1;
    if (current.succeeded < rules.halfOpenProbes) return undefined;
    become(closed(true));
    return 'closed';
  };

  return {
    admits(nowMs, repeatable) {
      if (state.type === 'closed') return true;
      if (!repeatable) return false;
      return state.type === 'open' ? nowMs >= state.untilMs : state.running < rules.halfOpenProbes;
    },
    began(nowMs) {
      if (state.type === 'open' && nowMs >= state.untilMs)
        become({ type: 'half-open', running: 0, succeeded: 0 });
      if (state.type === 'half-open') state.running += 1;
      return { period };
    },
    ended(call, ok, nowMs) {
      if (call.period !== period) return undefined;
      if (state.type === 'half-open') return endedHalfOpen(state, ok, nowMs);
      return state.type === 'closed' && ok !== undefined
        ? endedClosed(state, ok, nowMs)
        : undefined;
    },
    state: (nowMs) => (state.type === 'open' && nowMs >= state.untilMs ? 'half-open' : state.type),
    retryAfterMs: (nowMs) => (state.type === 'open' ? Math.max(0, state.untilMs - nowMs) : 0),
  };
}
