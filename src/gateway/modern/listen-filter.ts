/** What a `subscriptions/listen` asks for and what a server honours of it, as values. */
import { isJsonObject, type JsonObject, type RequestId } from '../../mcp/index.ts';

const LISTS = {
  toolsListChanged: 'notifications/tools/list_changed',
  promptsListChanged: 'notifications/prompts/list_changed',
  resourcesListChanged: 'notifications/resources/list_changed',
} as const;
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
const UPDATED = 'notifications/resources/updated';
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

/** What one of the pods or the other honours. Members that we do not know are kept. */
export function unionOf(filters: readonly JsonObject[]): JsonObject {
  const union: Record<string, unknown> = {};
  for (const filter of filters) {
    for (const [name, value] of Object.entries(filter)) {
      const known = union[name];
      union[name] =
        Array.isArray(value) && Array.isArray(known)
          ? [...new Set([...(known as unknown[]), ...(value as unknown[])])]
          : known === true
            ? true
            : value;
    }
  }
  return union;
}

/** True when nothing is honoured: then nothing can ever come. */
export function isEmpty(filter: JsonObject): boolean {
  return Object.values(filter).every(
    (value) => value !== true && !(Array.isArray(value) && value.length > 0),
  );
}

/** The honoured filter in an acknowledgement; undefined for any other message. */
export function honouredIn(method: string, params: JsonObject | undefined): JsonObject | undefined {
  if (method !== ACKNOWLEDGED) return undefined;
  const filter = params?.['notifications'];
  return isJsonObject(filter) ? filter : {};
}

/**
 * What tells two changes apart: the same list or resource again is the same news. Undefined for messages that carry a state
 * of their own (tasks), each of which counts.
 */
export function newsKey(method: string, params: JsonObject | undefined): string | undefined {
  if ((Object.values(LISTS) as string[]).includes(method)) return method;
  return method === UPDATED ? `${method} ${String(params?.['uri'])}` : undefined;
}

const withId = (id: RequestId): JsonObject => ({ _meta: { [SUBSCRIPTION_ID]: id } });

/** The first message to the client. */
export function acknowledgement(id: RequestId, honoured: JsonObject): string {
  const params = { notifications: honoured, ...withId(id) };
  return JSON.stringify({ jsonrpc: '2.0', method: ACKNOWLEDGED, params });
}

/** The last message to the client: the subscription ended in good order. */
export function completion(id: RequestId): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...withId(id) } });
}

/** One change for everything that was subscribed: what a client must take for true after nobody listened for a while. */
export function everythingChanged(
  id: RequestId,
  honoured: JsonObject,
): readonly { readonly jsonrpc: '2.0'; readonly method: string; readonly params: JsonObject }[] {
  const lists = Object.entries(LISTS).flatMap(([name, method]) =>
    honoured[name] === true ? [{ method, params: withId(id) }] : [],
  );
  const uris = honoured['resourceSubscriptions'];
  const updates = (Array.isArray(uris) ? (uris as unknown[]) : []).map((uri) => ({
    method: UPDATED,
    params: { uri, ...withId(id) },
  }));
  return [...lists, ...updates].map((message) => ({ jsonrpc: '2.0', ...message }));
}
