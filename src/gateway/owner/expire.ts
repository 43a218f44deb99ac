/**
 * Requests that end without an answer of the session's server: they took too long, so the server is told and the client has
 * its error, or the client has cancelled them, and need not be answered (the official TypeScript server leaves such a request
 * open for ever).
 */
import {
  errorBody,
  errorResponse,
  MCP_ERRORS,
  mcpError,
  type ParsedBody,
  type RequestId,
} from '../../mcp/index.ts';
import { withinTime } from '../../std/index.ts';
import type { FlatHeaders } from '../exchange.ts';
import { backendHeaders } from './backend-headers.ts';
import type { PendingRequest, SessionState } from './session-state.ts';

/** How long the server may take to hear it. */
const TELL_MS = 5_000;

export interface Expiring {
  /** Of the client's request. */
  readonly headers: FlatHeaders;
  readonly batch: boolean;
  /** By the client: the server knows. */
  readonly cancelled: boolean;
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
  const { cancelled } = expiring;
  const kind = cancelled ? MCP_ERRORS.requestCancelled : MCP_ERRORS.deadlineExceeded;
  const error = errorBody(mcpError(kind));
  const answers = [...expiring.pending.keys()].map((id) => {
    if (!cancelled) void cancelAtServer(state, expiring.headers, id);
    return errorResponse(id, error);
  });
  expiring.pending.clear();
  return JSON.stringify(expiring.batch ? answers : answers[0]);
}

/** A server that answers what was cancelled may do so. */
const CANCEL_GRACE_MS = 250;

export interface CancelWatch {
  /** True when the client's cancel ended the exchange. */
  cancelled(): boolean;
  release(): void;
}

/** Lets `noteCancels` end an exchange when the only request that is still pending in it was cancelled. */
export function watchCancels(
  state: SessionState,
  pending: ReadonlyMap<RequestId, PendingRequest>,
  end: () => void,
): CancelWatch {
  let cancelled = false;
  const endings = [...pending.keys()].map((id) => {
    const ending = (): void => {
      if (pending.size !== 1 || !pending.has(id)) return;
      cancelled = true;
      end();
    };
    state.cancels.set(id, ending);
    return { id, ending };
  });
  return {
    cancelled: () => cancelled,
    release() {
      for (const { id, ending } of endings)
        if (state.cancels.get(id) === ending) state.cancels.delete(id);
    },
  };
}

/** The server has got these messages: what they cancel need not be answered any more. */
export function noteCancels(state: SessionState, { messages }: ParsedBody): void {
  for (const { kind, message } of messages) {
    if (kind !== 'notification' || message.method !== 'notifications/cancelled') continue;
    const end = state.cancels.get(message.params?.['requestId'] as RequestId);
    if (end !== undefined) state.tools.clock.schedule(CANCEL_GRACE_MS, end);
  }
}

/** Never rejects: a server that cannot hear it has nothing to cancel. */
async function cancelAtServer(
  state: SessionState,
  headers: FlatHeaders,
  requestId: RequestId,
): Promise<void> {
  const { upstream, clock } = state.tools;
  const notice = {
    method: 'POST',
    headers: backendHeaders('POST', headers, { backendSessionId: state.backendSessionId }),
    body: JSON.stringify({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId, reason: MCP_ERRORS.deadlineExceeded.sentence },
    }),
  } as const;
  const tell = async (signal: AbortSignal): Promise<void> => {
    const response = await upstream.send({ ...notice, signal });
    await response.body.dump();
  };
  try {
    await withinTime(clock, TELL_MS, tell, state.signal);
  } catch (error) {
    const session = state.id;
    state.tools.logger.debug('server did not hear of a cancel', { session, error: String(error) });
  }
}
