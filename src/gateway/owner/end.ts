/** A client's DELETE: the server's session and the record end together, unless the server does not allow it. */
import { HEADER } from '../../mcp/index.ts';
import { plain, type OwnerReply, type OwnerRequest } from '../exchange.ts';
import { readText } from '../http-client.ts';
import { answerHeaders, backendHeaders } from './backend-headers.ts';
import type { SessionState } from './session-state.ts';

export async function endSession(state: SessionState, request: OwnerRequest): Promise<OwnerReply> {
  const { upstream, sessions, timing } = state.tools;
  const signal = AbortSignal.any([state.signal, AbortSignal.timeout(timing.commitMs)]);
  try {
    const response = await upstream.send({
      method: 'DELETE',
      headers: backendHeaders('DELETE', request.headers, {
        backendSessionId: state.backendSessionId,
      }),
      signal,
    });
    const body = await readText(response);
    // 405: this server does not let clients end sessions; then the session goes on.
    if (response.status === 405)
      return { type: 'plain', status: 405, headers: answerHeaders(response), body };
  } catch {
    // A server that cannot be asked has lost the session anyway.
  }
  await sessions.directory.end(state.id, AbortSignal.timeout(timing.commitMs));
  state.backendSessionId = undefined;
  state.close('session-ended');
  return plain(200, '', { [HEADER.sessionId]: state.id });
}
