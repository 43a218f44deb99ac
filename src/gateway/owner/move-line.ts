/**
 * The sessions that this pod is about to take over, in line. When a pod dies, the open streams of all its clients ask for their
 * sessions in the same moment; those whose client waits for an answer go first, and so few at a time that each is soon done and
 * this pod's own lease is renewed in between.
 */
import type { Clock } from '../../std/index.ts';

/** Take-overs at the same time: enough that the store and the MCP server are never idle. */
const MOVES_MAX = 8;
/** Nobody waits longer: a server that hangs at some of them must not hold up the others. */
const WAIT_MAX_MS = 2_000;

export interface MoveLine {
  /**
   * Resolves when it is the session's turn, with the function that ends the turn. The line is as long as there are sessions. Without
   * `urgent` all that are urgent go first. Nobody stands in line for more than {@link WAIT_MAX_MS}.
   */
  enter(sessionId: string, urgent: boolean): Promise<() => void>;
  /** Now somebody waits for the session. */
  hurry(sessionId: string): void;
}

export function createMoveLine(clock: Pick<Clock, 'schedule'>): MoveLine {
  const urgent = new Map<string, () => void>();
  const idle = new Map<string, () => void>();
  let running = 0;
  const call = (line: Map<string, () => void>, sessionId: string): void => {
    const begin = line.get(sessionId);
    if (!line.delete(sessionId)) return;
    running += 1;
    begin?.();
  };
  const callNext = (): void => {
    const line = urgent.size > 0 ? urgent : idle;
    const [next] = line.keys();
    if (next !== undefined && running < MOVES_MAX) call(line, next);
  };
  const leave = (): void => {
    running -= 1;
    callNext();
  };
  return {
    enter: (sessionId, isUrgent) =>
      new Promise((resolve) => {
        const cancel = clock.schedule(WAIT_MAX_MS, () => {
          call(urgent, sessionId);
          call(idle, sessionId);
        });
        (isUrgent ? urgent : idle).set(sessionId, () => {
          cancel();
          resolve(leave);
        });
        callNext();
      }),
    hurry(sessionId) {
      const begin = idle.get(sessionId);
      if (begin === undefined) return;
      idle.delete(sessionId);
      urgent.set(sessionId, begin);
    },
  };
}
