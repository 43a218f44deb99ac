/** Reads a bearer token from a request's headers (RFC 6750 §2.1); tokens in a query or a body are never looked at. */
import type { Exchange } from '../exchange.ts';

export type Bearer =
  | { readonly type: 'token'; readonly token: string }
  | { readonly type: 'missing' }
  /** Several credentials, or text that is no token. */
  | { readonly type: 'malformed' };

/** `b64token`, the only characters a bearer token may have. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
const SCHEME = /^bearer(?: +|$)/i;

export function isBearerToken(text: string): boolean {
  return TOKEN.test(text);
}

export function readBearer({
  headers,
  rawHeaders,
}: Pick<Exchange, 'headers' | 'rawHeaders'>): Bearer {
  const { authorization } = headers;
  if (authorization === undefined) return { type: 'missing' };
  // Node keeps the first of several; another reader might keep the last.
  if (countOf(rawHeaders, 'authorization') > 1) return { type: 'malformed' };
  const scheme = SCHEME.exec(authorization)?.[0];
  if (scheme === undefined) return { type: 'missing' };
  const token = authorization.slice(scheme.length).trimEnd();
  return isBearerToken(token) ? { type: 'token', token } : { type: 'malformed' };
}

/** How many lines of the header `name` (lower case) the request has. */
export function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]?.toLowerCase() === name) count += 1;
  return count;
}
