/** Reads an SSE answer of the stateless era: events as text, at the reader's pace. */
import { createSseParser, readMessages } from '../../mcp/index.ts';
import { StreamInterrupted } from '../exchange.ts';
import type { HttpResponse } from '../http-client.ts';

/** The data of each event. Throws {@link StreamInterrupted} when the stream breaks; ends when the server ends it. */
export async function* eventsOf(
  response: HttpResponse,
  eventCharsMax: number,
): AsyncGenerator<string> {
  const parser = createSseParser(eventCharsMax);
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      for (const item of parser.push(chunk)) {
        if (item.type === 'event' && item.data !== '') yield item.data;
      }
    }
  } catch (error) {
    if (error instanceof StreamInterrupted) throw error;
    throw new StreamInterrupted('request-lost', String(error));
  } finally {
    response.body.destroy();
  }
}

/** True for the message that answers the request, whatever its id: nothing else in a stateless stream is a response. */
export function isAnswer(data: string): boolean {
  return (readMessages(data) ?? []).some((item) => item.kind === 'response');
}
