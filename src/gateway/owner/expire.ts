/** What a client's request did not get in time at the session's server: the server is told, and the client has its error. */
import { errorResponse, errorBody, MCP_ERRORS, mcpError, type RequestId } from '../../mcp/index.ts';
import type { FlatHeaders } from '../exchange.ts';
import { backendHeaders } from './backend-headers.ts';
import type { PendingRequest, SessionState } from './session-state.ts';

/** How long the server may take to hear it. */
const TELL_MS = 5_000;

export interface Expiring {
  /** Of the client's request. */
  readonly headers: FlatHeaders;
  readonly batch: boolean;
  /** What is not answered yet. */
  readonly pending: Map<RequestId, PendingRequest>;
}

/** True when an exchange ended because it took too long, and not with its session. */
export function isExpired(state: SessionState, exchange: AbortSignal): boolean {
  return exchange.aborted && state.closed === undefined;
}

/**
 * Cancels at the server what is pending, as nobody will wait for it, and returns the errors that answer it. Nothing is
 * pending afterwards. (Closing the connection would not do: in the era of sessions that is no cancel.)
 */
export function expirePending(state: SessionState, expiring: Expiring): string {
  const error = errorBody(mcpError(MCP_ERRORS.deadlineExceeded));
  const answers = [...expiring.pending.keys()].map((id) => {
    void cancelAtServer(state, expiring.headers, id);
    return errorResponse(id, error);
  });
  expiring.pending.clear();
  return JSON.stringify(expiring.batch ? answers : answers[0]);
}

/** Never rejects: a server that cannot hear it has nothing to cancel. */
async function cancelAtServer(
  state: SessionState,
  headers: FlatHeaders,
  requestId: RequestId,
): Promise<void> {
  const { upstream, clock } = state.tools;
  const late = new AbortController();
  const cancel = clock.schedule(TELL_MS, () => late.abort());
  try {
    const response = await upstream.send({
      method: 'POST',
      headers: backendHeaders('POST', headers, { backendSessionId: state.backendSessionId }),
      body: JSON.stringify({
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId, reason: MCP_ERRORS.deadlineExceeded.sentence },
      }),
      signal: AbortSignal.any([state.signal, late.signal]),
    });
    await response.body.dump();
  } catch (error) {
    const session = state.id;
    state.tools.logger.debug('server did not hear of a cancel', { session, error: String(error) });
  } finally {
    cancel();
  }
}
