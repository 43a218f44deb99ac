/** One POST of a client at the owner: to the MCP server and back, as JSON or as a resumable stream. */
import {
  errorResponse,
  errorBody,
  EVENT_STREAM_TYPE,
  HEADER,
  JSON_TYPE,
  MCP_ERRORS,
  mcpError,
  mediaType,
  parseBody,
  errorText,
  errorTexts,
  type ParsedBody,
  type RequestId,
} from '../../mcp/index.ts';
import {
  plain,
  refused,
  type FlatHeaders,
  type OwnerReply,
  type OwnerRequest,
  type PlainReply,
} from '../exchange.ts';
import { AnswerTooLong, readText, TransportError, type HttpResponse } from '../http-client.ts';
import { readAnswer, type AnswerBody } from '../pass-body.ts';
import { isRepeatable } from '../repeat.ts';
import { saysSessionLost } from '../upstream.ts';
import { answerHeaders, backendHeaders, headerOf } from './backend-headers.ts';
import {
  expirePending,
  isExpired,
  noteCancels,
  watchCancels,
  type CancelWatch,
  type Expiring,
} from './expire.ts';
import { observeAnswer, unobserved } from './observe.ts';
import { readServerStream } from './server-stream.ts';
import {
  commit,
  mayAnswer,
  openReader,
  type PendingRequest,
  type SessionState,
} from './session-state.ts';
import { toBackend, toClient } from './translate.ts';

/** Sends one POST to the session's server. `signal`: the reader is gone; the server goes on, as a disconnect is no cancel. */
export async function servePost(
  state: SessionState,
  request: OwnerRequest,
  parsed: ParsedBody,
  signal: AbortSignal,
): Promise<OwnerReply> {
  const pending = pendingRequests(parsed);
  const { limits, metrics, timing } = state.tools;
  if (pending.size > 0 && state.inFlight >= limits.streamsPerSession) {
    metrics.limited.inc({ limit: 'streamsPerSession' });
    const id = pending.keys().next().value ?? null;
    return plain(429, errorText(mcpError(MCP_ERRORS.tooManyStreams), id));
  }
  const body = translateBody(state, parsed, request.body);
  if (body === undefined) {
    metrics.swallowed.inc();
    return plain(202, '');
  }
  let counted = pending.size;
  state.inFlight += counted;
  const { timeoutMs = Infinity } = request;
  const running = state.startExchange(Math.min(timing.exchangeMs, timeoutMs));
  const cancel = watchCancels(state, pending, running.end);
  const done = (): void => {
    state.inFlight -= counted;
    counted = 0;
    cancel.release();
    running.release();
  };
  try {
    const { signal: ends, untime } = running;
    const post = { request, parsed, pending, body, done, untime, cancel, signal: ends };
    const reply = await exchange(state, post, signal);
    if (reply.type !== 'refused') noteCancels(state, parsed);
    if (reply.type === 'plain' || reply.type === 'refused') done();
    return reply;
  } catch (error) {
    done();
    throw error;
  }
}

interface PostExchange {
  readonly request: OwnerRequest;
  readonly parsed: ParsedBody;
  readonly pending: Map<RequestId, PendingRequest>;
  readonly body: string;
  /** Aborts when the session is closed, or the exchange took too long. */
  readonly signal: AbortSignal;
  /** Call when the exchange is over; more often does no harm. */
  readonly done: () => void;
  /** From now on it may take as long as it takes. */
  readonly untime: () => void;
  readonly cancel: CancelWatch;
}

async function exchange(
  state: SessionState,
  post: PostExchange,
  signal: AbortSignal,
): Promise<OwnerReply> {
  const { upstream } = state.tools;
  let response: HttpResponse;
  try {
    response = await upstream.send({
      method: 'POST',
      headers: backendHeaders('POST', post.request.headers, {
        backendSessionId: state.backendSessionId,
      }),
      body: post.body,
      signal: post.signal,
    });
  } catch (error) {
    if (isExpired(state, post.signal)) return plain(200, expirePending(state, expiring(post)));
    return lostAnswer(state, error);
  }
  if (
    response.status < 300 &&
    mediaType(headerOf(response, HEADER.contentType)) === EVENT_STREAM_TYPE
  )
    return answerStream(state, post, response, signal);
  return answerPlain(state, post, response, signal);
}

const expiring = ({ request, parsed, pending, cancel }: PostExchange): Expiring => ({
  headers: request.headers,
  cancelled: cancel.cancelled(),
  batch: parsed.batch,
  pending,
});

