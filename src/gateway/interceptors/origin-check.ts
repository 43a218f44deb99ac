/** DNS-rebinding protection: `Origin` and `Host` must be ones the user allowed, where the user named any. */
import { errorText, MCP_ERRORS, mcpError, type McpErrorKind } from '../../mcp/index.ts';
import { plain, type Interceptor, type PlainReply } from '../exchange.ts';

export interface OriginCheckOptions {
  readonly allowedOrigins: readonly string[];
  readonly allowedHosts: readonly string[];
}

export function checkOrigin(options: OriginCheckOptions): Interceptor {
  const origins = new Set(options.allowedOrigins);
  const hosts = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
  return (next) => async (exchange) => {
    const { origin, host } = exchange.headers;
    // Programs send no Origin; browsers always do.
    if (origins.size > 0 && origin !== undefined && !origins.has(origin))
      return forbidden(MCP_ERRORS.forbiddenOrigin, origin);
    if (hosts.size > 0 && !hosts.has(hostName(host ?? '')))
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
