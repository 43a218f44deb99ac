/**
 * Requests that name state in one pod's memory go to that pod: tasks by their id, state handles by the argument that the
 * resource names. Both are learnt and agreed, not computed: a hash of a handle would name another pod than the one whose
 * server made it, and would move handles away from living pods whenever one joins.
 */
import { isJsonObject, type ClassifiedMessage, type ParsedBody } from '../../mcp/index.ts';
import { withinTime, type Clock } from '../../std/index.ts';
import { ANONYMOUS } from '../exchange.ts';
import { namesTool, type LoadBalancingPolicy } from '../policies.ts';
import type { Place, Placements } from '../ports.ts';

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

/** Some servers take "1" for 1, so both are one handle. */
export function handleKey(argument: string, value: string | number): string {
  return `handle:${argument}:${value}`;
}

/** The owner of what `principal` makes: callers who are not told apart share. */
export const ownerOf = (principal: string): { readonly owner?: string } =>
  principal === ANONYMOUS.id ? {} : { owner: principal };

/** An argument of a call that names state. */
export interface Handle {
  readonly argument: string;
  readonly value: string | number;
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
  const [handle] = handlesIn(first, policy);
  return handle && { type: 'handle', key: handleKey(handle.argument, handle.value) };
}

/** The handles that a call names, in the order of the resource. */
export function handlesIn(
  item: ClassifiedMessage,
  { affinity, stateHandles }: LoadBalancingPolicy,
): readonly Handle[] {
  if (item.kind === 'response' || item.message.method !== 'tools/call' || affinity === 'None')
    return [];
  const { params } = item.message;
  const args = params?.['arguments'];
  if (!isJsonObject(args)) return [];
  const tool = String(params?.['name']);
  return stateHandles.flatMap(({ tool: pattern, argument }) => {
    const value = args[argument];
    const applies = pattern === undefined || namesTool(pattern, tool);
    return applies && isHandle(value) ? [{ argument, value }] : [];
  });
}

/** True for what can be a handle: text or a number. */
export function isHandle(value: unknown): value is string | number {
  return (typeof value === 'string' && value !== '') || typeof value === 'number';
}

/** Nobody holds it, as far as anybody knows. */
export const NOBODY = Symbol('nobody');

/** Where it is, as far as can be found out in `timeoutMs`; undefined when the store does not answer. */
export async function holderOf(
  placements: Placements,
  { key }: Pick<Named, 'key'>,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<Place | typeof NOBODY | undefined> {
  const local = placements.local(key);
  if (local !== undefined) return local;
  return withinTime(clock, timeoutMs, (limit) => placements.find(key, limit))
    .then((place) => place ?? NOBODY)
    .catch(() => undefined);
}
