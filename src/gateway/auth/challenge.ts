/** Refusals that tell the client how to get a token that is good (RFC 6750 §3, RFC 9728 §5.1, MCP authorization). */
import { errorText, type McpErrorKind, mcpError } from '../../mcp/index.ts';
import { plain, type PlainReply } from '../exchange.ts';
import type { AuthPolicy } from '../policies.ts';
import { metadataUrl } from './protected-resource.ts';

export interface Challenge {
  /** RFC 6750 §3.1; absent when the request had no credentials at all. */
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope';
  /** The scopes that would be enough; those of the resource when absent. */
  readonly scopes?: readonly string[];
}

/** An answer whose body is a JSON-RPC error without an id: who may not call is not read that far. */
export function challenged(
  kind: McpErrorKind,
  policy: AuthPolicy,
  challenge: Challenge,
): PlainReply {
  return plain(kind.status, errorText(mcpError(kind)), challengeHeaders(policy, challenge));
}

export function challengeHeaders(
  { protectedResource }: AuthPolicy,
  { error, scopes }: Challenge,
): Record<'www-authenticate', string> {
  const scope = (scopes ?? protectedResource?.scopes ?? []).filter((name) => SCOPE.test(name));
  const metadata = protectedResource && metadataUrl(protectedResource);
  const parameters: [string, string][] = [
    ...(error === undefined ? [] : [['error', error] satisfies [string, string]]),
    ...(scope.length === 0 ? [] : [['scope', scope.join(' ')] satisfies [string, string]]),
    // A challenge has one parameter at least.
    metadata === undefined ? ['realm', 'mcp'] : ['resource_metadata', metadata],
  ];
  const text = parameters.map(([name, value]) => `${name}="${value}"`).join(', ');
  return { 'www-authenticate': `Bearer ${text}` };
}

/** `scope-token`: nothing that would end the quoted text. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
