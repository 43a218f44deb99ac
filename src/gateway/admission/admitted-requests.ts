/**
 * Which requests of an exchange admission is about. Only requests are: a notification may be the one that cancels, a
 * response is what a server waits for while its request holds a place, GET carries the server's own requests, and DELETE
 * frees what others wait for. To hold any of them back would make overload worse.
 */
import { createHash } from 'node:crypto';
import { HEADER, type JsonRpcRequest } from '../../mcp/index.ts';
import type { Exchange } from '../exchange.ts';
import { matches, type RequestFacts, type RequestMatch } from '../policies.ts';

/** Open for hours by nature, as a GET stream is: concerned only by a policy that names it. */
const LISTEN = 'subscriptions/listen';

/** Keys come from clients: a longer one is kept as its digest. */
const KEY_CHARS_MAX = 64;

export type Per = 'All' | 'Tool' | 'Tenant' | 'Session';

/** The requests among the messages of a POST; usually one. */
export function requestsOf({ parsed }: Pick<Exchange, 'parsed'>): readonly JsonRpcRequest[] {
  const requests: JsonRpcRequest[] = [];
  for (const item of parsed?.messages ?? [])
    if (item.kind === 'request') requests.push(item.message);
  return requests;
}

/** True for a request that ends by itself, so that it can be late. */
export function canBeLate({ method }: JsonRpcRequest): boolean {
  return method !== LISTEN;
}

export function factsOf(
  { method, params }: JsonRpcRequest,
  { tenant, session }: Pick<RequestFacts, 'tenant' | 'session'>,
): RequestFacts {
  const name = params?.['name'];
  const tool = method === 'tools/call' && typeof name === 'string' ? name : undefined;
  return { method, tool, tenant, session };
}

/** What is known of all requests of an exchange. Without a session, as in the stateless era, its sender stands for it. */
export function senderOf(exchange: Exchange): Pick<RequestFacts, 'tenant' | 'session'> {
  const id = exchange.headers[HEADER.sessionId];
  const session = exchange.era === 'legacy' && id !== undefined ? id : exchange.principal.id;
  return { tenant: exchange.principal.tenant, session };
}

/** True when a policy with this `match` is about the request. */
export function concerns(match: RequestMatch, facts: RequestFacts): boolean {
  if (facts.method === LISTEN && match.methods?.includes(LISTEN) !== true) return false;
  return matches(match, facts);
}

/** Which of a policy's compartments or counters a request belongs to. */
export function keyOf(per: Per, { method, tool, tenant, session = '' }: RequestFacts): string {
  const keys = { All: '', Tool: tool ?? method, Tenant: tenant, Session: session };
  return bounded(keys[per]);
}

function bounded(key: string): string {
  if (key.length <= KEY_CHARS_MAX) return key;
  return `#${createHash('sha256').update(key).digest('base64url')}`;
}
