/** Path, HTTP method, number of requests at once, and size of the body. */
import { errorText, MCP_ERRORS, mcpError, type McpErrorKind } from '../../mcp/index.ts';
import { plain, type Interceptor, type PlainReply } from '../exchange.ts';
import type { ResolvedLimits } from '../config.ts';
import type { GatewayMetrics } from '../metrics.ts';

export interface LimitsOptions {
  /** The one path that is served. */
  readonly path: string;
  readonly limits: ResolvedLimits;
  readonly metrics: GatewayMetrics;
}

/** Drops a byte order mark; what is not UTF-8 is read as replacement characters. */
const TEXT = new TextDecoder();

const METHODS: ReadonlySet<string> = new Set(['DELETE', 'GET', 'POST']);

export function enforceLimits(options: LimitsOptions): Interceptor {
  const { limits, metrics } = options;
  let inFlight = 0;
  return (next) => async (exchange) => {
    if (exchange.path !== options.path) return problem(MCP_ERRORS.notFound);
    if (!METHODS.has(exchange.method))
      return problem(MCP_ERRORS.methodNotAllowed, { allow: 'GET, POST, DELETE' });
    if (inFlight >= limits.requestsMax) {
      metrics.limited.inc({ limit: 'requestsMax' });
      return problem(MCP_ERRORS.unavailable, { 'retry-after': '1' });
    }
    inFlight += 1;
    metrics.inFlight.set(inFlight);
    try {
      if (exchange.method === 'POST') {
        const body = await exchange.readBody(limits.bodyBytes);
        if (body === undefined) {
          metrics.limited.inc({ limit: 'bodyBytes' });
          // What is left of the body must not be taken for the next request.
          return problem(MCP_ERRORS.bodyTooLarge, { connection: 'close' });
        }
        exchange.body = TEXT.decode(body);
      }
      return await next(exchange);
    } finally {
      inFlight -= 1;
      metrics.inFlight.set(inFlight);
    }
  };
}

function problem(kind: McpErrorKind, headers: Record<string, string> = {}): PlainReply {
  return plain(kind.status, errorText(mcpError(kind)), headers);
}
