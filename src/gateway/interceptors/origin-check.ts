/**
 * Where requests come from: `Host` and `Origin` against DNS rebinding, and CORS for the web pages that may call. Outside of
 * everything else, so that a page can read each answer, refusals too.
 */
import { errorText, MCP_ERRORS, mcpError, type McpErrorKind } from '../../mcp/index.ts';
import type { Audit } from '../auth/audit.ts';
import {
  plain,
  type Exchange,
  type FlatHeaders,
  type Handler,
  type Interceptor,
  type Reply,
} from '../exchange.ts';

export interface OriginCheckOptions {
  /** Read at each request: the lists may change while the gateway runs. */
  readonly config: {
    readonly allowedOrigins: readonly string[];
    readonly allowedHosts: readonly string[];
  };
  readonly audit: Audit;
}

/** Answers a page may read beside the few that it always may. */
const EXPOSED = 'Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After';
const METHODS = 'GET, POST, DELETE';
/** For what a page wants to send no longer than this is listed. */
const REQUESTED_LENGTH_MAX = 4096;
/** How long a browser may remember a preflight: an origin that is taken off the list is out by then. */
const PREFLIGHT_SECONDS = 600;

export function checkOrigin({ config, audit }: OriginCheckOptions): Interceptor {
  const forbidden = (kind: McpErrorKind, reason: 'host' | 'origin', value: string): Reply => {
    audit.refused(reason, { [reason]: value });
    return plain(kind.status, errorText(mcpError(kind, value)), { vary: 'Origin' });
  };
  const check = async (next: Handler, exchange: Exchange): Promise<Reply> => {
    const { origin, host } = exchange.headers;
    const { allowedOrigins, allowedHosts } = config;
    const name = hostName(host);
    if (name === undefined) return forbidden(MCP_ERRORS.hostMalformed, 'host', '');
    if (allowedHosts.length > 0 && !allowedHosts.some((allowed) => allowed.toLowerCase() === name))
      return forbidden(MCP_ERRORS.forbiddenHost, 'host', host ?? 'none');
    // Programs send no Origin; browsers always do.
    if (origin === undefined) return answerFrom(config, undefined, await next(exchange));
    if (!isAllowed(origin, config)) return forbidden(MCP_ERRORS.forbiddenOrigin, 'origin', origin);
    if (allowedOrigins.length === 0) return next(exchange);
    // The gateway has decided; a server that only knows its own address would refuse.
    delete exchange.headers.origin;
    const requested = exchange.headers['access-control-request-method'];
    const preflight = exchange.method === 'OPTIONS' && requested !== undefined;
    return answerFrom(config, origin, preflight ? allowance(exchange) : await next(exchange));
  };
  let lastHost: string | undefined;
  return (next) => (exchange) => {
    const { origin, host } = exchange.headers;
    const isOpen = config.allowedHosts.length === 0 && config.allowedOrigins.length === 0;
    // Nothing to check or to say: a program, and the Host of the request before, which is well formed.
    if (isOpen && origin === undefined && host === lastHost) return next(exchange);
    if (hostName(host) !== undefined) lastHost = host;
    return check(next, exchange);
  };
}

/** The host without its port, lower case; `[::1]:80` gives `[::1]`, no host at all ''. Undefined for what is no host. */
export function hostName(host: string | undefined): string | undefined {
  if (host === undefined) return '';
  return /^(\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/i.exec(host)?.[1]?.toLowerCase();
}

/**
 * With no list, pages of this machine pass to the server, which may judge them: an address that is rebound to a private
 * network never has such a name.
 */
function isAllowed(
  origin: string,
  { allowedOrigins, allowedHosts }: OriginCheckOptions['config'],
): boolean {
  if (allowedOrigins.includes('*') || allowedOrigins.includes(origin)) return true;
  // What a sandboxed page sends, and what every address of an unusual scheme is to `URL`.
  if (origin === 'null') return false;
  if (allowedOrigins.length > 0)
    return allowedOrigins.some((allowed) => canonical(allowed) === origin);
  const host = URL.parse(origin)?.hostname ?? '';
  return isLoopback(host) || allowedHosts.some((allowed) => allowed.toLowerCase() === host);
}

/** As browsers write it: lower case, no port that goes without saying, no slash at the end. */
const canonical = (origin: string): string | undefined => URL.parse(origin)?.origin;

const isLoopback = (host: string): boolean =>
  host === 'localhost' ||
  host.endsWith('.localhost') ||
  host === '[::1]' ||
  /^127(\.\d+){3}$/.test(host);

/** The answer to a preflight (Fetch standard, CORS protocol). */
function allowance(exchange: Exchange): Reply {
  const requested = exchange.headers['access-control-request-headers'] ?? '';
  const names = requested
    .slice(0, REQUESTED_LENGTH_MAX)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name));
  return plain(204, '', {
    'access-control-allow-methods': METHODS,
    ...(names.length === 0 ? {} : { 'access-control-allow-headers': names.join(', ') }),
    'access-control-max-age': String(PREFLIGHT_SECONDS),
    vary: 'Access-Control-Request-Headers',
  });
}

/**
 * The answer as a page of `origin` may read it. Never with `Access-Control-Allow-Credentials`: whoever calls says who it is
 * by a token and not by a cookie. What the server itself said of CORS does not count.
 */
function answerFrom(
  { allowedOrigins }: OriginCheckOptions['config'],
  origin: string | undefined,
  reply: Reply,
): Reply {
  if (allowedOrigins.length === 0) return reply;
  const everybody = allowedOrigins.includes('*');
  const kept = Object.entries(reply.headers).filter(
    ([name]) => !/^access-control-(allow-(origin|credentials)|expose-headers)$/.test(name),
  );
  const headers: FlatHeaders = {
    ...Object.fromEntries(kept),
    ...(everybody ? {} : { vary: [reply.headers['vary'], 'Origin'].filter(Boolean).join(', ') }),
    ...(origin === undefined
      ? {}
      : {
          'access-control-allow-origin': everybody ? '*' : origin,
          'access-control-expose-headers': EXPOSED,
        }),
  };
  return { ...reply, headers };
}
