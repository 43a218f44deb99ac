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
  return new OpenServerRequests(epoch, openMax);
}

class OpenServerRequests implements ServerRequestIds {
  readonly #epoch: number;
  readonly #openMax: number;
  /** Made with the first request: of most sessions the server never asks anything. */
  #toBackend: Map<RequestId, RequestId> | undefined;
  #toClient: Map<RequestId, string> | undefined;
  #next = 0;

  constructor(epoch: number, openMax: number) {
    this.#epoch = epoch;
    this.#openMax = openMax;
  }

  get open(): number {
    return this.#toBackend?.size ?? 0;
  }

  issue(backendId: RequestId): string {
    const toBackend = (this.#toBackend ??= new Map());
    const toClient = (this.#toClient ??= new Map());
    if (toBackend.size >= this.#openMax) {
      const oldest = toBackend.keys().next();
      if (oldest.done !== true) this.settle(oldest.value);
    }
    const clientId = `${this.#epoch}:${this.#next++}`;
    toBackend.set(clientId, backendId);
    toClient.set(backendId, clientId);
    return clientId;
  }

  settle(clientId: RequestId): RequestId | undefined {
    const backendId = this.#toBackend?.get(clientId);
    this.#toBackend?.delete(clientId);
    if (backendId !== undefined && this.#toClient?.get(backendId) === clientId)
      this.#toClient.delete(backendId);
    return backendId;
  }

  peek(clientId: RequestId): RequestId | undefined {
    return this.#toBackend?.get(clientId);
  }

  clientIdOf(backendId: RequestId): string | undefined {
    return this.#toClient?.get(backendId);
  }
}