/** The server did not answer: if it cannot even be reached, its sessions are gone with it. */
function lostAnswer(state: SessionState, error: unknown): OwnerReply {
  if (state.closed !== undefined) return refused(state.closed, true);
  if (!(error instanceof TransportError)) return refused('request-lost', true, String(error));
  if (error.sent) return refused('request-lost', true, error.message);
  state.close('backend-lost');
  return refused('backend-lost', false, error.message);
}

function answerStream(
  state: SessionState,
  post: PostExchange,
  response: HttpResponse,
  signal: AbortSignal,
): OwnerReply {
  const stream = state.log.open([...post.pending.keys()], repeatableRequest(state, post));
  // The reader comes first: what the server says next must find it.
  const reader = openReader(state, stream, signal);
  const onExpiry = (): void => {
    if (!isExpired(state, post.signal) || post.pending.size === 0) return;
    const text = expirePending(state, expiring(post));
    post.done();
    void mayAnswer(state).then((may) => may && state.log.append(stream, text, true));
  };
  post.signal.addEventListener('abort', onExpiry, { once: true });
  const relay = async (data: string): Promise<void> => {
    await relayEvent(state, stream, post.pending, data);
    if (post.pending.size === 0) post.done();
  };
  const answered = (): boolean => post.pending.size === 0;
  void readServerStream(state, {
    response,
    relay,
    answered,
    // The client is told to poll, and the rest is fetched meanwhile.
    paused: () => state.log.pause(stream),
    async tooLong() {
      for (const id of [...post.pending.keys()])
        await relay(errorText(mcpError(MCP_ERRORS.answerTooLong), id));
    },
    lost: (reason) => state.log.drop(stream, reason),
  }).finally(post.done);
  if (reader === undefined) return refused('request-lost', true);
  return { type: 'stream', headers: streamHeaders(response), events: reader.events };
}

/** Longest request that is kept beside its stream. */
const KEPT_REQUEST_LENGTH_MAX = 64 * 1024;

/** The request as the client sent it, if another owner may have to, and might be allowed to, run it again. */
function repeatableRequest(
  state: SessionState,
  { request, parsed }: PostExchange,
): string | undefined {
  const { repeatableTools, listDigests } = state.record;
  const unlisted = listDigests?.['tools/list'] === undefined;
  const [first] = parsed.messages;
  const call = first?.kind === 'request' && first.message.method === 'tools/call';
  const may = !parsed.batch && (isRepeatable(parsed, repeatableTools) || (call && unlisted));
  return may && request.body.length <= KEPT_REQUEST_LENGTH_MAX ? request.body : undefined;
}

/** Takes one event of the server over into the client's stream. */
async function relayEvent(
  state: SessionState,
  stream: number,
  pending: Map<RequestId, PendingRequest>,
  data: string,
): Promise<void> {
  const text = await translateAnswer(state, pending, data);
  if (!(await mayAnswer(state))) return;
  state.log.append(stream, text, pending.size === 0);
  await state.readers.get(stream)?.room();
}

async function answerPlain(
  state: SessionState,
  post: PostExchange,
  response: HttpResponse,
  signal: AbortSignal,
): Promise<OwnerReply> {
  let read: AnswerBody;
  const passes = mayPass(post, response);
  try {
    read = passes
      ? await readAnswer(response, { heldBytesMax: HELD_BYTES_MAX, signal, done: post.done })
      : { type: 'whole', text: await readText(response), batch: true };
  } catch (error) {
    if (isExpired(state, post.signal)) return plain(200, expirePending(state, expiring(post)));
    if (error instanceof AnswerTooLong) return tooLong(state, post, error);
    return refused('request-lost', true, String(error));
  }
  const { status } = response;
  if (read.type === 'long') {
    // The answer has begun; how long its delivery takes is the reader's affair.
    post.untime();
    return { type: 'body', status, headers: answerHeaders(response), chunks: read.chunks };
  }
  let body = read.text;
  if (state.backendSessionId !== undefined && saysSessionLost(response.status, body)) {
    state.close('backend-lost');
    return refused('backend-lost', false, `the server answered ${response.status}`);
  }
  if (response.status < 300) {
    const refusal = saysInitialized(post.parsed) ? await noteInitialized(state) : undefined;
    if (refusal !== undefined) return refusal;
    const unread = passes && !read.batch;
    if (!unread && isJson(response) && body !== '')
      body = await translateAnswer(state, post.pending, body);
  }
  return { type: 'plain', status: response.status, headers: answerHeaders(response), body };
}

