/** Joins the event buffer (push) with the writer of a response (pull), and tells when the reader lags. */
import type { EventSink, OutgoingEvent } from './ports.ts';

export interface EventQueue extends EventSink {
  readonly events: AsyncIterable<OutgoingEvent>;
  /** Resolves at once, or as soon as less than the limit of events and of characters is unread. */
  room(): Promise<void>;
}

/** Characters of unread events after which their writer has to wait; one event may be longer. */
const UNREAD_CHARS_MAX = 1024 * 1024;

/** A queue with one reader; `signal` ends it, `onClose` runs once when the reader is done with it for any reason. */
export function createEventQueue(
  unreadMax: number,
  signal: AbortSignal,
  onClose: () => void,
): EventQueue {
  const unread: OutgoingEvent[] = [];
  let unreadChars = 0;
  const full = (): boolean => unread.length >= unreadMax || unreadChars >= UNREAD_CHARS_MAX;
  let state: { type: 'open' } | { type: 'ended' } | { type: 'failed'; reason: Error } = {
    type: 'open',
  };
  let wakeReader: () => void = () => undefined;
  let wakeWriters: (() => void)[] = [];
  const releaseWriters = (): void => {
    for (const wake of wakeWriters.splice(0)) wake();
  };
  const settle = (next: typeof state): void => {
    if (state.type === 'open') state = next;
    wakeReader();
    releaseWriters();
  };
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    settle({ type: 'ended' });
    onClose();
  };
  // Also closes a queue that nobody ever began to read.
  const onAbort = (): void => close();
  signal.addEventListener('abort', onAbort, { once: true });

  async function* read(): AsyncGenerator<OutgoingEvent> {
    try {
      for (;;) {
        if (signal.aborted) return;
        const event = unread.shift();
        if (event !== undefined) {
          unreadChars -= event.data.length;
          if (!full()) releaseWriters();
          yield event;
        } else if (state.type === 'failed') throw state.reason;
        else if (state.type === 'ended') return;
        else {
          await new Promise<void>((resolve) => {
            wakeReader = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      unread.length = 0;
      unreadChars = 0;
      close();
    }
  }

  return {
    push(event) {
      if (state.type !== 'open') return;
      unread.push(event);
      unreadChars += event.data.length;
      wakeReader();
    },
    end: () => settle({ type: 'ended' }),
    fail: (reason) => settle({ type: 'failed', reason }),
    events: read(),
    room() {
      if (state.type !== 'open' || !full()) return Promise.resolve();
      return new Promise((resolve) => wakeWriters.push(resolve));
    },
  };
}
