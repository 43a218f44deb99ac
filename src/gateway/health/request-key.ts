/** What balancing reads from a request: its tool, and the key of a consistent hash. */
import { isJsonObject, methodTraits, type ParsedBody } from '../../mcp/index.ts';
import type { FlatHeaders } from '../exchange.ts';
import type { LoadBalancingPolicy } from '../policies.ts';

export interface KeySources {
  readonly sessionId?: string | undefined;
  readonly principal?: string | undefined;
  readonly headers: FlatHeaders;
  readonly parsed?: ParsedBody | undefined;
}

/** The tool that a body calls; undefined for anything else. */
export function toolOf(parsed: ParsedBody | undefined): string | undefined {
  const params = callParams(parsed);
  const name = params?.['name'];
  return typeof name === 'string' ? name : undefined;
}

/** The value that the policy keeps together; undefined when the request has none. */
export function keyOf(
  { consistentHash, strategy }: LoadBalancingPolicy,
  { sessionId, principal, headers, parsed }: KeySources,
): string | undefined {
  if (strategy !== 'ConsistentHash') return undefined;
  const { on, name = '' } = consistentHash;
  switch (on) {
    case 'Session':
      return sessionId;
    case 'Principal':
      return principal;
    case 'Header':
      return headers[name.toLowerCase()];
    case 'Argument': {
      const given = callParams(parsed)?.['arguments'];
      const value = isJsonObject(given) ? given[name] : undefined;
      return value === undefined ? undefined : JSON.stringify(value);
    }
  }
  return undefined;
}

/** True when every message may be sent twice by its method alone: what a half-open breaker lets through. */
export function isReadOnly({ messages }: ParsedBody): boolean {
  return messages.every(
    (item) => item.kind === 'request' && methodTraits(item.message.method).idempotent,
  );
}

function callParams(parsed: ParsedBody | undefined): Readonly<Record<string, unknown>> | undefined {
  const [first] = parsed?.messages ?? [];
  if (first?.kind !== 'request' || first.message.method !== 'tools/call') return undefined;
  return isJsonObject(first.message.params) ? first.message.params : undefined;
}
