/**
 * Requests that name state in one pod's memory go to that pod: tasks by their id, state handles by the argument that the
 * resource names. Both are learnt and agreed, not computed: a hash of a handle would name another pod than the one whose
 * server made it, and would move handles away from living pods whenever one joins.
 */
import { isJsonObject, type ParsedBody } from '../../mcp/index.ts';
import { ANONYMOUS } from '../exchange.ts';
import { namesTool, type LoadBalancingPolicy } from '../policies.ts';
import type { Placements } from '../ports.ts';

/** A handle that nobody uses for so long is forgotten. */
export const HANDLE_TTL_MS = 86_400_000;

/** Something whose state lives in one pod. */
export type Named =
  /** Only the pod that made it knows it. */
  | { readonly type: 'task'; readonly key: string }
  /** The first call that names it decides, unless a result did before. */
  | { readonly type: 'handle'; readonly key: string };

/** Of the one who made it: whoever else names the task names nothing. */
export const taskKey = (taskId: string, principal: string): string =>
  principal === ANONYMOUS.id ? `task:${taskId}` : `task:${principal}:${taskId}`;

export function handleKey(argument: string, value: unknown): string {
  return `handle:${argument}:${JSON.stringify(value)}`;
}

/** What a request of `principal` names, or undefined. */
export function namedBy(
  body: ParsedBody,
  policy: LoadBalancingPolicy,
  principal: string,
): Named | undefined {
  const [first] = body.messages;
  if (first?.kind !== 'request') return undefined;
  const { method, params } = first.message;
  const taskId = params?.['taskId'];
  if (method.startsWith('tasks/') && typeof taskId === 'string')
    return { type: 'task', key: taskKey(taskId, principal) };
  if (method !== 'tools/call' || policy.affinity === 'None') return undefined;
  const tool = String(params?.['name']);
  const args = params?.['arguments'];
  for (const { tool: pattern, argument } of policy.stateHandles) {
    const value = isJsonObject(args) ? args[argument] : undefined;
    if (!isHandle(value) || (pattern !== undefined && !namesTool(pattern, tool))) continue;
    return { type: 'handle', key: handleKey(argument, value) };
  }
  return undefined;
}

/** True for what can be a handle: text or a number. */
export function isHandle(value: unknown): value is string | number {
  return (typeof value === 'string' && value !== '') || typeof value === 'number';
}

/** Nobody holds it, as far as anybody knows. */
export const NOBODY = Symbol('nobody');

/** The pod that holds it, as far as can be found out in `timeoutMs`; undefined when the store does not answer. */
export async function holderOf(
  placements: Placements,
  { key }: Named,
  timeoutMs: number,
): Promise<string | typeof NOBODY | undefined> {
  const local = placements.local(key);
  if (local !== undefined) return local;
  return placements
    .find(key, AbortSignal.timeout(timeoutMs))
    .then((node) => node ?? NOBODY)
    .catch(() => undefined);
}
