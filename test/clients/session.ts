/** What every official client can do for a soak; each client has an adapter that implements it. */
import type { KindName } from './kinds.ts';

/** One session at work. Every call checks its answer and rejects when it is not what it must be. */
export interface SoakSession {
  /** The session's id as the client knows it; undefined in an era without sessions. */
  id(): string | undefined;
  /** `mark` is unique to this call: what comes back must carry it. */
  call(kind: KindName, mark: string): Promise<void>;
  close(): Promise<void>;
}

export type OpenSession = (url: URL, number: number) => Promise<SoakSession>;

/** Rejects unless the tool's result is a success whose text has `wanted` in it. */
export function expectText(result: object, wanted: string): void {
  const { isError, content } = result as { isError?: boolean; content?: { text?: string }[] };
  if (isError === true || content?.[0]?.text?.includes(wanted) !== true) {
    throw new Error(`wrong answer: wanted "${wanted}", got ${JSON.stringify(content)}`);
  }
}

/** Counts notifications and lets a call wait for the next one. */
export interface Ticks {
  tick(): void;
  /** Resolves at the next tick; rejects after `timeoutMs`. */
  next(timeoutMs: number): Promise<void>;
}

export function createTicks(): Ticks {
  const waiting = new Set<() => void>();
  return {
    tick() {
      for (const wake of waiting) wake();
      waiting.clear();
    },
    next: (timeoutMs) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(wake);
          reject(new Error('no notification came'));
        }, timeoutMs);
        const wake = (): void => {
          clearTimeout(timer);
          resolve();
        };
        waiting.add(wake);
      }),
  };
}
