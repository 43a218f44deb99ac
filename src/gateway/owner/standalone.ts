/** The standalone GET stream: the client's readers on one side, the server's own GET stream on the other. */
import { EVENT_STREAM_TYPE, HEADER, mediaType } from '../../mcp/index.ts';
import { createBackoff, delay } from '../../std/index.ts';
import {
  plain,
  refused,
  type OwnerReply,
  type OwnerRequest,
  type PlainReply,
} from '../exchange.ts';
import { readText, TransportError, type HttpResponse } from '../http-client.ts';
import type { EventId } from '../ports.ts';
import { saysSessionLost } from '../upstream.ts';
import { answerHeaders, backendHeaders, headerOf } from './backend-headers.ts';
import { missedEvents, precededBy, resumePast } from './past.ts';
import { translateAnswer } from './post.ts';
import { readServerStream } from './server-stream.ts';
import { mayAnswer, openReader, type SessionState } from './session-state.ts';

const STANDALONE = 0;
/** How long a GET waits for the server's word on whether it has such a stream. */
const FIRST_ANSWER_MS = 500;

/**
 * Answers a client's GET: for its standalone stream, or for a stream that it resumes. `resumed` is the parsed
 * `Last-Event-ID`.
 */
export async function serveGet(
  state: SessionState,
  request: OwnerRequest,
  resumed: EventId | undefined,
  signal: AbortSignal,
): Promise<OwnerReply> {
  if (resumed !== undefined && resumed.stream !== STANDALONE)
    return resumePost(state, request, resumed, signal);
  const sequence = resumed?.epoch === state.epoch ? resumed.sequence : undefined;
  const missed = await missedEvents(state, resumed);
  const refusal = await openServerStream(state);
  if (state.closed !== undefined) return refused(state.closed, false);
  // A server without such a stream says so to a plain GET; one that resumes had a stream, perhaps from another server.
  if (refusal !== undefined && resumed === undefined) return refusal;
  const reader = openReader(state, STANDALONE, signal, sequence);
  if (reader === undefined) return refused(state.closed ?? 'request-lost', false);
  return { type: 'stream', headers: {}, events: precededBy(missed, reader.events) };
}

async function resumePost(
  state: SessionState,
  request: OwnerRequest,
  resumed: EventId,
  signal: AbortSignal,
): Promise<OwnerReply> {
  const known = resumed.epoch === state.epoch;
  const reader = known ? openReader(state, resumed.stream, signal, resumed.sequence) : undefined;
  if (reader !== undefined) return { type: 'stream', headers: {}, events: reader.events };
  return resumePast(state, request, resumed, signal);
}

/** Opens the server's GET stream once, and keeps it open. Resolves with the server's refusal, or undefined. */
export async function openServerStream(state: SessionState): Promise<PlainReply | undefined> {
  if (state.standalone.type === 'open') return undefined;
  state.standalone = { type: 'open' };
  let tell: (refusal: PlainReply | undefined) => void = () => undefined;
  const first = new Promise<PlainReply | undefined>((resolve) => {
    tell = resolve;
  });
  void keepServerStream(state, tell);
  const cancel = state.tools.clock.schedule(FIRST_ANSWER_MS, () => tell(undefined));
  const refusal = await first;
  cancel();
  return refusal;
}

/** Runs until the session is closed or the server refuses such a stream for good. */
async function keepServerStream(
  state: SessionState,
  tell: (refusal: PlainReply | undefined) => void,
): Promise<void> {
  const { clock } = state.tools;
  const backoff = createBackoff({ initialMs: 100, maxMs: 5_000 }, state.tools.random);
  while (state.closed === undefined) {
    const outcome = await openOnce(state);
    if (outcome.type === 'refused') {
      state.standalone = { type: 'closed' };
      return tell(outcome.reply);
    }
    tell(undefined);
    if (outcome.type === 'stream') {
      backoff.reset();
      await readServerStream(state, {
        response: outcome.response,
        relay: (data) => relay(state, data),
        answered: () => false,
        // The client's stream stays open; the loop opens the server's again.
        paused: () => undefined,
        tooLong: () => Promise.resolve(),
        lost: () => undefined,
      });
    }
    await delay(clock, backoff.next(), state.signal).catch(() => undefined);
  }
}

async function relay(state: SessionState, data: string): Promise<void> {
  const text = await translateAnswer(state, new Map(), data);
  if (!(await mayAnswer(state))) return;
  state.log.append(STANDALONE, text);
  await state.readers.get(STANDALONE)?.room();
}

type Opened =
  | { readonly type: 'stream'; readonly response: HttpResponse }
  | { readonly type: 'refused'; readonly reply: PlainReply }
  | { readonly type: 'again' };

async function openOnce(state: SessionState): Promise<Opened> {
  try {
    const response = await state.tools.upstream.send({
      method: 'GET',
      headers: backendHeaders('GET', state.clientHeaders, {
        backendSessionId: state.backendSessionId,
        protocolVersion: state.record.protocolVersion,
      }),
      signal: state.signal,
    });
    const type = mediaType(headerOf(response, HEADER.contentType));
    if (response.status === 200 && type === EVENT_STREAM_TYPE) return { type: 'stream', response };
    const body = await readText(response);
    if (state.backendSessionId !== undefined && saysSessionLost(response.status, body)) {
      state.close('backend-lost');
      return { type: 'again' };
    }
    // Conflict: the server has not yet noticed that our last stream is gone.
    if (response.status === 409 || response.status >= 500) return { type: 'again' };
    return {
      type: 'refused',
      reply: plain(response.status, body, answerHeaders(response)),
    };
  } catch (error) {
    if (error instanceof TransportError && !error.sent) state.close('backend-lost');
    return { type: 'again' };
  }
}
