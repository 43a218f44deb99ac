/** A client's DELETE: the server's session and the record end together, unless the server does not allow it. */
import { HEADER } from '../../mcp/index.ts';
import { delay, withinTime } from '../../std/index.ts';
import { plain, type OwnerReply, type OwnerRequest, type PlainReply } from '../exchange.ts';
import { readText } from '../http-client.ts';
import { answerHeaders, backendHeaders } from './backend-headers.ts';
import type { OwnerTools, SessionState } from './session-state.ts';

/** How long the client waits for the server's word; the session ends without it. */
const WORD_MS = 1_000;
/** How long a slow server has to end its part, while nobody waits. */
const DELETE_MS = 30_000;

export async function endSession(state: SessionState, request: OwnerRequest): Promise<OwnerReply> {
  const { clock } = state.tools;
  const word = await Promise.race([
    deleteAtServer(state, request),
    delay(clock, WORD_MS).then(() => undefined),
  ]);
  // 405: this server does not let clients end sessions; then the session goes on.
  if (word?.status === 405) return word;
  // The server has been told; the end of the record must not tell it again.
  const { backendSessionId } = state;
  state.backendSessionId = undefined;
  try {
    const reply = await endRecord(state.tools, state.id);
    state.close('session-ended');
    return reply;
  } catch (error) {
    state.backendSessionId = backendSessionId;
    throw error;
  }
}

/** Ends a session whose owner, and with it the server's part, is gone. */
export async function endRecord(tools: OwnerTools, id: string): Promise<PlainReply> {
  const { clock, timing, sessions } = tools;
  await withinTime(clock, timing.commitMs, (limit) => sessions.directory.end(id, limit));
  return plain(200, '', { [HEADER.sessionId]: id });
}

/** Undefined from a server that cannot be asked: it has lost the session anyway. */
async function deleteAtServer(
  state: SessionState,
  request: OwnerRequest,
): Promise<PlainReply | undefined> {
  try {
    const { backendSessionId } = state;
    const headers = backendHeaders('DELETE', request.headers, { backendSessionId });
    const { clock, upstream } = state.tools;
    return await withinTime(clock, DELETE_MS, async (signal) => {
      const response = await upstream.send({ method: 'DELETE', headers, signal });
      const body = await readText(response);
      return { type: 'plain', status: response.status, headers: answerHeaders(response), body };
    });
  } catch {
    return undefined;
  }
}
