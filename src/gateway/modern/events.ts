/** Reads an SSE answer of the stateless era: events as text, at the reader's pace. */
import {
  createSseParser,
  errorText,
  MCP_ERRORS,
  mcpError,
  readMessages,
  SseLimitError,
  type RequestId,
} from '../../mcp/index.ts';
import { StreamInterrupted } from '../exchange.ts';
import type { HttpResponse } from '../http-client.ts';

export interface EventLimits {
  readonly eventCharsMax: number;
  /** Called when an event passes the limit. */
  readonly tooLong: (error: SseLimitError) => void;
}

/**
 * The data of each event. Throws {@link StreamInterrupted} when the stream breaks; ends when the server ends it, or with an
 * error as the answer to request `id` after an event that is too long: it would be so again elsewhere.
 */
export async function* eventsOf(
  response: HttpResponse,
  id: RequestId | null,
  { eventCharsMax, tooLong }: EventLimits,
): AsyncGenerator<string> {
  const parser = createSseParser(eventCharsMax);
  try {
    for await (const chunk of response.body) {
      for (const item of parser.push(chunk)) {
        if (item.type === 'event' && item.data !== '') yield item.data;
      }
    }
  } catch (error) {
    if (error instanceof SseLimitError) {
      tooLong(error);
      yield errorText(mcpError(MCP_ERRORS.answerTooLong), id);
      return;
    }
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
