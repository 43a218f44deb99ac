/** Writes events or bytes to an answer at the reader's pace. */
import type { Answer } from './http/types.ts';
import type { OutgoingEvent } from './ports.ts';

/** Resolves when the events end or the reader is gone; rejects with what the events reject. Does not end the answer. */
export async function writeStream(
  answer: Answer,
  events: AsyncIterable<OutgoingEvent>,
  signal: AbortSignal,
  frame: (event: OutgoingEvent, first: boolean) => string,
): Promise<void> {
  let first = true;
  for await (const event of events) {
    if (signal.aborted) return;
    if (!answer.write(frame(event, first))) await answer.drained();
    first = false;
  }
}

/** Writes the bytes of a long answer. Resolves at their end or when the reader is gone; rejects when they break off. */
export async function writeBody(
  answer: Answer,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of chunks) {
    if (signal.aborted) return;
    if (!answer.write(chunk)) await answer.drained();
  }
}
