/** The answer to requests that are not admitted: HTTP status, JSON-RPC error for each, and when to come again. */
import { errorTexts, mcpError, type JsonRpcRequest, type McpErrorKind } from '../../mcp/index.ts';
import { plain, type PlainReply } from '../exchange.ts';

export interface Rejection {
  readonly kind: McpErrorKind;
  /** The policy that rejects. */
  readonly name: string;
  /** In words, for people. */
  readonly detail: string;
  /** When it may work again, as far as one can say. */
  readonly retryAfterMs: number | undefined;
  /** The kind's own when absent. */
  readonly status?: number;
}

const RETRY_AFTER_MAX_S = 3_600;

/** One body for all `requests`, an array if they came as a batch. `data.retryAfter` is in seconds, as is the header. */
export function reject(
  requests: readonly JsonRpcRequest[],
  batch: boolean,
  rejection: Rejection,
): PlainReply {
  const { kind, name, detail, retryAfterMs = 1_000, status = kind.status } = rejection;
  const seconds = Math.ceil(retryAfterMs / 1_000);
  const retryAfter = Math.max(1, Math.min(RETRY_AFTER_MAX_S, seconds));
  const error = mcpError(kind, detail, { retryable: kind.retryable, retryAfter, policy: name });
  const ids = requests.map(({ id }) => id);
  return plain(status, errorTexts(error, ids, batch), { 'retry-after': String(retryAfter) });
}
