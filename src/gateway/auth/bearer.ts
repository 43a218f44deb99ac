/** Reads a bearer token from a request's headers (RFC 6750 §2.1); tokens in a query or a body are never looked at. */
import type { Exchange } from '../exchange.ts';

export type Bearer =
  | { readonly type: 'token'; readonly token: string }
  | { readonly type: 'missing' }
  /** Text that is no token. The listener refuses several credentials. */
  | { readonly type: 'malformed' };

/** `b64token`, the only characters a bearer token may have. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
const SCHEME = /^bearer(?: +|$)/i;

export function isBearerToken(text: string): boolean {
  return TOKEN.test(text);
}

export function readBearer({ headers }: Pick<Exchange, 'headers'>): Bearer {
  const { authorization } = headers;
  if (authorization === undefined) return { type: 'missing' };
  const scheme = SCHEME.exec(authorization)?.[0];
  if (scheme === undefined) return { type: 'missing' };
  const token = authorization.slice(scheme.length).trimEnd();
  return isBearerToken(token) ? { type: 'token', token } : { type: 'malformed' };
}
