/** The protocol's rules for one HTTP request, before anybody's state is looked at: JSON-RPC, era, version, headers. */
import {
  accepts,
  checkModernMessage,
  decideEra,
  errorText,
  EVENT_STREAM_TYPE,
  HEADER,
  isLegacyVersion,
  JSON_TYPE,
  LEGACY_VERSIONS,
  MCP_ERRORS,
  mcpError,
  mediaType,
  methodLabel,
  parseBody,
  type McpError,
} from '../../mcp/index.ts';
import {
  now,
  plain,
  requestIdOf,
  type Exchange,
  type Interceptor,
  type PlainReply,
} from '../exchange.ts';

export const parseRequest: Interceptor = (next) => (exchange) => {
  exchange.label = exchange.method;
  const error = exchange.method === 'POST' ? parsePost(exchange) : parseOther(exchange);
  return error === undefined ? next(exchange) : now(problem(exchange, error));
};

function parsePost(exchange: Exchange): McpError | undefined {
  const { headers } = exchange;
  const version = versionHeader(exchange);
  const parsed = parseBody(exchange.body);
  const decision = decideEra(parsed.ok ? parsed.value : undefined, version);
  // Clients of sessions must take both kinds of answers; in the other era the server has a choice, and nobody checks.
  const { accept } = headers;
  const takesBoth = accepts(accept, JSON_TYPE) && accepts(accept, EVENT_STREAM_TYPE);
  if (decision.type === 'legacy' && !takesBoth) return mcpError(MCP_ERRORS.notAcceptablePost);
  if (mediaType(headers['content-type']) !== JSON_TYPE) return mcpError(MCP_ERRORS.contentType);
  if (!parsed.ok) return parsed.error;
  exchange.parsed = parsed.value;
  const [first] = parsed.value.messages;
  if (first !== undefined)
    exchange.label = first.kind === 'response' ? 'response' : methodLabel(first.message.method);
  if (decision.type === 'refused') return decision.error;
  if (decision.type === 'legacy') return checkLegacyVersion(exchange, version);
  exchange.era = 'modern';
  exchange.requestedVersion = decision.version;
  return first === undefined ? undefined : checkModernMessage(first, headers);
}

function parseOther(exchange: Exchange): McpError | undefined {
  const version = versionHeader(exchange);
  const decision = decideEra(undefined, version);
  if (decision.type === 'modern') return mcpError(MCP_ERRORS.methodNotAllowed);
  if (exchange.method === 'GET' && !accepts(exchange.headers[HEADER.accept], EVENT_STREAM_TYPE))
    return mcpError(MCP_ERRORS.notAcceptableGet);
  return checkLegacyVersion(exchange, version);
}

function versionHeader(exchange: Exchange): string | undefined {
  return exchange.headers[HEADER.protocolVersion]?.trim();
}

function checkLegacyVersion(exchange: Exchange, version: string | undefined): McpError | undefined {
  if (version === undefined || isLegacyVersion(version) || isInitialize(exchange)) return undefined;
  return unsupportedByLegacy(version);
}

/** What a server with sessions says to a version it does not know: clients of the stateless era read it as "use `initialize`". */
export function unsupportedByLegacy(version: string): McpError {
  return mcpError(
    MCP_ERRORS.protocolVersionHeader,
    `${version} (supported versions: ${LEGACY_VERSIONS.join(', ')})`,
  );
}

/** True for the one request that negotiates the version itself. */
function isInitialize(exchange: Exchange): boolean {
  const first = exchange.parsed?.messages[0];
  return first?.kind === 'request' && first.message.method === 'initialize';
}

function problem(exchange: Exchange, error: McpError): PlainReply {
  const { status } = error.kind;
  const headers = status === 405 ? { allow: 'POST' } : {};
  return plain(status, errorText(error, requestIdOf(exchange)), headers);
}
