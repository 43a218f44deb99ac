/** Tries a call again, with back-off, until it succeeds, is refused for good, or the time is up. */
import { createBackoff, delay, type Clock, type Random } from '../std/index.ts';
import { StoreError } from './errors.ts';
import type { LogFailure } from './ports.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly timeoutMs: number;
  /** Ends waiting for good, besides the caller's own signal. */
  readonly shutdown: Shutdown;
  /** True when every attempt is free of effects, so that giving up can say that nothing was changed. */
  readonly harmless: boolean;
}

/** The end of a store. Every call under way waits for it, so it is a set: listeners of one signal are looked through one by one. */
export class Shutdown {
  readonly #waiting = new Set<() => void>();
  #begun = false;

  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    this.#begun = true;
    for (const end of this.#waiting) end();
  }

  /** Calls `end` when it begins, or now; {@link forget} it when it is not waited for any more. */
  wait(end: () => void): void {
    if (this.#begun) end();
    else this.#waiting.add(end);
  }

  forget(end: () => void): void {
    this.#waiting.delete(end);
  }
}

/** Given, because making a DOMException with its stack takes longer than all else here. */
const OVER = new Error('the call is over');

const BACKOFF = { initialMs: 10, maxMs: 500 } as const;

/**
 * Runs `attempt` until it resolves; its signal aborts when the call is over, however it ends. A {@link StoreError} from it is
 * final; any other rejection is tried again. Fails with `unavailable`, with `outcome-unknown` when an attempt may have had its
 * effect, or with `stopped`.
 */
export async function withRetries<T>(
  options: RetryOptions,
  attempt: (signal: AbortSignal) => Promise<T>,
  callerSignal?: AbortSignal,
): Promise<T> {
  const { clock, random, timeoutMs, shutdown } = options;
  // One controller and no AbortSignal.any, which leaves weak references behind at each call.
  const over = new AbortController();
  const { signal } = over;
  const end = (): void => over.abort(OVER);
  const cancelDeadline = clock.schedule(timeoutMs, end);
  shutdown.wait(end);
  if (callerSignal?.aborted === true) end();
  callerSignal?.addEventListener('abort', end);
  const backoff = createBackoff(BACKOFF, random);
  let unknown = false;
  let last: unknown;
  try {
    while (!signal.aborted) {
      try {
        return await attempt(signal);
      } catch (error) {
        if (error instanceof StoreError) throw error;
        const failure = error as Partial<LogFailure>;
        unknown ||= failure.outcome !== 'not-applied';
        last = error;
        if (failure.code === 'stopped') break;
      }
      await delay(clock, backoff.next(), signal).catch(() => undefined);
    }
  } finally {
    cancelDeadline();
    shutdown.forget(end);
    callerSignal?.removeEventListener('abort', end);
    end();
  }
  const cause = { cause: callerSignal?.aborted === true ? callerSignal.reason : last };
  const detail = (last as Error | undefined)?.message;
  // An earlier attempt may have had its effect, whatever ended the last one.
  if (unknown && !options.harmless) throw new StoreError('outcome-unknown', detail, cause);
  const isStopped = shutdown.begun || (last as Partial<LogFailure> | undefined)?.code === 'stopped';
  if (isStopped) throw new StoreError('stopped', undefined, cause);
  throw new StoreError('unavailable', detail, cause);
}
