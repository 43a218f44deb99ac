/** Writes events to a response at the reader's pace, with a comment when nothing happens. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../std/index.ts';
import type { OutgoingEvent } from './ports.ts';

export interface WriteStreamOptions {
  readonly clock: Clock;
  readonly keepaliveMs: number;
  /** Aborts when the reader is gone. */
  readonly signal: AbortSignal;
  readonly frame: (event: OutgoingEvent, first: boolean) => string;
  readonly keepalive: string;
}

/** Resolves when the events end or the reader is gone; rejects with what the events reject. Does not end the response. */
export async function writeStream(
  response: ServerResponse,
  events: AsyncIterable<OutgoingEvent>,
  options: WriteStreamOptions,
): Promise<void> {
  const { clock, signal } = options;
  let cancelKeepalive = (): void => undefined;
  const beat = (): void => {
    cancelKeepalive = clock.schedule(options.keepaliveMs, () => {
      response.write(options.keepalive);
      beat();
    });
  };
  let first = true;
  beat();
  try {
    for await (const event of events) {
      if (signal.aborted) return;
      cancelKeepalive();
      const more = response.write(options.frame(event, first));
      first = false;
      beat();
      if (!more) await drained(response, signal);
    }
  } finally {
    cancelKeepalive();
  }
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
