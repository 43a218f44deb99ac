/** What can be done to a pod besides changing it: bind it to a node, evict it, read its log. */
import { timeText } from '../../../std/index.ts';
import type { StoredObject } from '../../objects/index.ts';
import type { Answer, Api, ApiRequest, LogOptions } from '../context.ts';
import { readOptions } from '../decode.ts';
import { deleteObject, deleteOptions } from '../delete.ts';
import { asObject, asObjects, asText, child, clone, specOf, statusOf } from '../json.ts';
import { badRequest, conflict, tooManyRequests, type StatusBody } from '../status.ts';
import { commit, requireLive, writeMode } from '../write.ts';
import { labelSelectorOf } from '../validation/label-selector.ts';

const SUCCESS: StatusBody = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  code: 201,
};

/** The scheduler's decision: sets spec.nodeName once. */
export async function bindPod(api: Api, request: ApiRequest): Promise<Answer> {
  const binding = await readOptions(request);
  const live = requireLive(api, request);
  const node = asText(asObject(binding['target'])['name']);
  if (node === '') throw badRequest('Binding "" is invalid: target.name: Required value');
  const name = live.metadata.name ?? '';
  const bound = asText(specOf(live)['nodeName']);
  const target = { ...request.definition, plural: 'pods/binding' };
  if (live.metadata.deletionTimestamp !== undefined) {
    throw conflict(target, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (bound !== '') {
    throw conflict(target, name, `pod ${name} is already assigned to node "${bound}"`);
  }
  const next = clone(live);
  child(next, 'spec')['nodeName'] = node;
  const annotations = asObject(asObject(binding['metadata'])['annotations']);
  if (Object.keys(annotations).length > 0) {
    next.metadata.annotations = {
      ...next.metadata.annotations,
      ...(annotations as Record<string, string>),
    };
  }
  setCondition(next, 'PodScheduled', 'True', timeText(api.now()));
  commit(api, request.definition, live, next, writeMode(request).dryRun);
  return { kind: 'status', code: 201, object: SUCCESS };
}

function setCondition(pod: StoredObject, type: string, status: string, now: string): void {
  const holder = child(pod, 'status');
  const others = asObjects(holder['conditions']).filter((one) => one['type'] !== type);
  const condition = { type, status, lastProbeTime: null, lastTransitionTime: now };
  holder['conditions'] = [...others, condition];
}

/** Deletes the pod unless a disruption budget that covers it allows no disruption now. */
export async function evictPod(api: Api, request: ApiRequest): Promise<Answer> {
  const eviction = await readOptions(request);
  const live = requireLive(api, request);
  const options = deleteOptions(asObject(eviction['deleteOptions']), request.query);
  const mode = writeMode(request);
  const budget = needsBudget(live) ? budgetOf(api, live) : undefined;
  if (budget !== undefined) spendBudget(api, budget, live, mode.dryRun);
  deleteObject(api, request.definition, live, {
    ...options,
    dryRun: options.dryRun || mode.dryRun,
  });
  return { kind: 'status', code: 201, object: SUCCESS };
}

/** A pod that does not run, or is on its way out, costs nothing. */
function needsBudget(pod: StoredObject): boolean {
  const phase = asText(statusOf(pod)['phase']);
  return pod.metadata.deletionTimestamp === undefined && phase === 'Running';
}

const BUDGETS = 'poddisruptionbudgets.policy';

function budgetOf(api: Api, pod: StoredObject): StoredObject | undefined {
  const namespace = pod.metadata.namespace ?? '';
  const listed = api.store.list(BUDGETS, { namespace });
  const budgets = (listed.ok ? listed.value.items : []).filter((budget) =>
    labelSelectorOf(specOf(budget)['selector'])(pod.metadata.labels ?? {}),
  );
  return budgets[0];
}

function spendBudget(api: Api, budget: StoredObject, pod: StoredObject, dryRun: boolean): void {
  const status = statusOf(budget);
  const name = budget.metadata.name ?? '';
  const allowed = Number(status['disruptionsAllowed'] ?? 0);
  const observed = Number(status['observedGeneration'] ?? 0);
  const current = observed >= (budget.metadata.generation ?? 0);
  if (!current || allowed <= 0) {
    const detail = current
      ? `The disruption budget ${name} needs ${String(status['desiredHealthy'])} healthy pods and has ${String(status['currentHealthy'])} currently`
      : `The disruption budget ${name} is still being processed by the server.`;
    throw tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", [
      { reason: 'DisruptionBudget', message: detail },
    ]);
  }
  if (dryRun) return;
  const next = clone(budget);
  const nextStatus = child(next, 'status');
  nextStatus['disruptionsAllowed'] = allowed - 1;
  child(nextStatus, 'disruptedPods')[pod.metadata.name ?? ''] = timeText(api.now());
  const key = { resource: BUDGETS, namespace: budget.metadata.namespace ?? '', name };
  api.store.update(key, next, budget.metadata.resourceVersion ?? '');
}

/** Streams the log of a container, as the kubelet hands it over. */
export function readLog(api: Api, request: ApiRequest): Answer {
  const pod = requireLive(api, request);
  const container = containerOf(pod, request.query.get('container') ?? '');
  // Nobody has a log of a pod that no node runs; the real server says so with an empty answer.
  if (asText(specOf(pod)['nodeName']) === '') return { kind: 'nothing' };
  if (api.logs === undefined) throw badRequest('this server has no source of logs');
  const options = logOptions(request.query);
  try {
    return { kind: 'text', stream: api.logs(pod, container, options, request.signal) };
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}

function containerOf(pod: StoredObject, asked: string): string {
  const spec = specOf(pod);
  const name = pod.metadata.name ?? '';
  const names = (field: string): string[] =>
    asObjects(spec[field]).map((one) => asText(one['name']));
  const containers = names('containers');
  const all = [...names('initContainers'), ...containers, ...names('ephemeralContainers')];
  if (asked !== '') {
    if (all.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  if (containers.length === 1) return containers[0] ?? '';
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${containers.join(' ')}]${initNote(names('initContainers'))}`,
  );
}

const initNote = (names: readonly string[]): string =>
  names.length === 0 ? '' : ` or one of the init containers: [${names.join(' ')}]`;

function logOptions(query: URLSearchParams): LogOptions {
  const flag = (name: string): boolean => query.get(name) === 'true' || query.get(name) === '1';
  const count = (name: string): number | undefined => {
    const text = query.get(name);
    if (text === null) return undefined;
    if (!/^\d+$/.test(text)) {
      throw badRequest(`${name}: Invalid value: ${text}: must be greater than or equal to 0`);
    }
    return Number(text);
  };
  const tailLines = count('tailLines');
  const sinceSeconds = count('sinceSeconds');
  const limitBytes = count('limitBytes');
  const sinceTime = query.get('sinceTime') ?? undefined;
  return {
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    ...(tailLines !== undefined && { tailLines }),
    ...(sinceSeconds !== undefined && { sinceSeconds }),
    ...(sinceTime !== undefined && { sinceTime }),
    ...(limitBytes !== undefined && { limitBytes }),
  };
}
