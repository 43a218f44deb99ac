/** Rewrites ids between a client, who sees the gateway's, and the server, who sees its own. Pure but for the id table. */
import { isJsonObject, type ClassifiedMessage, type JsonObject } from '../../mcp/index.ts';
import type { ServerRequestIds } from '../ports.ts';

/** A server → client request or notification as the client shall see it; the same object when nothing changes. */
export function toClient(
  item: ClassifiedMessage & { kind: 'request' | 'notification' },
  ids: ServerRequestIds,
): object {
  const { message } = item;
  if (item.kind === 'request') {
    const id = ids.issue(item.message.id);
    const params = item.message.params;
    const meta = params?.['_meta'];
    // The SDK uses its request id as progress token; then it must change with the id.
    if (params === undefined || !isJsonObject(meta) || meta['progressToken'] !== item.message.id)
      return { ...message, id };
    return { ...message, id, params: { ...params, _meta: { ...meta, progressToken: id } } };
  }
  if (message.method !== 'notifications/cancelled') return message;
  const backendId = message.params?.['requestId'];
  const id = isId(backendId) ? ids.clientIdOf(backendId) : undefined;
  return id === undefined ? message : { ...message, params: { ...message.params, requestId: id } };
}

/**
 * A client → server message as the server shall see it; undefined when it is about a request of a server that is gone, so
 * nobody waits for it.
 */
export function toBackend(item: ClassifiedMessage, ids: ServerRequestIds): object | undefined {
  if (item.kind === 'request') return item.message;
  if (item.kind === 'notification') return progressToBackend(item.message, ids);
  const { id } = item.message;
  const backendId = id === null || id === undefined ? undefined : ids.settle(id);
  return backendId === undefined ? undefined : { ...item.message, id: backendId };
}

function progressToBackend(
  message: { readonly method: string; readonly params?: JsonObject },
  ids: ServerRequestIds,
): object | undefined {
  if (message.method !== 'notifications/progress') return message;
  const token = message.params?.['progressToken'];
  if (typeof token !== 'string' || !GATEWAY_ID.test(token)) return message;
  const backendId = ids.peek(token);
  if (backendId === undefined) return undefined;
  return { ...message, params: { ...message.params, progressToken: backendId } };
}

/** What the id table issues. */
const GATEWAY_ID = /^\d+:\d+$/;

const isId = (value: unknown): value is string | number =>
  typeof value === 'string' || typeof value === 'number';
