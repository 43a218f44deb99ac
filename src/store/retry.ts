/** Tries a call again, with back-off, until it succeeds, is refused for good, or the time is up. */
import { createBackoff, delay, type Clock, type Random } from '../std/index.ts';
import { StoreError } from './errors.ts';
import type { LogFailure } from './ports.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly timeoutMs: number;
  /** Ends waiting for good, besides the caller's own signal. */
  readonly stopped: AbortSignal;
  /** True when every attempt is free of effects, so that giving up can say that nothing was changed. */
  readonly harmless: boolean;
}

const BACKOFF = { initialMs: 10, maxMs: 500 } as const;

/**
 * Runs `attempt` until it resolves. A {@link StoreError} from it is final; any other rejection is tried again. Fails with
 * `unavailable`, with `outcome-unknown` when an attempt may have had its effect, or with `stopped`.
 */
export async function withRetries<T>(
  options: RetryOptions,
  attempt: (signal: AbortSignal) => Promise<T>,
  callerSignal?: AbortSignal,
): Promise<T> {
  const { clock, random, timeoutMs, stopped } = options;
  const deadline = new AbortController();
  const cancelDeadline = clock.schedule(timeoutMs, () => deadline.abort());
  const signal = AbortSignal.any([
    deadline.signal,
    stopped,
    ...(callerSignal === undefined ? [] : [callerSignal]),
  ]);
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
  }
  const cause = { cause: callerSignal?.aborted === true ? callerSignal.reason : last };
  const detail = (last as Error | undefined)?.message;
  // An earlier attempt may have had its effect, whatever ended the last one.
  if (unknown && !options.harmless) throw new StoreError('outcome-unknown', detail, cause);
  const isStopped =
    stopped.aborted || (last as Partial<LogFailure> | undefined)?.code === 'stopped';
  if (isStopped) throw new StoreError('stopped', undefined, cause);
  throw new StoreError('unavailable', detail, cause);
}
