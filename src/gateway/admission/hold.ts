/**
 * How long a place is held. In the era of sessions a client that leaves has cancelled nothing: its server works on, and so its
 * place is taken until the server has answered. Else whoever gives up and comes again would fill the server past all limits.
 * In the stateless era leaving is the cancel, and frees the place.
 */
import type { Clock } from '../../std/index.ts';
import type { Exchange } from '../exchange.ts';

/** The pod that serves a request ends it at its time; only if that fails it is left here. */
const GRACE_MS = 5_000;

/** For those inside, the exchange does not end when the client leaves, but a little after its time at the latest. Returns what ends the wait for that. */
export function outlive(exchange: Exchange, clock: Clock): () => void {
  const ends = new AbortController();
  const { deadline = Infinity } = exchange;
  const leftMs = deadline - clock.monotonic() + GRACE_MS;
  const cancel = Number.isFinite(leftMs)
    ? clock.schedule(leftMs, () => ends.abort(new Error('the request outlived its time')))
    : (): void => undefined;
  exchange.signal = ends.signal;
  return cancel;
}

export interface Holding<T> {
  /** Aborts when the reader is gone. */
  readonly signal: AbortSignal;
  /** Whether the rest is fetched although nobody reads it. */
  readonly toTheEnd: boolean;
  /** Before an item goes to the reader. */
  readonly pace: (item: T) => Promise<void>;
  /** Called once, when there is no more to come. */
  readonly leave: () => void;
}

/** The same items; `leave` is called when they end, not when their reader does. */
export async function* holding<T>(
  items: AsyncIterable<T>,
  { signal, toTheEnd, pace, leave }: Holding<T>,
): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  let over = false;
  let coming: Promise<IteratorResult<T>> | undefined;
  try {
    for (;;) {
      coming = iterator.next();
      const step = await unlessGone(coming, signal);
      if (step === undefined) return;
      coming = undefined;
      if (step.done === true) {
        over = true;
        return;
      }
      await pace(step.value);
      yield step.value;
    }
  } catch (error) {
    over = !signal.aborted;
    throw error;
  } finally {
    if (over) leave();
    else if (toTheEnd) void fetchRest(iterator, coming).finally(leave);
    else {
      leave();
      void iterator.return?.();
    }
  }
}

/** Undefined when the signal aborts first. (Not a race with one promise for all items: that would keep them all.) */
function unlessGone<T>(coming: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve(undefined);
    const settled = (): void => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    coming.then(resolve, reject).finally(settled);
    if (signal.aborted) onAbort();
  });
}

/** Reads on for nobody, until the end or what ends it. */
async function fetchRest<T>(
  iterator: AsyncIterator<T>,
  coming: Promise<IteratorResult<T>> | undefined,
): Promise<void> {
  try {
    for (let step = await coming; step?.done !== true; step = await iterator.next());
  } catch {
    // It broke off: then nothing more comes either.
  }
}
