/** What results of the stateless era teach: tools, tasks that this pod holds from now on, and new state handles. */
import {
  clientCapabilitiesOf,
  isJsonObject,
  isResult,
  readMessages,
  type ClassifiedMessage,
  type JsonObject,
} from '../../mcp/index.ts';
import { withinTime, type Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { LoadBalancingPolicy } from '../policies.ts';
import type { Place, Placements } from '../ports.ts';
import { HANDLE_TTL_MS, handleKey, isHandle, ownerOf, taskKey } from './affinity.ts';
import type { ToolTable } from './tool-table.ts';

export interface ObserverOptions {
  readonly self: string;
  readonly placements: Placements;
  readonly clock: Clock;
  readonly table: ToolTable;
  readonly policy: () => LoadBalancingPolicy;
  /** How long an answer waits for what it teaches to be agreed. */
  readonly commitMs: number;
  readonly logger: Logger;
}

export interface Observer {
  /** True when the answer has to be read as a whole, because something may have to be learnt from it. */
  watches(request: ClassifiedMessage): boolean;
  /** Learns from the text of an answer to `principal`. Resolves when other pods know, too; never rejects. */
  learn(request: ClassifiedMessage, text: string, principal: string): Promise<void>;
}

const TASKS = 'io.modelcontextprotocol/tasks';
/** Of a task that names no time; one that lives longer is found by whoever asks its pod. */
const TASK_TTL_MS = 86_400_000;
const TASK_TTL_MIN_MS = 1_000;
/** Text content longer than this is not looked into for handles. */
const HANDLE_TEXT_MAX = 65_536;

export function createObserver(options: ObserverOptions): Observer {
  const { placements, self, logger } = options;
  const place = async (key: string, ttlMs: number, owner: Pick<Place, 'owner'>): Promise<void> => {
    try {
      await withinTime(options.clock, options.commitMs, (limit) =>
        placements.place(key, { node: self, ...owner }, { ttlMs }, limit),
      );
    } catch (error) {
      // The task or handle exists. To say that it does not would only make a second one.
      logger.warn('a task or state handle was not recorded', { error: String(error) });
    }
  };
  const handles = (): readonly string[] => {
    const { affinity, stateHandles } = options.policy();
    return affinity === 'None' ? [] : stateHandles.map(({ argument }) => argument);
  };

  return {
    watches(request) {
      if (request.kind !== 'request') return false;
      const { method } = request.message;
      if (method === 'tools/list' || method === 'tasks/get' || method === 'tasks/update')
        return true;
      return method === 'tools/call' && (mayMakeTask(request) || handles().length > 0);
    },
    async learn(request, text, principal) {
      if (request.kind !== 'request') return;
      const result = resultIn(text);
      if (result === undefined) return;
      const { method } = request.message;
      if (method === 'tools/list') return options.table.learn(result);
      const { taskId } = result;
      const isTask = method !== 'tools/call' || result['resultType'] === 'task';
      if (isTask && typeof taskId === 'string')
        return place(taskKey(taskId, principal), ttlOf(result), {});
      const found = handles().flatMap((argument) => {
        const value = handleIn(result, argument);
        return isHandle(value) ? [handleKey(argument, value)] : [];
      });
      await Promise.all(found.map((key) => place(key, HANDLE_TTL_MS, ownerOf(principal))));
    },
  };
}

function mayMakeTask(request: ClassifiedMessage): boolean {
  const { extensions } = clientCapabilitiesOf(request);
  return isJsonObject(extensions) && TASKS in extensions;
}

function resultIn(text: string): JsonObject | undefined {
  for (const item of readMessages(text) ?? [])
    if (item.kind === 'response' && isResult(item.message)) return item.message.result;
  return undefined;
}

function ttlOf(result: JsonObject): number {
  const { ttlMs } = result;
  if (typeof ttlMs !== 'number' || !Number.isFinite(ttlMs)) return TASK_TTL_MS;
  return Math.max(TASK_TTL_MIN_MS, ttlMs);
}

/** A handle that a tool hands out: a member of its structured result, or of the JSON in its text. */
function handleIn(result: JsonObject, argument: string): unknown {
  const { structuredContent, content } = result;
  const structured = isJsonObject(structuredContent) ? structuredContent[argument] : undefined;
  if (structured !== undefined) return structured;
  const [first] = Array.isArray(content) ? (content as unknown[]) : [];
  const text = isJsonObject(first) ? first['text'] : undefined;
  if (typeof text !== 'string' || !text.startsWith('{') || text.length > HANDLE_TEXT_MAX)
    return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value[argument] : undefined;
  } catch {
    return undefined;
  }
}
