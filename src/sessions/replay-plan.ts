/** How a session is rebuilt on another backend: a pure list of messages from the record, and the checks on the way. */
import type { JsonObject, JsonRpcNotification, JsonRpcRequest } from '../mcp/index.ts';
import { isJsonObject } from '../mcp/index.ts';
import type { SessionRecord } from './record.ts';

export type ReplayStep =
  /** Its result must pass {@link checkReplayedInitialize}. */
  | { readonly type: 'initialize'; readonly message: JsonRpcRequest }
  | { readonly type: 'notify'; readonly message: JsonRpcNotification }
  /** A failure of such a step is reported, and the session goes on without it. */
  | { readonly type: 'restore'; readonly message: JsonRpcRequest };

export interface ReplayPlan {
  /** To be sent to the new backend, in order, each after the answer to the one before. */
  readonly steps: readonly ReplayStep[];
  /** To be sent to the client afterwards: what it subscribed to may have changed while nobody watched. */
  readonly notifyClient: readonly JsonRpcNotification[];
}

/** Ids of replayed requests begin so; a client's ids should not. */
const REPLAY_ID_PREFIX = 'mcp-cluster-replay:';

/** The plan for `record`: initialize → initialized → log level → each subscription → updates for the client. */
export function planReplay(record: SessionRecord): ReplayPlan {
  let next = 0;
  const request = (method: string, params: JsonObject): JsonRpcRequest => ({
    jsonrpc: '2.0',
    id: `${REPLAY_ID_PREFIX}${next++}`,
    method,
    params,
  });
  const steps: ReplayStep[] = [
    { type: 'initialize', message: request('initialize', record.initialize) },
  ];
  if (!record.initialized) return { steps, notifyClient: [] };
  steps.push({
    type: 'notify',
    message: { jsonrpc: '2.0', method: 'notifications/initialized' },
  });
  if (record.logLevel !== undefined)
    steps.push({
      type: 'restore',
      message: request('logging/setLevel', { level: record.logLevel }),
    });
  for (const uri of record.subscriptions)
    steps.push({ type: 'restore', message: request('resources/subscribe', { uri }) });
  const notifyClient = record.subscriptions.map((uri): JsonRpcNotification => ({
    jsonrpc: '2.0',
    method: 'notifications/resources/updated',
    params: { uri },
  }));
  return { steps, notifyClient };
}

/** Why the new backend cannot stand in for the old one; undefined when it can. */
export function checkReplayedInitialize(
  record: SessionRecord,
  result: JsonObject,
): string | undefined {
  if (result['protocolVersion'] !== record.protocolVersion)
    return `protocol version ${String(result['protocolVersion'])} instead of ${record.protocolVersion}`;
  const capabilities = isJsonObject(result['capabilities']) ? result['capabilities'] : {};
  const lost = lostCapabilities(record.serverCapabilities, capabilities);
  return lost.length === 0 ? undefined : `lost capabilities: ${lost.join(', ')}`;
}

/** Paths of capabilities that `before` had and `after` has not; a flag counts when it was true, an object when it is there. */
export function lostCapabilities(before: JsonObject, after: JsonObject, path = ''): string[] {
  return Object.entries(before).flatMap(([name, value]) => {
    const here = path === '' ? name : `${path}.${name}`;
    const now = after[name];
    if (isJsonObject(value)) return isJsonObject(now) ? lostCapabilities(value, now, here) : [here];
    return value === true && now !== true ? [here] : [];
  });
}
