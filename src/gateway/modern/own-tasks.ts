/** Takes the tasks that are not the caller's out of what a `subscriptions/listen` asks for. */
import { isJsonObject, parseBody, readLossless, type JsonObject } from '../../mcp/index.ts';
import type { Clock } from '../../std/index.ts';
import { ANONYMOUS, type Exchange } from '../exchange.ts';
import type { ResolvedTiming } from '../config.ts';
import type { Placements } from '../ports.ts';
import { holderOf, taskKey } from './affinity.ts';

export interface OwnTasksOptions {
  readonly placements: Placements;
  readonly timing: ResolvedTiming;
  readonly clock: Clock;
}

/** Each may cost a question to the store; nobody follows more at once. */
const TASKS_MAX = 64;

/** Servers tell whoever listens; they may not know callers apart, and the gateway does. */
export async function keepOwnTasks(options: OwnTasksOptions, exchange: Exchange): Promise<void> {
  const principal = exchange.principal.id;
  const [first] = exchange.parsed?.messages ?? [];
  if (principal === ANONYMOUS.id || first?.kind !== 'request') return;
  const { params } = first.message;
  const wanted = params?.['notifications'];
  if (!isJsonObject(wanted) || !Array.isArray(wanted['taskIds'])) return;
  const { clock, placements, timing } = options;
  const isOwn = async (taskId: unknown): Promise<boolean> => {
    if (typeof taskId !== 'string') return false;
    const named = { type: 'task', key: taskKey(taskId, principal) } as const;
    return (
      typeof (await holderOf(placements, named, { clock, timeoutMs: timing.commitMs })) === 'object'
    );
  };
  const asked = (wanted['taskIds'] as unknown[]).slice(0, TASKS_MAX);
  const own = await Promise.all(asked.map(isOwn));
  const taskIds = asked.filter((_, index) => own[index]);
  const notifications = { ...wanted, taskIds };
  const whole = readLossless(exchange.body) as JsonObject;
  const rest = whole['params'] as JsonObject;
  exchange.body = JSON.stringify({ ...whole, params: { ...rest, notifications } });
  const parsed = parseBody(exchange.body);
  if (parsed.ok) exchange.parsed = parsed.value;
}
