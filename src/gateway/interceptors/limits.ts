/** Path, HTTP method, number of requests at once, and size of the body. */
import { errorText, MCP_ERRORS, mcpError, type McpErrorKind } from '../../mcp/index.ts';
import {
  now,
  plain,
  type Exchange,
  type Handler,
  type Interceptor,
  type PlainReply,
  type Reply,
} from '../exchange.ts';
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
  const count = (step: 1 | -1): void => {
    inFlight += step;
    metrics.inFlight.set(inFlight);
  };
  const serve = async (next: Handler, exchange: Exchange): Promise<Reply> => {
    count(1);
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
      count(-1);
    }
  };
  return (next) => (exchange) => {
    if (exchange.path !== options.path) return now(problem(MCP_ERRORS.notFound));
    if (!METHODS.has(exchange.method))
      return now(problem(MCP_ERRORS.methodNotAllowed, { allow: 'GET, POST, DELETE' }));
    if (inFlight < limits.requestsMax) return serve(next, exchange);
    metrics.limited.inc({ limit: 'requestsMax' });
    return now(problem(MCP_ERRORS.unavailable, { 'retry-after': '1' }));
  };
}

function problem(kind: McpErrorKind, headers: Record<string, string> = {}): PlainReply {
  return plain(kind.status, errorText(mcpError(kind)), headers);
}
