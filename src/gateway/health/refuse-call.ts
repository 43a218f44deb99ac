/** The answer to a call that no pod gets: the fallback of the resource, or an error that says when to come back. */
import { errorBody, mcpError, type Era, type ParsedBody, type RequestId } from '../../mcp/index.ts';
import { plain, type PlainReply } from '../exchange.ts';
import type { GatewayPolicies } from '../policies.ts';
import type { Nowhere } from './balancing.ts';

export interface RefusedCall {
  readonly parsed: ParsedBody;
  readonly era?: Era;
  /** Text that a tool call gets as its result instead. */
  readonly fallback?: string;
}

/** What the resource wants said while a breaker is open. */
export function fallbackOf({ health }: GatewayPolicies): { readonly fallback?: string } {
  const { fallback } = health.circuitBreaker;
  return fallback === undefined ? {} : { fallback };
}

/** `data` tells how many seconds to wait (`retryAfter`) or which labels nobody has; HTTP says the same in its own words. */
export function refuseCall(
  { error, retryAfterMs, requires }: Nowhere,
  { parsed, era = 'legacy', fallback }: RefusedCall,
): PlainReply {
  const retryAfter = Math.max(1, Math.ceil((retryAfterMs ?? 0) / 1_000));
  const requests = parsed.messages.flatMap((item) =>
    item.kind === 'request' ? [item.message] : [],
  );
  const answers = (body: (id: RequestId) => object): string => {
    const all = requests.map(({ id }) => ({ jsonrpc: '2.0', id, ...body(id) }));
    return JSON.stringify(parsed.batch ? all : all[0]);
  };
  const isCall = requests.length > 0 && requests.every(({ method }) => method === 'tools/call');
  if (fallback !== undefined && isCall) {
    const result = {
      ...(era === 'modern' ? { resultType: 'complete' } : {}),
      content: [{ type: 'text', text: fallback }],
      _meta: { 'mcpcluster.io/fallback': true },
    };
    return plain(
      200,
      answers(() => ({ result })),
    );
  }
  const data = {
    retryable: error.retryable,
    ...(error.retryable ? { retryAfter } : {}),
    ...(requires === undefined ? {} : { requires }),
  };
  const body = answers(() => ({ error: errorBody(mcpError(error, undefined, data)) }));
  return plain(error.status, body, error.retryable ? { 'retry-after': String(retryAfter) } : {});
}
