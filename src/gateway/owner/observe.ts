/** What an owner learns from the answers it relays, so that the session can be rebuilt elsewhere. */
import { isJsonObject, isResult, type JsonRpcResponse } from '../../mcp/index.ts';
import type { SessionRecord } from '../ports.ts';
import { commit, type PendingRequest, type SessionState } from './session-state.ts';

/** Names of tools kept per session; a longer list keeps its beginning. */
const REPEATABLE_TOOLS_MAX = 512;
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
  if (request.method === 'tools/list') return observeTools(state, request, response.result);
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
export function sessionChange(
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

/** Names of the tools in a `tools/list` result that say of themselves that a second call does no harm. */
export function repeatableToolNames(result: Readonly<Record<string, unknown>>): string[] {
  const tools = Array.isArray(result['tools']) ? (result['tools'] as unknown[]) : [];
  return tools.flatMap((tool) => {
    if (!isJsonObject(tool) || typeof tool['name'] !== 'string') return [];
    const hints = tool['annotations'];
    if (!isJsonObject(hints)) return [];
    return hints['readOnlyHint'] === true || hints['idempotentHint'] === true ? [tool['name']] : [];
  });
}

function observeTools(
  state: SessionState,
  request: PendingRequest,
  result: Readonly<Record<string, unknown>>,
): void {
  const first = request.params['cursor'] === undefined;
  const names = [...(first ? [] : state.repeatableTools), ...repeatableToolNames(result)];
  state.repeatableTools = [...new Set(names)].slice(0, REPEATABLE_TOOLS_MAX);
  if (result['nextCursor'] !== undefined) return;
  const repeatableTools = state.repeatableTools;
  const same = JSON.stringify(repeatableTools) === JSON.stringify(state.record.repeatableTools);
  if (same) return;
  // The list itself may be read again at any time, so its answer need not wait for this.
  commit(state, (record) => ({ ...record, repeatableTools })).catch((error: unknown) =>
    state.tools.logger.warn('tool hints not replicated', {
      session: state.id,
      error: String(error),
    }),
  );
}
