/** What a client is told of a request that nobody answers. */
import { errorTexts, MCP_ERRORS, mcpError, type RequestId } from '../../mcp/index.ts';
import type { RefusalCode } from '../core/types.ts';
import { plain, type Exchange, type PlainReply } from '../exchange.ts';
import type { FailoverOptions, Pursuit } from './pursuit.ts';

/** The server may have run it, and it is not known to be harmless to run it again. */
export function answerLost(
  options: FailoverOptions,
  pursuit: Pursuit,
  reason: RefusalCode,
): PlainReply {
  noteLost(options, pursuit, reason);
  return problem(200, 'interrupted', pursuit.exchange);
}

/** Counts a lost request, and says so to whoever looks for it later. */
export function noteLost(
  { metrics, events, logger }: FailoverOptions,
  { sessionId: id, exchange }: Pursuit,
  reason: RefusalCode,
): void {
  metrics.lost.inc();
  events.emit({ type: 'request-failed', id, method: exchange.label, reason });
  logger.info('request lost', { session: id, method: exchange.label, reason });
}

/** Time is over. A request gets its answer as JSON-RPC, anything else as HTTP. */
export function answerUnavailable(pursuit: Pursuit): PlainReply {
  const [first] = pursuit.exchange.parsed?.messages ?? [];
  const asked = first?.kind === 'request' && pursuit.op !== 'initialize';
  return problem(asked ? 200 : 503, 'unavailable', pursuit.exchange);
}

export const answerNotFound = ({ exchange }: Pursuit): PlainReply =>
  problem(404, 'sessionNotFound', exchange);

/** What ends a stream on which these requests were not answered: an event without data if there are none. */
export function lostText(ids: readonly RequestId[]): string {
  // Several there are only where batches are.
  const isBatch = ids.length > 1;
  return ids.length === 0 ? '' : errorTexts(mcpError(MCP_ERRORS.interrupted), ids, isBatch);
}

function problem(
  status: number,
  kind: 'interrupted' | 'sessionNotFound' | 'unavailable',
  exchange: Exchange,
): PlainReply {
  const ids = (exchange.parsed?.messages ?? []).flatMap((item) =>
    item.kind === 'request' ? [item.message.id] : [],
  );
  const batch = exchange.parsed?.batch === true && status === 200;
  const body = errorTexts(mcpError(MCP_ERRORS[kind]), ids, batch);
  return plain(status, body, status === 503 ? { 'retry-after': '1' } : {});
}
