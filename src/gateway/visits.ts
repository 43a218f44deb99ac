/** Requests of clients that a listener is answering, so that a pod which leaves can let them end in good order. */
import { delay, type Clock } from '../std/index.ts';
import type { Answer } from './http/types.ts';

export interface Visit {
  /** The answer is a stream that its client can resume elsewhere; `end` ends it in good order. */
  resumable(end: () => void): void;
  /** The answer is complete, or its client is gone. */
  over(): void;
}

export interface Visits {
  began(answer: Answer, method: string): Visit;
  /**
   * From now on every answer closes its connection, and standalone streams end at once, for their clients to resume elsewhere.
   * Resolves when nothing is under way after `lingerMs` or later, in which load balancers learn that this pod leaves; at the
   * latest after `drainMs`, and then the other streams end, too.
   */
  drain(wait: { readonly lingerMs: number; readonly drainMs: number }): Promise<void>;
}

const POLL_MS = 20;

export function createVisits(clock: Clock): Visits {
  const open = new Map<Answer, { readonly method: string; end?: () => void }>();
  let draining = false;
  const endStreams = (which: (method: string) => boolean): void => {
    for (const { method, end } of open.values()) if (which(method)) end?.();
  };
  const isGet = (method: string): boolean => method === 'GET';
  return {
    began(answer, method) {
      open.set(answer, { method });
      if (draining) answer.last();
      return {
        resumable(end) {
          open.set(answer, { method, end });
          if (draining && isGet(method)) end();
        },
        over: () => void open.delete(answer),
      };
    },
    async drain({ lingerMs, drainMs }) {
      draining = true;
      const startedAt = clock.monotonic();
      const elapsed = (): number => clock.monotonic() - startedAt;
      for (const answer of open.keys()) answer.last();
      endStreams(isGet);
      while (elapsed() < lingerMs || (open.size > 0 && elapsed() < drainMs))
        await delay(clock, POLL_MS);
      endStreams(() => true);
    },
  };
}
