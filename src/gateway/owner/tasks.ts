/**
 * Tasks of 2025-11-25 live in the memory of the server that began them. After a move the session's new owner asks that server
 * as long as its pod lives; then the task is lost, unless the new server knows it too.
 */
import {
  isJsonObject,
  isResult,
  type ClassifiedMessage,
  type JsonObject,
  type JsonRpcRequest,
} from '../../mcp/index.ts';
import { withinTime } from '../../std/index.ts';
import { plain, refused, type OwnerReply, type OwnerRequest } from '../exchange.ts';
import type { Cluster, Member, Owner, SessionRecord, SessionTask } from '../ports.ts';
import { callBackend } from './call.ts';
import type { AskPeer } from './copies.ts';
import {
  commit,
  type OwnerTools,
  type PendingRequest,
  type SessionState,
} from './session-state.ts';

/** Tasks remembered per session; the oldest go first. */
const TASKS_MAX = 256;
/** How long a task without a time to live, or with a very long one, is remembered. */
const TASK_MS_MAX = 24 * 3_600_000;

/** Notes where a call that became a task runs, before the client learns the task's id. */
export async function observeTask(
  state: SessionState,
  request: PendingRequest,
  result: JsonObject,
): Promise<void> {
  const { task } = result;
  if (request.params['task'] === undefined || !isJsonObject(task)) return;
  const { taskId: id, ttl } = task;
  if (typeof id !== 'string') return;
  const now = state.tools.clock.wall();
  const { backendSessionId } = state;
  const { owner } = state.record;
  const ttlMs = typeof ttl === 'number' ? Math.min(ttl, TASK_MS_MAX) : TASK_MS_MAX;
  const begun: SessionTask = {
    ...{ id, owner, expiresAt: now + ttlMs },
    ...(backendSessionId === undefined ? {} : { backendSessionId }),
  };
  await commit(state, (record) => {
    const tasks = (record.tasks ?? []).filter((one) => one.expiresAt > now && one.id !== id);
    return { ...record, tasks: [...tasks, begun].slice(-TASKS_MAX) };
  });
}

export interface TaskOptions {
  readonly cluster: Cluster;
  readonly askPeer: AskPeer;
}

/** Serves a request about a task that runs at another pod; undefined when this owner's server is the one to ask. */
export async function serveTask(
  options: TaskOptions,
  state: SessionState,
  request: OwnerRequest,
  message: ClassifiedMessage | undefined,
): Promise<OwnerReply | undefined> {
  const { tasks = [] } = state.record;
  if (tasks.length === 0 || message?.kind !== 'request') return undefined;
  const { method, params } = message.message;
  if (method === 'tasks/list' && params?.['cursor'] === undefined)
    return listAll(options, state, request, message.message);
  if (!ABOUT_ONE.has(method)) return undefined;
  const task = tasks.find(({ id }) => id === params?.['taskId']);
  const member = task && homeOf(options, state.record, task);
  if (task === undefined || member === undefined) return undefined;
  const reply = await ask(options, state, { request, task, member });
  return reply.type === 'plain' && reply.status === 200 ? reply : undefined;
}

const ABOUT_ONE: ReadonlySet<string> = new Set(['tasks/get', 'tasks/result', 'tasks/cancel']);

/** The pod, if it is another one and lives, whose server began the task. */
function homeOf(
  { cluster }: TaskOptions,
  record: SessionRecord,
  { owner }: SessionTask,
): Member | undefined {
  if (owner.node === record.owner.node || cluster.ownerState(owner) === 'gone') return undefined;
  return cluster
    .members()
    .find(({ node, instance }) => node === owner.node && instance === owner.instance);
}

function ask(
  { askPeer }: TaskOptions,
  state: SessionState,
  { request, task, member }: { request: OwnerRequest; task: SessionTask; member: Member },
): Promise<OwnerReply> {
  const { headers, body } = request;
  const { backendSessionId } = task;
  const question = {
    ...{ op: 'task' as const, sessionId: state.id, epoch: state.epoch, headers, body },
    ...(backendSessionId === undefined ? {} : { backendSessionId }),
  };
  const { clock, timing } = state.tools;
  const asked = (signal: AbortSignal) => askPeer(member, question, signal);
  return withinTime(clock, timing.exchangeMs, asked, state.signal);
}

/** Answers another owner about a task of a server session that this pod has kept; other messages on the way are dropped. */
export async function answerTask(
  tools: OwnerTools,
  request: OwnerRequest,
  message: ClassifiedMessage | undefined,
  signal: AbortSignal,
): Promise<OwnerReply> {
  if (message?.kind !== 'request') return refused('request-lost', false);
  const { backendSessionId } = request;
  const outcome = await callBackend(tools, message.message, request.headers, {
    backendSessionId,
    signal,
  });
  return outcome.type === 'answer'
    ? plain(200, JSON.stringify(outcome.response))
    : refused('request-lost', true);
}

/** This server's tasks, and those of the session that run elsewhere on the first page. */
async function listAll(
  options: TaskOptions,
  state: SessionState,
  request: OwnerRequest,
  message: JsonRpcRequest,
): Promise<OwnerReply | undefined> {
  const { tasks = [], protocolVersion } = state.record;
  const homes = new Map(
    tasks.flatMap((task) => {
      const member = homeOf(options, state.record, task);
      return member === undefined ? [] : [[member.node, { member, task }] as const];
    }),
  );
  if (homes.size === 0) return undefined;
  const own = await callBackend(state.tools, message, request.headers, {
    ...{ backendSessionId: state.backendSessionId, protocolVersion },
    signal: state.signal,
  });
  if (own.type !== 'answer' || !isResult(own.response)) return undefined;
  const known = new Set(tasks.map(({ id }) => id));
  const answers = await Promise.all(
    [...homes.values()].map((home) => ask(options, state, { request, ...home })),
  );
  const others = answers
    .flatMap((reply) => (reply.type === 'plain' ? tasksIn(reply.body) : []))
    .filter((task) => isJsonObject(task) && known.has(String(task['taskId'])));
  const { result } = own.response;
  const merged = [...(Array.isArray(result['tasks']) ? result['tasks'] : []), ...others];
  return plain(200, JSON.stringify({ ...own.response, result: { ...result, tasks: merged } }));
}

function tasksIn(body: string): readonly unknown[] {
  const answer: unknown = JSON.parse(body);
  const result = isJsonObject(answer) ? answer['result'] : undefined;
  return isJsonObject(result) && Array.isArray(result['tasks']) ? result['tasks'] : [];
}

/** Until when a server session that this pod gave away is still asked about tasks; undefined when there are none. */
export function tasksUntil(
  { tasks = [] }: SessionRecord,
  self: Owner,
  nowMs: number,
): number | undefined {
  const own = tasks.filter(
    ({ owner, expiresAt }) => owner.instance === self.instance && expiresAt > nowMs,
  );
  return own.length === 0 ? undefined : Math.max(...own.map(({ expiresAt }) => expiresAt));
}
