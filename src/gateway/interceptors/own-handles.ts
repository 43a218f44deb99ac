/**
 * Whose a state handle is: the principal's who was given it, or named it first. The MCP server may not know callers apart and
 * would serve whoever names it. So when somebody else does, the server gets another name in its place, the same one each time:
 * it answers what it answers to a name that it does not know, and nobody learns that the handle exists.
 */
import { createHash } from 'node:crypto';
import {
  decodeHeaderValue,
  errorText,
  MCP_ERRORS,
  mcpError,
  parseBody,
  readLossless,
  type McpErrorKind,
  type ParsedBody,
} from '../../mcp/index.ts';
import { type Clock } from '../../std/index.ts';
import { isPlain } from '../auth/plain-names.ts';
import {
  ANONYMOUS,
  plain,
  requestIdOf,
  type Exchange,
  type Interceptor,
  type PlainReply,
} from '../exchange.ts';
import { handleKey, handlesIn, holderOf, type Handle } from '../modern/affinity.ts';
import { mapReply, type Substitution } from '../modern/map-id.ts';
import type { GatewayPolicies, LoadBalancingPolicy } from '../policies.ts';
import type { Placements } from '../ports.ts';

export interface OwnHandlesOptions {
  readonly policies: () => Pick<GatewayPolicies, 'loadBalancing'>;
  readonly placements: Placements;
  readonly clock: Clock;
  /** How long a look-up may wait for the store. */
  readonly lookupMs: number;
}

/** Costs nothing where callers are not told apart or no handles are configured; otherwise a look-up for each that is named. */
export function hideHandles(options: OwnHandlesOptions): Interceptor {
  const { policies, placements, clock, lookupMs } = options;
  return (next) => async (exchange) => {
    const { parsed, principal } = exchange;
    const policy = policies().loadBalancing;
    if (parsed === undefined || principal.id === ANONYMOUS.id || !callsWithHandles(policy, parsed))
      return next(exchange);
    const named = [...new Set(policy.stateHandles.map(({ argument }) => argument))];
    if (!isPlain(exchange.body, parsed, named))
      return problem(exchange, MCP_ERRORS.invalidRequest, 'what it names is said in two ways');
    const foreign = new Map<string, Substitution>();
    for (const handle of parsed.messages.flatMap((item) => handlesIn(item, policy))) {
      const key = handleKey(handle.argument, handle.value);
      const place = await holderOf(placements, { key }, { clock, timeoutMs: lookupMs });
      if (place === undefined) return problem(exchange, MCP_ERRORS.unavailable);
      if (typeof place === 'symbol' || (place.owner ?? principal.id) === principal.id) continue;
      foreign.set(key, strangerOf(handle, principal.id));
    }
    if (foreign.size === 0) return next(exchange);
    substitute(exchange, policy, foreign);
    return [...foreign.values()].reduce(mapReply, await next(exchange));
  };
}

const callsWithHandles = (policy: LoadBalancingPolicy, { messages }: ParsedBody): boolean =>
  policy.stateHandles.length > 0 &&
  policy.affinity !== 'None' &&
  messages.some((item) => item.kind !== 'response' && item.message.method === 'tools/call');

/** What the server gets in place of a handle that is not the caller's: text for text, a number for a number. */
function strangerOf({ argument, value }: Handle, principal: string): Substitution {
  const digest = createHash('sha256')
    .update(JSON.stringify([principal, argument, value]))
    .digest();
  if (typeof value === 'number')
    return { upstream: String(2 ** 52 + digest.readUIntBE(0, 6)), client: String(value) };
  return { upstream: digest.toString('base64url'), client: JSON.stringify(value).slice(1, -1) };
}

/** Puts the other names into the body, and into the headers that repeat them. */
function substitute(
  exchange: Exchange,
  policy: LoadBalancingPolicy,
  foreign: ReadonlyMap<string, Substitution>,
): void {
  const body = readLossless(exchange.body);
  const written = (Array.isArray(body) ? body : [body]) as { params: { arguments: object } }[];
  for (const [index, item] of (exchange.parsed?.messages ?? []).entries()) {
    for (const { argument, value } of handlesIn(item, policy)) {
      const other = foreign.get(handleKey(argument, value))?.upstream;
      const args = written[index]?.params.arguments;
      if (other === undefined || args === undefined) continue;
      Object.assign(args, { [argument]: typeof value === 'number' ? Number(other) : other });
      for (const [name, text] of Object.entries(exchange.headers)) {
        if (!name.startsWith('mcp-param-') || typeof text !== 'string') continue;
        if (decodeHeaderValue(text) === String(value)) exchange.headers[name] = other;
      }
    }
  }
  exchange.body = JSON.stringify(body);
  const parsed = parseBody(exchange.body);
  if (parsed.ok) exchange.parsed = parsed.value;
}

function problem(exchange: Exchange, kind: McpErrorKind, detail?: string): PlainReply {
  const retry: Record<string, string> = kind.status === 503 ? { 'retry-after': '1' } : {};
  return plain(kind.status, errorText(mcpError(kind, detail), requestIdOf(exchange)), retry);
}
