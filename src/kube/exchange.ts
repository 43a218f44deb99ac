/** One request over a connection of a pool, up to the headers of its answer. */
import { request as requestHttp, type Agent, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Clock } from '../std/index.ts';

/** TCP keep-alive starts after this; a peer that vanished without a word is noticed about 10 s later. */
const KEEP_ALIVE_DELAY_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
export const CONNECT_TIMEOUT_CODE = 'ERR_CONNECT_TIMEOUT';

export interface HttpRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly agent: Agent;
  /** Ends the request at any time, also while the body of the answer is read. */
  readonly signal: AbortSignal;
}

/**
 * Resolves with the answer, its body unread. Rejects with the error of the connection, which has a `code`, or with an
 * AbortError; one that was not connected within 10 s has the code {@link CONNECT_TIMEOUT_CODE}.
 */
export function exchange(asked: HttpRequest, clock: Clock): Promise<IncomingMessage> {
  const { url, method, body, agent, signal } = asked;
  // Node leaves the length out where a method seldom has a body: DELETE.
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  const headers = { ...asked.headers, ...length };
  return new Promise((resolve, reject) => {
    const begin = url.startsWith('http:') ? requestHttp : requestHttps;
    const request = begin(url, { method, headers, agent, signal }, resolve);
    // Of what comes after the answer has begun its reader is told.
    request.on('error', reject);
    request.once('socket', (socket) => {
      if (!socket.connecting) return;
      socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
      const cancel = clock.schedule(CONNECT_TIMEOUT_MS, () => {
        const message = `not connected within ${CONNECT_TIMEOUT_MS} ms`;
        request.destroy(Object.assign(new Error(message), { code: CONNECT_TIMEOUT_CODE }));
      });
      socket.once('connect', cancel);
      request.once('close', cancel);
    });
    request.end(body);
  });
}
