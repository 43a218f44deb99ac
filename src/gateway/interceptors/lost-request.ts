/** What a client is told of a request that nobody answers. */
import { errorText, MCP_ERRORS, mcpError, type RequestId } from '../../mcp/index.ts';
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

/** The error for every one of these requests, as one event of a stream; several there are only where batches are. */
export function lostText(ids: readonly RequestId[]): string {
  const texts = ids.map((id) => errorText(mcpError(MCP_ERRORS.interrupted), id));
  return texts.length > 1 ? `[${texts.join(',')}]` : (texts[0] ?? '');
}

function problem(
  status: number,
  kind: 'interrupted' | 'sessionNotFound' | 'unavailable',
  exchange: Exchange,
): PlainReply {
  const error = mcpError(MCP_ERRORS[kind]);
  const requests = (exchange.parsed?.messages ?? []).filter((item) => item.kind === 'request');
  const texts = requests.map((item) => errorText(error, item.message.id));
  const batch = exchange.parsed?.batch === true && status === 200;
  const body = batch ? `[${texts.join(',')}]` : (texts[0] ?? errorText(error));
  return plain(status, body, status === 503 ? { 'retry-after': '1' } : {});
}
