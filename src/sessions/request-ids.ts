/**
 * Ids of the server's requests to the client. Every backend counts from 0, so after a move they would collide: the client
 * sees ids of ours (`<epoch>:<number>`) and its answers are mapped back; answers to a backend that is gone find no entry.
 */
import type { RequestId } from '../mcp/index.ts';

export interface ServerRequestIds {
  /** The id the client sees for the backend's request; the oldest entry is forgotten when the table is full. */
  issue(backendId: RequestId): string;
  /** The backend's id for an answer of the client, once; undefined when the request is not (or no longer) open. */
  settle(clientId: RequestId): RequestId | undefined;
  /** The backend's id without closing the request (progress of the client). */
  peek(clientId: RequestId): RequestId | undefined;
  /** The client's id for a backend's open request (the server cancels it). */
  clientIdOf(backendId: RequestId): string | undefined;
  readonly open: number;
}

/** A table of at most `openMax` open requests for one session at one epoch. */
export function createServerRequestIds(epoch: number, openMax: number): ServerRequestIds {
  const toBackend = new Map<RequestId, RequestId>();
  const toClient = new Map<RequestId, string>();
  let next = 0;
  const forget = (clientId: RequestId): RequestId | undefined => {
    const backendId = toBackend.get(clientId);
    toBackend.delete(clientId);
    if (backendId !== undefined && toClient.get(backendId) === clientId) toClient.delete(backendId);
    return backendId;
  };
  return {
    issue(backendId) {
      if (toBackend.size >= openMax) {
        const oldest = toBackend.keys().next();
        if (oldest.done !== true) forget(oldest.value);
      }
      const clientId = `${epoch}:${next++}`;
      toBackend.set(clientId, backendId);
      toClient.set(backendId, clientId);
      return clientId;
    },
    settle: forget,
    peek: (clientId) => toBackend.get(clientId),
    clientIdOf: (backendId) => toClient.get(backendId),
    get open() {
      return toBackend.size;
    },
  };
}
