/** Pods: quality of service, grace periods, what may change after creation. */
import type { StoredObject } from '../../objects/index.ts';
import type { FieldProblem } from '../../schema/index.ts';
import {
  asObject,
  asObjects,
  asText,
  child,
  clone,
  equal,
  fill,
  specOf,
  statusOf,
  type JsonObject,
} from '../json.ts';
import { createStrategy, problem, type StrategyContext } from '../strategy.ts';
import { admitAccount } from './pod-account.ts';
import { validatePodSpec } from '../validation/pod-spec.ts';

/** The tolerations that admission gives every pod, so that a short loss of a node does not move it. */
const DEFAULT_TOLERATIONS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

function prepareForCreate(pod: StoredObject, context: StrategyContext): void {
  admitAccount(pod, context);
  pod.metadata.generation = 1;
  const spec = child(pod, 'spec');
  fill(spec, 'priority', 0);
  fill(spec, 'preemptionPolicy', 'PreemptLowerPriority');
  const tolerations = asObjects(spec['tolerations']);
  for (const key of DEFAULT_TOLERATIONS) {
    const tolerated = tolerations.some(
      (one) => (one['key'] === key || one['key'] === undefined) && one['effect'] !== 'NoSchedule',
    );
    if (!tolerated) {
      tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
    }
  }
  spec['tolerations'] = tolerations;
}

/** Guaranteed, Burstable or BestEffort, from requests and limits of cpu and memory. */
export function qosClass(pod: StoredObject): string {
  const spec = specOf(pod);
  const containers = [...asObjects(spec['containers']), ...asObjects(spec['initContainers'])];
  const resources = containers.map((one) => asObject(one['resources']));
  const has = (one: JsonObject, list: string, name: string): boolean => {
    const value = asObject(one[list])[name];
    return value !== undefined && !/^0+[a-zA-Z]*$/.test(String(value));
  };
  const names = ['cpu', 'memory'] as const;
  const used = (one: JsonObject): boolean =>
    names.some((name) => has(one, 'requests', name) || has(one, 'limits', name));
  if (!resources.some(used)) return 'BestEffort';
  const full = resources.every((one) =>
    names.every(
      (name) =>
        has(one, 'limits', name) &&
        equal(asObject(one['limits'])[name], asObject(one['requests'])[name]),
    ),
  );
  return full ? 'Guaranteed' : 'Burstable';
}

const MUTABLE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

function withoutMutable(pod: StoredObject): JsonObject {
  const spec = clone(specOf(pod));
  for (const list of ['containers', 'initContainers']) {
    for (const container of asObjects(spec[list])) delete container['image'];
  }
  delete spec['activeDeadlineSeconds'];
  delete spec['tolerations'];
  return spec;
}

function validateUpdate(pod: StoredObject, old: StoredObject): FieldProblem[] {
  if (equal(withoutMutable(pod), withoutMutable(old))) return [];
  return [problem.forbidden('spec', MUTABLE)];
}

export const podStrategy = createStrategy({
  generation: true,
  returnsDeleted: true,
  prepareForCreate,
  prepareForStatusUpdate(pod, old) {
    pod['spec'] = clone(old['spec']);
    if (old.metadata.ownerReferences === undefined) delete pod.metadata.ownerReferences;
    else pod.metadata.ownerReferences = clone(old.metadata.ownerReferences);
    fill(child(pod, 'status'), 'qosClass', statusOf(old)['qosClass']);
  },
  initialStatus: (pod) => ({ phase: 'Pending', qosClass: qosClass(pod) }),
  validate: (pod, old) =>
    old === undefined ? validatePodSpec(specOf(pod), 'spec') : validateUpdate(pod, old),
  selectableFields(pod) {
    const spec = specOf(pod);
    const status = statusOf(pod);
    return {
      'spec.nodeName': asText(spec['nodeName']),
      'spec.restartPolicy': asText(spec['restartPolicy']),
      'spec.schedulerName': asText(spec['schedulerName']),
      'spec.serviceAccountName': asText(spec['serviceAccountName']),
      'spec.hostNetwork': String(spec['hostNetwork'] === true),
      'status.phase': asText(status['phase']),
      'status.podIP': asText(status['podIP']),
      'status.nominatedNodeName': asText(status['nominatedNodeName']),
    };
  },
  gracePeriodSeconds(pod, requested) {
    const spec = specOf(pod);
    const phase = asText(statusOf(pod)['phase']);
    // Nobody has to stop what no node runs.
    if (asText(spec['nodeName']) === '' || phase === 'Succeeded' || phase === 'Failed') return 0;
    const own = spec['terminationGracePeriodSeconds'];
    const period = requested ?? (typeof own === 'number' ? own : 0);
    return period < 0 ? 1 : period;
  },
});