function tooLong(
  { id: session, tools }: SessionState,
  { parsed, pending }: PostExchange,
  { message: problem }: AnswerTooLong,
): PlainReply {
  tools.metrics.limited.inc({ limit: 'answerBytes' });
  tools.logger.warn('answer of the MCP server refused', { session, problem });
  const error = mcpError(MCP_ERRORS.answerTooLong);
  return plain(error.kind.status, errorTexts(error, [...pending.keys()], parsed.batch));
}

/** Longer answers are passed on as they come, where they may be. */
const HELD_BYTES_MAX = 1024 * 1024;

/** True for the answer to one request in which nothing has to be observed or translated. */
function mayPass({ parsed, pending }: PostExchange, response: HttpResponse): boolean {
  const [only] = pending.values();
  return (
    response.status < 300 &&
    !parsed.batch &&
    only !== undefined &&
    unobserved(only) &&
    isJson(response)
  );
}

function isJson(response: HttpResponse): boolean {
  return mediaType(headerOf(response, HEADER.contentType)) === JSON_TYPE;
}

const saysInitialized = ({ messages }: ParsedBody): boolean =>
  messages.some(
    (item) => item.kind === 'notification' && item.message.method === 'notifications/initialized',
  );

/** The client's `initialized` reached the server: later backends must hear it too. */
async function noteInitialized(state: SessionState): Promise<OwnerReply | undefined> {
  try {
    const ours = await commit(state, (record) =>
      record.initialized ? record : { ...record, initialized: true },
    );
    return ours ? undefined : refused(state.closed ?? 'not-owner', false);
  } catch {
    return plain(503, errorText(mcpError(MCP_ERRORS.unavailable)), { 'retry-after': '1' });
  }
}

/** One body or event of the server as the client shall see it; answered requests leave `pending`. */
export async function translateAnswer(
  state: SessionState,
  pending: Map<RequestId, PendingRequest>,
  data: string,
): Promise<string> {
  const parsed = parseBody(data);
  // What is not JSON-RPC is the client's to judge.
  if (!parsed.ok) return data;
  let changed = false;
  const messages: unknown[] = [];
  for (const item of parsed.value.messages) {
    let message: unknown = item.message;
    if (item.kind === 'response') message = await settle(state, pending, item.message);
    else message = toClient(item, state.requestIds);
    changed ||= message !== item.message;
    messages.push(message);
  }
  if (!changed) return data;
  return JSON.stringify(parsed.value.batch ? messages : messages[0]);
}

async function settle(
  state: SessionState,
  pending: Map<RequestId, PendingRequest>,
  response: Parameters<typeof observeAnswer>[2],
): Promise<unknown> {
  const request = response.id === null ? undefined : pending.get(response.id);
  if (request === undefined) return response;
  try {
    await observeAnswer(state, request, response);
    return response;
  } catch {
    return errorResponse(request.id, errorBody(mcpError(MCP_ERRORS.notReplicated)));
  } finally {
    pending.delete(request.id);
  }
}

function translateBody(state: SessionState, parsed: ParsedBody, text: string): string | undefined {
  const messages = parsed.messages.map((item) => toBackend(item, state.requestIds));
  const kept = messages.filter((message) => message !== undefined);
  if (kept.length === 0) return undefined;
  const same = messages.every((message, index) => message === parsed.messages[index]?.message);
  if (same) return text;
  return JSON.stringify(parsed.batch ? kept : kept[0]);
}

/** The requests among the messages, by id. */
export function pendingRequests(parsed: ParsedBody): Map<RequestId, PendingRequest> {
  const pending = new Map<RequestId, PendingRequest>();
  for (const item of parsed.messages) {
    if (item.kind !== 'request') continue;
    const { id, method, params } = item.message;
    pending.set(id, { id, method, params: params ?? {} });
  }
  return pending;
}

/** The error that answers a request which was lost and must not be repeated. */
export function lostRequestText(id: RequestId): string {
  return errorText(mcpError(MCP_ERRORS.interrupted), id);
}

/** Headers of a stream towards the client: the server's own, without what the gateway sets itself. */
function streamHeaders(response: HttpResponse): FlatHeaders {
  const { [HEADER.contentType]: _type, ...headers } = answerHeaders(response);
  return headers;
}
