/**
 * Moves a session that is well here to a pod that has what one of its calls needs: once its running requests are done, with
 * new ones held back meanwhile. As with any move, what the server kept in memory for the session stays behind.
 */
import { delay } from '../../std/index.ts';
import type { OwnerRequest } from '../exchange.ts';
import { isPartOfRunning, offer, type HandOverOptions } from './hand-over.ts';
import type { SessionState } from './session-state.ts';

/** How long a session may take to come to rest. */
const REST_MS = 2_000;
const POLL_MS = 10;

export interface Moves {
  /** True once `node` has the session; false when it does not come to rest, or that pod does not take it. Never rejects. */
  to(state: SessionState, node: string): Promise<boolean>;
  /** Resolves when `request` may begin here, or the session is not here any more. */
  settled(state: SessionState, request: OwnerRequest): Promise<void>;
}

export function createMoves(options: Omit<HandOverOptions, 'place'>): Moves {
  const { cluster, tools } = options;
  const { clock } = tools;
  const moving = new Map<SessionState, Promise<boolean>>();
  const move = async (state: SessionState, node: string): Promise<boolean> => {
    const restUntil = clock.monotonic() + REST_MS;
    while (state.inFlight > 0 && state.closed === undefined) {
      if (clock.monotonic() > restUntil) return false;
      await delay(clock, POLL_MS, state.signal).catch(() => undefined);
    }
    const member = cluster.members().find((other) => other.node === node);
    if (member === undefined || state.closed !== undefined) return false;
    return offer(options, state, member, 'capability');
  };
  return {
    to(state, node) {
      const known = moving.get(state);
      if (known !== undefined) return known;
      const promise = move(state, node).finally(() => moving.delete(state));
      moving.set(state, promise);
      return promise;
    },
    async settled(state, request) {
      if (!isPartOfRunning(state, request)) await moving.get(state);
    },
  };
}
