/** Which session the request belongs to: a new one for `initialize`, else the one its header names. */
import {
  BATCH_VERSION,
  errorText,
  HEADER,
  isJsonObject,
  MCP_ERRORS,
  mcpError,
  type McpErrorKind,
} from '../../mcp/index.ts';
import { isSessionId, withinTime, type Clock } from '../../std/index.ts';
import {
  now,
  plain,
  requestIdOf,
  type Exchange,
  type ExchangeSession,
  type Interceptor,
  type PlainReply,
  type Reply,
} from '../exchange.ts';
import type { SessionRecord, Sessions } from '../ports.ts';

export interface SessionOptions {
  readonly sessions: Sessions;
  readonly mintId: () => string;
  readonly clock: Clock;
  /** How long a look-up may wait for the store. */
  readonly lookupMs: number;
}

export function findSession(options: SessionOptions): Interceptor {
  return (next) => {
    const go = (exchange: Exchange, found: ExchangeSession | PlainReply): Promise<Reply> => {
      if ('status' in found) return now(found);
      const refusal = found.op === 'get' ? readResumePoint(options, exchange) : undefined;
      if (refusal !== undefined) return now(refusal);
      exchange.session = found;
      return next(exchange);
    };
    const wait = async (exchange: Exchange, found: ReturnType<typeof resolve>): Promise<Reply> =>
      go(exchange, await found);
    return (exchange) => {
      const found = resolve(options, exchange);
      return found instanceof Promise ? wait(exchange, found) : go(exchange, found);
    };
  };
}

/** A promise only for a session that this pod has not heard of. */
function resolve(
  options: SessionOptions,
  exchange: Exchange,
): ExchangeSession | PlainReply | Promise<ExchangeSession | PlainReply> {
  const { sessions } = options;
  const id = exchange.headers[HEADER.sessionId];
  const initialize = initializeIn(exchange);
  if (initialize.type === 'in-batch')
    return problem(exchange, MCP_ERRORS.invalidRequest, 'initialize in a batch');
  if (id === undefined) {
    if (initialize.type === 'absent') return problem(exchange, MCP_ERRORS.sessionIdRequired);
    if (initialize.type === 'present' && !initialize.wellFormed)
      return problem(exchange, MCP_ERRORS.invalidRequest, 'initialize without protocolVersion');
    if (sessions.directory.size >= sessions.max)
      return problem(exchange, MCP_ERRORS.tooManySessions);
    return { op: 'initialize', sessionId: options.mintId() };
  }
  if (!isSessionId(id)) return problem(exchange, MCP_ERRORS.sessionIdMalformed);
  const record = sessions.directory.local(id);
  if (record !== undefined) return join(exchange, record, initialize);
  const { clock, lookupMs } = options;
  return withinTime(clock, lookupMs, (limit) => sessions.directory.find(id, limit)).then((found) =>
    join(exchange, found, initialize),
  );
}

function join(
  exchange: Exchange,
  record: SessionRecord | undefined,
  initialize: InitializeIn,
): ExchangeSession | PlainReply {
  // Another principal must not even learn that the session exists.
  if (record === undefined || record.principal !== exchange.principal.id)
    return problem(exchange, MCP_ERRORS.sessionNotFound);
  if (initialize.type === 'present') return problem(exchange, MCP_ERRORS.alreadyInitialized);
  if (exchange.parsed?.batch === true && record.protocolVersion !== BATCH_VERSION)
    return problem(exchange, MCP_ERRORS.batchNotAllowed);
  const op = exchange.method === 'POST' ? 'post' : exchange.method === 'GET' ? 'get' : 'delete';
  return { op, record };
}

type InitializeIn =
  | { readonly type: 'absent' }
  | { readonly type: 'in-batch' }
  | { readonly type: 'present'; readonly wellFormed: boolean };

function initializeIn(exchange: Exchange): InitializeIn {
  const { parsed } = exchange;
  const found = parsed?.messages.find(
    (item) => item.kind === 'request' && item.message.method === 'initialize',
  );
  if (parsed === undefined || found?.kind !== 'request') return { type: 'absent' };
  if (parsed.batch) return { type: 'in-batch' };
  const { params } = found.message;
  return {
    type: 'present',
    wellFormed: isJsonObject(params) && typeof params['protocolVersion'] === 'string',
  };
}

/** Reads `Last-Event-ID`. A stream that had its last event is over at every pod: 204 tells the client to stop asking. */
function readResumePoint(options: SessionOptions, exchange: Exchange): PlainReply | undefined {
  const text = exchange.headers[HEADER.lastEventId];
  if (text === undefined || text === '') return undefined;
  const id = options.sessions.parseEventId(text);
  if (id === undefined) return problem(exchange, MCP_ERRORS.eventIdMalformed);
  if (id.final) return plain(204, '');
  exchange.lastEventId = { ...id, text };
  return undefined;
}

function problem(exchange: Exchange, kind: McpErrorKind, detail?: string): PlainReply {
  return plain(kind.status, errorText(mcpError(kind, detail), requestIdOf(exchange)));
}
