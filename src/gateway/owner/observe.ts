/** What an owner learns from the answers it relays, so that the session can be rebuilt elsewhere. */
import { isResult, type JsonObject, type JsonRpcResponse } from '../../mcp/index.ts';
import type { SessionRecord } from '../ports.ts';
import { createListReading, digestOf, LISTS, readPage, REPEATABLE_TOOLS_MAX } from './lists.ts';
import { observeTask } from './tasks.ts';
import { commit, type PendingRequest, type SessionState } from './session-state.ts';

/** Subscriptions replayed after a move. */
const SUBSCRIPTIONS_MAX = 1024;

/**
 * Notes the effect of a successful answer. Resolves once what a later backend must know is replicated, so that the answer
 * may leave; rejects when the cluster did not agree in time.
 */
export async function observeAnswer(
  state: SessionState,
  request: PendingRequest,
  response: JsonRpcResponse,
): Promise<void> {
  if (!isResult(response)) return;
  if (LISTS[request.method] !== undefined) return observeList(state, request, response.result);
  if (request.method === 'tools/call') return observeTask(state, request, response.result);
  const change = sessionChange(request);
  if (change !== undefined) await commit(state, change);
}

/** Requests whose answers say nothing of the session; a list, so that a new method is observed unless it is named here. */
const UNOBSERVED: ReadonlySet<string> = new Set(['prompts/get', 'resources/read', 'tools/call']);

/** True when nobody has to look into the answer. One to a call that becomes a task names the task. */
export function unobserved({ method, params }: PendingRequest): boolean {
  return UNOBSERVED.has(method) && params['task'] === undefined;
}

/** How a request that succeeded changes the record; undefined when it does not. */
function sessionChange(
  request: PendingRequest,
): ((record: SessionRecord) => SessionRecord) | undefined {
  const { method, params } = request;
  const { level, uri } = params;
  if (method === 'logging/setLevel' && typeof level === 'string')
    return (record) => (record.logLevel === level ? record : { ...record, logLevel: level });
  if (method === 'resources/subscribe' && typeof uri === 'string')
    return (record) =>
      record.subscriptions.includes(uri) || record.subscriptions.length >= SUBSCRIPTIONS_MAX
        ? record
        : { ...record, subscriptions: [...record.subscriptions, uri] };
  if (method === 'resources/unsubscribe' && typeof uri === 'string')
    return (record) =>
      record.subscriptions.includes(uri)
        ? { ...record, subscriptions: record.subscriptions.filter((item) => item !== uri) }
        : record;
  return undefined;
}

/** Notes a page of a list; with the last one the record learns what the client knows now. */
function observeList(
  state: SessionState,
  { method, params }: PendingRequest,
  result: JsonObject,
): void {
  const first = params['cursor'] === undefined;
  const reading = (first ? undefined : state.lists.get(method)) ?? createListReading();
  state.lists.set(method, reading);
  if (!readPage(reading, method, result)) return;
  state.lists.delete(method);
  const digest = digestOf(reading);
  if (state.record.listDigests?.[method] === digest) return;
  const repeatableTools = reading.repeatable.slice(0, REPEATABLE_TOOLS_MAX);
  // The list itself may be read again at any time, so its answer need not wait for this.
  commit(state, (record) => ({
    ...record,
    ...(method === 'tools/list' ? { repeatableTools } : {}),
    listDigests: { ...record.listDigests, [method]: digest },
  })).catch((error: unknown) =>
    state.tools.logger.warn('list not noted', { session: state.id, error: String(error) }),
  );
}
