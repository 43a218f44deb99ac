/** The protocol's rules for one HTTP request, before any session is looked at: Accept, Content-Type, JSON-RPC, era, version. */
import {
  accepts,
  errorText,
  eraOf,
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
  type RequestId,
} from '../../mcp/index.ts';
import { plain, type Exchange, type Interceptor, type PlainReply } from '../exchange.ts';

export const parseRequest: Interceptor = (next) => async (exchange) => {
  exchange.label = exchange.method;
  const refusal = exchange.method === 'POST' ? parsePost(exchange) : checkOther(exchange);
  return refusal ?? next(exchange);
};

function parsePost(exchange: Exchange): PlainReply | undefined {
  const { headers } = exchange;
  const { accept } = headers;
  if (!accepts(accept, JSON_TYPE) || !accepts(accept, EVENT_STREAM_TYPE))
    return problem(mcpError(MCP_ERRORS.notAcceptablePost));
  if (mediaType(headers['content-type']) !== JSON_TYPE)
    return problem(mcpError(MCP_ERRORS.contentType));
  const parsed = parseBody(exchange.body);
  if (!parsed.ok) return problem(parsed.error);
  exchange.parsed = parsed.value;
  const [first] = parsed.value.messages;
  if (first !== undefined)
    exchange.label = first.kind === 'response' ? 'response' : methodLabel(first.message.method);
  const id = first?.kind === 'request' ? first.message.id : null;
  return checkVersion(exchange, id);
}

function checkOther(exchange: Exchange): PlainReply | undefined {
  if (exchange.method === 'GET' && !accepts(exchange.headers.accept, EVENT_STREAM_TYPE))
    return problem(mcpError(MCP_ERRORS.notAcceptableGet));
  return checkVersion(exchange, null);
}

/** Where the eras part; the stateless one checks its versions itself. */
function checkVersion(exchange: Exchange, id: RequestId | null): PlainReply | undefined {
  const header = exchange.headers[HEADER.protocolVersion];
  const version = Array.isArray(header) ? header[0] : header;
  const era = eraOf(exchange.parsed?.messages ?? [], version);
  exchange.era = era.era;
  if (era.era === 'modern') {
    if (era.requested !== undefined) exchange.requestedVersion = era.requested;
    return undefined;
  }
  if (version !== undefined && !isLegacyVersion(version) && !isInitialize(exchange))
    return problem(
      mcpError(
        MCP_ERRORS.protocolVersionHeader,
        `${version} (supported versions: ${LEGACY_VERSIONS.join(', ')})`,
      ),
      id,
    );
  return undefined;
}

/** True for the one request that negotiates the version itself. */
export function isInitialize(exchange: Exchange): boolean {
  const first = exchange.parsed?.messages[0];
  return first?.kind === 'request' && first.message.method === 'initialize';
}

function problem(error: McpError, id: RequestId | null = null): PlainReply {
  return plain(error.kind.status, errorText(error, id));
}
