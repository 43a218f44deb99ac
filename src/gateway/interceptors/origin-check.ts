/** DNS-rebinding protection: `Origin` and `Host` must be ones the user allowed, where the user named any. */
import { errorText, MCP_ERRORS, mcpError, type McpErrorKind } from '../../mcp/index.ts';
import { plain, type Interceptor, type PlainReply } from '../exchange.ts';

/** Read at each request: the lists may change while the gateway runs. */
export interface OriginCheckOptions {
  readonly allowedOrigins: readonly string[];
  readonly allowedHosts: readonly string[];
}

export function checkOrigin(options: OriginCheckOptions): Interceptor {
  return (next) => async (exchange) => {
    const { origin, host } = exchange.headers;
    const { allowedOrigins, allowedHosts } = options;
    // Programs send no Origin; browsers always do.
    if (allowedOrigins.length > 0 && origin !== undefined && !allowedOrigins.includes(origin))
      return forbidden(MCP_ERRORS.forbiddenOrigin, origin);
    const name = hostName(host ?? '');
    if (allowedHosts.length > 0 && !allowedHosts.some((allowed) => allowed.toLowerCase() === name))
      return forbidden(MCP_ERRORS.forbiddenHost, host ?? 'none');
    return next(exchange);
  };
}

/** The host without its port, lower case; `[::1]:80` gives `[::1]`. */
export function hostName(host: string): string {
  return host.replace(/:\d*$/, '').toLowerCase();
}

function forbidden(kind: McpErrorKind, value: string): PlainReply {
  return plain(kind.status, errorText(mcpError(kind, value)));
}
