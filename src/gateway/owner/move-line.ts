/**
 * The sessions that this pod is about to take over, in line. When a pod dies, the open streams of all its clients ask for their
 * sessions in the same moment; those whose client waits for an answer go first, and so few at a time that each is soon done and
 * this pod's own lease is renewed in between.
 */

/** Take-overs at the same time: enough that the store and the MCP server are never idle. */
const MOVES_MAX = 8;

export interface MoveLine {
  /**
   * Resolves when it is the session's turn, with the function that ends the turn. The line is as long as there are sessions. Without
   * `urgent` all that are urgent go first.
   */
  enter(sessionId: string, urgent: boolean): Promise<() => void>;
  /** Now somebody waits for the session. */
  hurry(sessionId: string): void;
}

export function createMoveLine(): MoveLine {
  const urgent = new Map<string, () => void>();
  const idle = new Map<string, () => void>();
  let running = 0;
  const callNext = (): void => {
    const line = urgent.size > 0 ? urgent : idle;
    const [next] = line;
    if (next === undefined || running >= MOVES_MAX) return;
    const [sessionId, begin] = next;
    line.delete(sessionId);
    running += 1;
    begin();
  };
  const leave = (): void => {
    running -= 1;
    callNext();
  };
  return {
    enter: (sessionId, isUrgent) =>
      new Promise((resolve) => {
        (isUrgent ? urgent : idle).set(sessionId, () => resolve(leave));
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
