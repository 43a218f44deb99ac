/**
 * The one list of protocol errors the gateway answers with: HTTP status, JSON-RPC code, sentence, and whether sending the
 * same request again may help.
 */
import type { JsonRpcErrorBody, RequestId } from './json-rpc.ts';

export interface McpErrorKind {
  readonly status: number;
  readonly code: number;
  readonly sentence: string;
  readonly retryable: boolean;
}

const kind = (status: number, code: number, sentence: string, retryable = false): McpErrorKind => ({
  status,
  code,
  sentence,
  retryable,
});

/**
 * Codes: -327xx/-326xx are JSON-RPC's, -32000 is the official SDKs' generic transport error and -32001 their "session not
 * found", -3202x belong to the 2026-07-28 revision. The gateway's own codes (-31xxx) lie outside the range JSON-RPC reserves.
 */
export const MCP_ERRORS = {
  parse: kind(400, -32700, 'Parse error'),
  invalidRequest: kind(400, -32600, 'Invalid Request'),
  alreadyInitialized: kind(400, -32600, 'Invalid Request: Server already initialized'),
  batchNotAllowed: kind(400, -32600, 'Invalid Request: batches exist in 2025-03-26 only'),
  sessionIdRequired: kind(400, -32000, 'Bad Request: Mcp-Session-Id header is required'),
  sessionIdMalformed: kind(400, -32000, 'Bad Request: Mcp-Session-Id is not visible ASCII'),
  eventIdMalformed: kind(400, -32000, 'Invalid event ID format'),
  protocolVersionHeader: kind(400, -32000, 'Bad Request: Unsupported protocol version'),
  batchNotModern: kind(400, -32600, 'Invalid Request: batches do not exist in 2026-07-28'),
  invalidEnvelope: kind(400, -32602, 'Invalid params: _meta does not say what 2026-07-28 requires'),
  taskNotFound: kind(400, -32602, 'Invalid params: unknown task'),
  headerMismatch: kind(400, -32020, 'Headers and body disagree'),
  initializeNotModern: kind(
    400,
    -32020,
    'Headers and body disagree: initialize does not exist in the protocol version that the header names',
  ),
  unsupportedProtocolVersion: kind(400, -32022, 'Unsupported protocol version'),
  methodNotFound: kind(404, -32601, 'Method not found'),
  forbiddenOrigin: kind(403, -32000, 'Invalid Origin header'),
  forbiddenHost: kind(403, -32000, 'Invalid Host header'),
  notFound: kind(404, -32000, 'Not Found'),
  sessionNotFound: kind(404, -32001, 'Session not found'),
  methodNotAllowed: kind(405, -32000, 'Method not allowed.'),
  notAcceptablePost: kind(
    406,
    -32000,
    'Not Acceptable: Client must accept both application/json and text/event-stream',
  ),
  notAcceptableGet: kind(406, -32000, 'Not Acceptable: Client must accept text/event-stream'),
  bodyTooLarge: kind(413, -32000, 'Request body is too large'),
  contentType: kind(415, -32000, 'Unsupported Media Type: Content-Type must be application/json'),
  tooManyStreams: kind(429, -31004, 'Too many concurrent requests in this session', true),
  tooManySessions: kind(503, -31005, 'The cluster holds its maximum of sessions', true),
  interrupted: kind(
    200,
    -31001,
    'The server was lost while it worked on this request; it may have run, and was not repeated because it is not known to be idempotent',
  ),
  unavailable: kind(503, -31002, 'No server could take this request in time', true),
  notReplicated: kind(
    200,
    -31003,
    'The server did this, but the cluster could not record it in time; repeat the request',
    true,
  ),
  tooManyListens: kind(429, -31010, 'Too many open subscriptions at this gateway', true),
  authorizationMalformed: kind(400, -31050, 'Authorization is not one bearer token'),
  tokenRequired: kind(401, -31051, 'A bearer token is required'),
  tokenInvalid: kind(401, -31052, 'The bearer token is not valid'),
  scopeRequired: kind(403, -31053, 'The bearer token lacks a scope'),
  toolForbidden: kind(403, -31054, 'This tool may not be called'),
  batchRefused: kind(403, -31055, 'Not run: another call of the batch was refused'),
  authUnavailable: kind(503, -31056, 'Who sent this cannot be found out now', true),
  hostMalformed: kind(400, -31057, 'The Host header is malformed'),
  circuitOpen: kind(503, -31030, 'The server fails and is left alone for a while', true),
  noCapablePod: kind(503, -31031, 'No pod has what this tool needs'),
  rateLimited: kind(429, -31040, 'Too many requests', true),
  bulkheadFull: kind(503, -31041, 'Too many requests at once', true),
  serverOverloaded: kind(503, -31042, 'The server uses more than it may', true),
  requestCancelled: kind(200, -31044, 'The request was cancelled'),
  deadlineExceeded: kind(200, -31043, 'The request took longer than it may'),
  tooManyChildren: kind(503, -31070, 'As many server processes run as may', true),
  childEnded: kind(503, -31071, 'The server process ended before it answered', true),
  answerTooLong: kind(
    200,
    -31007,
    'The server sent an answer that is longer than the gateway takes',
  ),
  badGateway: kind(502, -31006, 'The server sent an answer that is not MCP'),
} as const satisfies Record<string, McpErrorKind>;

/** One occurrence of an error kind. */
export interface McpError {
  readonly kind: McpErrorKind;
  readonly detail?: string;
  readonly data?: unknown;
}

/** An occurrence; `detail` is appended to the kind's sentence. */
export function mcpError(kind: McpErrorKind, detail?: string, data?: unknown): McpError {
  return {
    kind,
    ...(detail === undefined ? {} : { detail }),
    ...(data === undefined ? {} : { data }),
  };
}

/** The `error` member of a JSON-RPC response. The gateway's own codes say in `data.retryable` whether to try again. */
export function errorBody(error: McpError): JsonRpcErrorBody {
  const { kind, detail } = error;
  const message = detail === undefined ? kind.sentence : `${kind.sentence}: ${detail}`;
  const data = error.data ?? (isOwnCode(kind.code) ? { retryable: kind.retryable } : undefined);
  return { code: kind.code, message, ...(data === undefined ? {} : { data }) };
}

/** A whole HTTP body for an error; `id` null when there is no request to answer. */
export function errorText(error: McpError, id: RequestId | null = null): string {
  return JSON.stringify({ jsonrpc: '2.0', error: errorBody(error), id });
}

/** The same error for each of these requests: an array where a batch is answered, one without an id where there is none. */
export function errorTexts(error: McpError, ids: readonly RequestId[], batch: boolean): string {
  const texts = ids.map((id) => errorText(error, id));
  return batch ? `[${texts.join(',')}]` : (texts[0] ?? errorText(error));
}

function isOwnCode(code: number): boolean {
  return code < -32768 || code > -32000;
}
