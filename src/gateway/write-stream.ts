/** Writes events or bytes to a response at the reader's pace, with a comment when nothing happens on a stream of events. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../std/index.ts';
import type { OutgoingEvent } from './ports.ts';

export interface WriteOptions {
  readonly clock: Clock;
  /** Aborts when the reader is gone. */
  readonly signal: AbortSignal;
  /** A reader that takes nothing for so long is cut off; what it costs until then is bounded by the socket's buffers. */
  readonly stalledMs: number;
  /** Called when the reader is cut off. */
  readonly onStalled: () => void;
}

export interface WriteStreamOptions extends WriteOptions {
  readonly keepaliveMs: number;
  readonly frame: (event: OutgoingEvent, first: boolean) => string;
  readonly keepalive: string;
}

/** Resolves when the events end or the reader is gone; rejects with what the events reject. Does not end the response. */
export async function writeStream(
  response: ServerResponse,
  events: AsyncIterable<OutgoingEvent>,
  options: WriteStreamOptions,
): Promise<void> {
  const { clock } = options;
  let cancelKeepalive = (): void => undefined;
  const beat = (): void => {
    cancelKeepalive = clock.schedule(options.keepaliveMs, () => {
      if (response.writableNeedDrain) return cutOff(response, options);
      response.write(options.keepalive);
      return beat();
    });
  };
  let first = true;
  beat();
  try {
    for await (const event of events) {
      if (options.signal.aborted) return;
      // No comments for a reader that lags: they would pile up.
      cancelKeepalive();
      if (!response.write(options.frame(event, first))) await drained(response, options);
      first = false;
      beat();
    }
  } finally {
    cancelKeepalive();
  }
}

/** Writes the bytes of a long answer. Resolves at their end or when the reader is gone; rejects when they break off. */
export async function writeBody(
  response: ServerResponse,
  chunks: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<void> {
  for await (const chunk of chunks) {
    if (options.signal.aborted) return;
    if (!response.write(chunk)) await drained(response, options);
  }
}

function cutOff(response: ServerResponse, options: WriteOptions): void {
  options.onStalled();
  response.destroy();
}

/** Resolves when the reader has taken what was written, or is gone. */
function drained(response: ServerResponse, options: WriteOptions): Promise<void> {
  const { clock, signal, stalledMs } = options;
  return new Promise((resolve) => {
    const cancel = clock.schedule(stalledMs, () => {
      cutOff(response, options);
      done();
    });
    const done = (): void => {
      cancel();
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
