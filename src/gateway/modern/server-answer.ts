/** The MCP server's answer to a stateless request: passed on as it comes, and as JSON where there is nothing to stream. */
import {
  errorText,
  EVENT_STREAM_TYPE,
  HEADER,
  JSON_TYPE,
  MCP_ERRORS,
  mcpError,
  mediaType,
  type ClassifiedMessage,
} from '../../mcp/index.ts';
import { delay, type Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { ResolvedLimits, ResolvedTiming } from '../config.ts';
import { plain, refused, StreamInterrupted, type OwnerReply } from '../exchange.ts';
import { AnswerTooLong, readText, type HttpResponse } from '../http-client.ts';
import { answerHeaders, headerOf } from '../owner/backend-headers.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { readAnswer } from '../pass-body.ts';
import type { OutgoingEvent } from '../ports.ts';
import { eventsOf, isAnswer } from './events.ts';
import type { Observer } from './observe.ts';

export interface AnswerOptions {
  readonly observer: Observer;
  readonly metrics: Pick<GatewayMetrics, 'limited'>;
  readonly logger: Logger;
  readonly limits: ResolvedLimits;
  readonly timing: ResolvedTiming;
  readonly clock: Clock;
}

export interface ServerAnswer {
  readonly response: HttpResponse;
  readonly message: ClassifiedMessage;
  /** Id of the principal that asked. */
  readonly principal: string;
  readonly signal: AbortSignal;
  /** Called when the answer is there: from now on a client that leaves cancels nothing. */
  readonly answered: () => void;
}

/** Longer answers are passed on as they come, where nothing has to be learnt from them. */
const HELD_BYTES_MAX = 1024 * 1024;

/** Never rejects: an answer that breaks off before it is passed on is a refusal. */
export async function readReply(options: AnswerOptions, answer: ServerAnswer): Promise<OwnerReply> {
  const { response, message } = answer;
  if (
    message.kind === 'request' &&
    message.message.method === 'server/discover' &&
    response.status >= 500
  ) {
    response.body.destroy();
    return refused('backend-down', true, `server/discover answered ${response.status}`);
  }
  try {
    return isStream(response) ? await readStream(options, answer) : await readBody(options, answer);
  } catch (error) {
    if (error instanceof AnswerTooLong) return tooLong(options, message, error);
    return error instanceof StreamInterrupted
      ? refused(error.code, true, error.message)
      : refused('request-lost', true, String(error));
  }
}

function tooLong(
  { metrics, logger }: Pick<AnswerOptions, 'metrics' | 'logger'>,
  message: ClassifiedMessage,
  { message: problem }: AnswerTooLong,
): OwnerReply {
  metrics.limited.inc({ limit: 'answerBytes' });
  logger.warn('answer of the MCP server refused', { problem });
  const error = mcpError(MCP_ERRORS.answerTooLong);
  const id = message.kind === 'request' ? message.message.id : null;
  return plain(error.kind.status, errorText(error, id));
}

const isStream = (response: HttpResponse): boolean =>
  response.status < 300 && mediaType(headerOf(response, HEADER.contentType)) === EVENT_STREAM_TYPE;

async function readBody(
  { observer }: AnswerOptions,
  { response, message, principal, signal }: ServerAnswer,
): Promise<OwnerReply> {
  const { status } = response;
  const headers = answerHeaders(response);
  if (status < 300 && observer.watches(message)) {
    const body = await readText(response);
    await observer.learn(message, body, principal);
    return { type: 'plain', status, headers, body };
  }
  const read = await readAnswer(response, {
    heldBytesMax: HELD_BYTES_MAX,
    signal,
    done: () => undefined,
  });
  if (read.type === 'whole') return { type: 'plain', status, headers, body: read.text };
  return { type: 'body', status, headers, chunks: read.chunks };
}

/**
 * A stream that holds nothing but the answer becomes JSON, so that the client does not sit on an open stream to a pod that may
 * die. While nothing has come, nothing is sent: a client whose stream is cut waits for its own time-out, one whose request
 * fails knows. Only so that proxies see bytes, the stream is opened after `keepaliveMs`.
 */
async function readStream(options: AnswerOptions, answer: ServerAnswer): Promise<OwnerReply> {
  const { response, message, principal } = answer;
  const events = readEvents(options, response, message);
  const opened = new AbortController();
  const first = events.next();
  const quiet = delay(options.clock, options.timing.keepaliveMs, opened.signal).then(
    () => 'quiet' as const,
    () => 'quiet' as const,
  );
  const begun = await Promise.race([first, quiet]);
  opened.abort();
  const headers = { ...answerHeaders(response) };
  if (begun !== 'quiet') {
    if (begun.done === true) throw new StreamInterrupted('request-lost', 'an empty stream');
    if (isAnswer(begun.value)) {
      await options.observer.learn(message, begun.value, principal);
      readEnd(options, answer, events);
      headers[HEADER.contentType] = JSON_TYPE;
      return { type: 'plain', status: response.status, headers, body: begun.value };
    }
  }
  delete headers[HEADER.contentType];
  return { type: 'stream', headers, events: relay(options, answer, first, events) };
}

/** Every message up to the answer; the stream that ends without one was cut. */
async function* relay(
  options: AnswerOptions,
  answer: ServerAnswer,
  first: Promise<IteratorResult<string, void>>,
  events: AsyncGenerator<string, void>,
): AsyncGenerator<OutgoingEvent> {
  let answered = false;
  try {
    for (let next = await first; next.done !== true; next = await events.next()) {
      const data = next.value;
      answered = isAnswer(data);
      if (answered) await options.observer.learn(answer.message, data, answer.principal);
      yield { id: '', data };
      if (answered) return;
    }
  } finally {
    if (answered) readEnd(options, answer, events);
    else await events.return(undefined);
  }
  throw new StreamInterrupted('request-lost', 'the stream ended without an answer');
}

/** How long an answered stream may stay open. */
const LINGER_MS = 1_000;

/**
 * The server ends an answered stream in a moment. To cut it before would cost the connection, and look like a client that
 * gives up the request.
 */
function readEnd(
  { clock }: AnswerOptions,
  { response, answered }: ServerAnswer,
  events: AsyncGenerator<string, void>,
): void {
  answered();
  const cancel = clock.schedule(LINGER_MS, () => response.body.destroy());
  const read = async (): Promise<void> => {
    for (let next = await events.next(); next.done !== true;) next = await events.next();
  };
  void read()
    .catch(() => undefined)
    .then(cancel);
}

/** The events of an open listen, or the server's refusal of it. Never rejects. */
export async function readListen(
  options: Pick<AnswerOptions, 'limits' | 'metrics' | 'logger'>,
  response: HttpResponse,
  message: ClassifiedMessage,
): Promise<OwnerReply> {
  if (isStream(response)) {
    const events = readEvents(options, response, message);
    return { type: 'stream', headers: {}, events: withoutIds(events) };
  }
  try {
    const body = await readText(response);
    return { type: 'plain', status: response.status, headers: answerHeaders(response), body };
  } catch (error) {
    return refused('request-lost', true, String(error));
  }
}

function readEvents(
  { limits, metrics, logger }: Pick<AnswerOptions, 'limits' | 'metrics' | 'logger'>,
  response: HttpResponse,
  message: ClassifiedMessage,
): AsyncGenerator<string, void> {
  const id = message.kind === 'request' ? message.message.id : null;
  return eventsOf(response, id, {
    eventCharsMax: limits.eventCharsMax,
    tooLong({ message: problem }) {
      metrics.limited.inc({ limit: 'eventChars' });
      logger.warn('event of the MCP server refused', { problem });
    },
  });
}

async function* withoutIds(events: AsyncIterable<string>): AsyncGenerator<OutgoingEvent> {
  for await (const data of events) yield { id: '', data };
}
