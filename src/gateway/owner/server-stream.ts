/** Reads an SSE stream of the MCP server to its end, resuming it where the server allows that. */
import {
  createSseParser,
  EVENT_STREAM_TYPE,
  HEADER,
  mediaType,
  SseLimitError,
} from '../../mcp/index.ts';
import { delay } from '../../std/index.ts';
import { StreamInterrupted } from '../exchange.ts';
import { readText, TransportError, type HttpResponse } from '../http-client.ts';
import { saysSessionLost } from '../upstream.ts';
import { backendHeaders, headerOf } from './backend-headers.ts';
import type { SessionState } from './session-state.ts';

/** Pause before a stream is resumed when the server named none. */
const RESUME_DELAY_MS = 250;
/** A server may not make us wait longer than this. */
const RESUME_DELAY_MAX_MS = 30_000;

/** How long an answered stream may stay open. */
const LINGER_MS = 1_000;

export interface ServerStream {
  readonly response: HttpResponse;
  /** Takes one event over; resolves when the reader has room for the next. */
  readonly relay: (data: string) => Promise<void>;
  /** True once nothing more is expected. */
  readonly answered: () => boolean;
  /** The server closed the stream in good order before its end: it wants its client to poll. */
  readonly paused: () => void;
  /** An event passes the limit: it would do so again, so the stream is at its end. */
  readonly tooLong: () => Promise<void>;
  /** The rest of the stream will never come. */
  readonly lost: (reason: StreamInterrupted) => void;
}

/** Never rejects: what cannot be had is told to the stream's readers. */
export async function readServerStream(state: SessionState, source: ServerStream): Promise<void> {
  let response: HttpResponse | undefined = source.response;
  const position: Position = { lastEventId: undefined, retryMs: RESUME_DELAY_MS };
  while (response !== undefined) {
    const broken = await readOnce(state, source, response, position);
    if (state.closed !== undefined) return;
    // Also ends a stream that a server opened although nothing was asked.
    if (source.answered()) return source.paused();
    if (broken instanceof SseLimitError) return tellTooLong(state, source, broken);
    if (position.lastEventId === undefined) {
      return source.lost(new StreamInterrupted('request-lost', String(broken ?? 'closed')));
    }
    if (broken === undefined) source.paused();
    response = await resume(state, source, position, broken !== undefined);
  }
}

async function tellTooLong(
  { id, tools }: SessionState,
  source: ServerStream,
  error: SseLimitError,
): Promise<void> {
  tools.metrics.limited.inc({ limit: 'eventChars' });
  tools.logger.warn('event of the MCP server refused', { session: id, problem: error.message });
  await source
    .tooLong()
    .catch((reason: unknown) => source.lost(new StreamInterrupted('request-lost', String(reason))));
}

interface Position {
  lastEventId: string | undefined;
  retryMs: number;
}

async function readOnce(
  state: SessionState,
  source: ServerStream,
  response: HttpResponse,
  position: Position,
): Promise<unknown> {
  const parser = createSseParser(state.tools.limits.eventCharsMax);
  let cancelLinger: (() => void) | undefined;
  try {
    for await (const chunk of response.body) {
      for (const item of parser.push(chunk)) {
        if (item.type === 'retry') position.retryMs = Math.min(item.retryMs, RESUME_DELAY_MAX_MS);
        else if (item.type === 'id') position.lastEventId = item.id;
        else if (item.type === 'event') {
          position.lastEventId = item.id ?? position.lastEventId;
          if (item.data !== '' && !source.answered()) await source.relay(item.data);
        }
      }
      // The server ends an answered stream at once, and reading its end keeps the connection; but it need not.
      if (source.answered() && cancelLinger === undefined)
        cancelLinger = state.tools.clock.schedule(LINGER_MS, () => response.body.destroy());
    }
    return undefined;
  } catch (error) {
    response.body.destroy();
    return error;
  } finally {
    cancelLinger?.();
  }
}

async function resume(
  state: SessionState,
  source: ServerStream,
  position: Position,
  broken: boolean,
): Promise<HttpResponse | undefined> {
  try {
    await delay(state.tools.clock, broken ? 0 : position.retryMs, state.signal);
    const response = await state.tools.upstream.send({
      method: 'GET',
      headers: backendHeaders('GET', state.clientHeaders, {
        backendSessionId: state.backendSessionId,
        lastEventId: position.lastEventId,
        protocolVersion: state.record.protocolVersion,
      }),
      signal: state.signal,
    });
    if (
      response.status === 200 &&
      mediaType(headerOf(response, HEADER.contentType)) === EVENT_STREAM_TYPE
    )
      return response;
    const body = await readText(response);
    if (state.backendSessionId !== undefined && saysSessionLost(response.status, body))
      state.close('backend-lost');
    else source.lost(new StreamInterrupted('request-lost', `resume: ${response.status}`));
  } catch (error) {
    if (error instanceof TransportError && !error.sent) state.close('backend-lost');
    else source.lost(new StreamInterrupted('request-lost', String(error)));
  }
  return undefined;
}
