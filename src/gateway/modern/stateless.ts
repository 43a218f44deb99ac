/** The end of the request path of the stateless era for everything but `subscriptions/listen`. */
import {
  isRemovedMethod,
  MCP_ERRORS,
  mcpError,
  type McpError,
  type ParsedBody,
} from '../../mcp/index.ts';
import { InvariantError } from '../../std/index.ts';
import { ANONYMOUS, type Exchange, type Handler } from '../exchange.ts';
import { keyOf, toolOf } from '../health/request-key.ts';
import { clientHeaders } from '../owner/backend-headers.ts';
import { holderOf, namedBy } from './affinity.ts';
import { continueStream } from './continue-stream.ts';
import { problem, pursue, type Errand, type StatelessOptions } from './pursue.ts';

export function serveStateless(options: StatelessOptions): Handler {
  return async (exchange) => {
    const { parsed } = exchange;
    const [first] = parsed?.messages ?? [];
    if (parsed === undefined || first === undefined)
      throw new InvariantError('only POST has a stateless era');
    if (first.kind !== 'response' && isRemovedMethod(first.message.method))
      return problem(exchange, mcpError(MCP_ERRORS.methodNotFound, first.message.method));
    const errand = await begin(options, exchange, parsed);
    if ('error' in errand) return problem(exchange, errand.error);
    const reply = await pursue(options, errand);
    if (reply.type !== 'stream') return reply;
    return { ...reply, events: continueStream(options, errand, reply) };
  };
}

async function begin(
  options: StatelessOptions,
  exchange: Exchange,
  parsed: ParsedBody,
): Promise<Errand | { readonly error: McpError }> {
  const policy = options.policies().loadBalancing;
  const headers = clientHeaders(exchange.headers);
  const principal = exchange.principal.id;
  const named = namedBy(parsed, policy, principal);
  const { clock, placements, timing } = options;
  const holder =
    named === undefined
      ? undefined
      : await holderOf(placements, named, { clock, timeoutMs: timing.commitMs });
  // The server may not know callers apart, and would tell anybody of the task.
  if (named?.type === 'task' && principal !== ANONYMOUS.id && typeof holder !== 'object')
    return {
      error: mcpError(holder === undefined ? MCP_ERRORS.unavailable : MCP_ERRORS.taskNotFound),
    };
  return {
    ...{ exchange, parsed, headers, named },
    holder: typeof holder === 'object' ? holder.node : undefined,
    tool: toolOf(parsed),
    key: named?.key ?? keyOf(policy, { headers, principal, parsed }),
    avoid: new Set(),
    onlyWrongEra: true,
    foreign: false,
    node: undefined,
    attempts: 0,
    mapped: undefined,
    release: undefined,
  };
}
