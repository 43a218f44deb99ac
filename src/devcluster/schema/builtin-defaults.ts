/** The defaults that the API server's Go code gives to the built-in kinds; they are not in its OpenAPI documents. */
import { encodeBase64 } from '../../std/index.ts';
import { CONTAINER_DEFAULTS_KINDS, defaultPodSpec, defaultPodTemplate } from './pod-defaults.ts';
import { isObject, setMember } from './json.ts';
import { normalized } from './normalize.ts';
import type { JsonObject, JsonSchema } from './types.ts';

/** A copy of `object` as the server would store it: nulls and empty collections gone, quantities canonical, defaults set. */
export function builtinDefaults(
  group: string,
  kind: string,
  object: JsonObject,
  schema: JsonSchema,
): JsonObject {
  const result = normalized(object, schema) as JsonObject;
  DEFAULTS[`${group}/${kind}`]?.(result);
  return result;
}

type Default = (object: JsonObject) => void;

/** Sets members that are absent. */
function fill(object: JsonObject, members: JsonObject): void {
  for (const [key, value] of Object.entries(members)) object[key] ??= value;
}

/** The object under `key`, made when absent. */
function child(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  if (isObject(value)) return value;
  const made: JsonObject = {};
  object[key] = made;
  return made;
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isObject) : [];
}

function claim(object: JsonObject): void {
  fill(child(object, 'spec'), { volumeMode: 'Filesystem' });
  fill(child(object, 'status'), { phase: 'Pending' });
}

function deployment(object: JsonObject): void {
  const spec = child(object, 'spec');
  fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
  const strategy = child(spec, 'strategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate') {
    fill(child(strategy, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' });
  }
  defaultPodTemplate(spec);
  object['status'] ??= {};
}

function statefulSet(object: JsonObject): void {
  const spec = child(object, 'spec');
  fill(spec, { podManagementPolicy: 'OrderedReady', replicas: 1, revisionHistoryLimit: 10 });
  const strategy = child(spec, 'updateStrategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate') {
    fill(child(strategy, 'rollingUpdate'), { partition: 0 });
  }
  fill(child(spec, 'persistentVolumeClaimRetentionPolicy'), {
    whenDeleted: 'Retain',
    whenScaled: 'Retain',
  });
  for (const template of objects(spec['volumeClaimTemplates'])) {
    template['apiVersion'] = 'v1';
    template['kind'] = 'PersistentVolumeClaim';
    claim(template);
  }
  defaultPodTemplate(spec);
  fill(child(object, 'status'), { replicas: 0, availableReplicas: 0 });
}

function replicaSet(object: JsonObject): void {
  const spec = child(object, 'spec');
  fill(spec, { replicas: 1 });
  defaultPodTemplate(spec);
  fill(child(object, 'status'), { replicas: 0 });
}

function job(object: JsonObject): void {
  const spec = child(object, 'spec');
  if (spec['completions'] === undefined && spec['parallelism'] === undefined) {
    spec['completions'] = 1;
  }
  fill(spec, {
    parallelism: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: isObject(spec['podFailurePolicy']) ? 'Failed' : 'TerminatingOrFailed',
  });
  defaultPodTemplate(spec);
  object['status'] ??= {};
}

function cronJob(object: JsonObject): void {
  const spec = child(object, 'spec');
  fill(spec, {
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  });
  const template = child(spec, 'jobTemplate');
  template['metadata'] ??= {};
  defaultPodTemplate(child(template, 'spec'));
  object['status'] ??= {};
}

function service(object: JsonObject): void {
  const spec = child(object, 'spec');
  fill(spec, { sessionAffinity: 'None', type: 'ClusterIP' });
  for (const port of objects(spec['ports'])) {
    fill(port, { protocol: 'TCP' });
    if (port['targetPort'] === undefined || port['targetPort'] === 0 || port['targetPort'] === '') {
      port['targetPort'] = port['port'];
    }
  }
  if (spec['sessionAffinity'] === 'ClientIP') {
    fill(child(child(spec, 'sessionAffinityConfig'), 'clientIP'), { timeoutSeconds: 10_800 });
  }
  const type = spec['type'];
  if (type === 'NodePort' || type === 'LoadBalancer')
    fill(spec, { externalTrafficPolicy: 'Cluster' });
  if (type !== 'ExternalName') fill(spec, { internalTrafficPolicy: 'Cluster' });
  if (type === 'LoadBalancer') fill(spec, { allocateLoadBalancerNodePorts: true });
  child(child(object, 'status'), 'loadBalancer');
}

function secret(object: JsonObject): void {
  fill(object, { type: 'Opaque' });
  const texts = object['stringData'];
  if (!isObject(texts)) return;
  const data = child(object, 'data');
  for (const [key, text] of Object.entries(texts)) {
    setMember(data, key, encodeBase64(String(text)));
  }
  delete object['stringData'];
}

function namespace(object: JsonObject): void {
  const metadata = child(object, 'metadata');
  if (typeof metadata['name'] === 'string') {
    child(metadata, 'labels')['kubernetes.io/metadata.name'] = metadata['name'];
  }
  object['spec'] ??= {};
  fill(child(object, 'status'), { phase: 'Active' });
}

function subjects(object: JsonObject): void {
  fill(child(object, 'roleRef'), { apiGroup: 'rbac.authorization.k8s.io' });
  for (const subject of objects(object['subjects'])) {
    if (subject['kind'] !== 'ServiceAccount') {
      fill(subject, { apiGroup: 'rbac.authorization.k8s.io' });
    }
  }
}

function customResourceDefinition(object: JsonObject): void {
  const spec = child(object, 'spec');
  fill(child(spec, 'conversion'), { strategy: 'None' });
  const names = child(spec, 'names');
  const kind = names['kind'];
  if (typeof kind === 'string' && kind !== '') {
    fill(names, { singular: kind.toLowerCase(), listKind: `${kind}List` });
  }
}

function ports(list: unknown, members: JsonObject): void {
  for (const port of objects(list)) fill(port, members);
}

const DEFAULTS: Readonly<Record<string, Default>> = {
  '/Pod': (object) => {
    const spec = child(object, 'spec');
    defaultPodSpec(spec);
    fill(spec, { enableServiceLinks: true });
    requestsFromLimits(spec);
    fill(child(object, 'status'), { phase: 'Pending' });
  },
  '/Service': service,
  '/Secret': secret,
  '/Namespace': namespace,
  '/PersistentVolumeClaim': claim,
  '/PersistentVolume': (object) => {
    const spec = child(object, 'spec');
    fill(spec, { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' });
    if (isObject(spec['hostPath'])) fill(spec['hostPath'], { type: '' });
    fill(child(object, 'status'), { phase: 'Pending' });
  },
  '/Endpoints': (object) => {
    for (const subset of objects(object['subsets'])) ports(subset['ports'], { protocol: 'TCP' });
  },
  '/Node': (object) => {
    const status = child(object, 'status');
    if (isObject(status['capacity'])) {
      fill(child(status, 'allocatable'), { ...status['capacity'] });
    }
  },
  'apps/Deployment': deployment,
  'apps/StatefulSet': statefulSet,
  'apps/ReplicaSet': replicaSet,
  'batch/Job': job,
  'batch/CronJob': cronJob,
  'networking.k8s.io/NetworkPolicy': (object) => {
    const spec = child(object, 'spec');
    for (const rule of [...objects(spec['ingress']), ...objects(spec['egress'])])
      ports(rule['ports'], { protocol: 'TCP' });
    const directions = objects(spec['egress']).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
    fill(spec, { podSelector: {}, policyTypes: directions });
  },
  'policy/PodDisruptionBudget': (object) =>
    fill(child(object, 'status'), {
      currentHealthy: 0,
      desiredHealthy: 0,
      disruptionsAllowed: 0,
      expectedPods: 0,
    }),
  'discovery.k8s.io/EndpointSlice': (object) => {
    ports(object['ports'], { name: '', protocol: 'TCP' });
    for (const endpoint of objects(object['endpoints'])) endpoint['conditions'] ??= {};
    object['ports'] ??= null;
  },
  'storage.k8s.io/StorageClass': (object) =>
    fill(object, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  'rbac.authorization.k8s.io/RoleBinding': subjects,
  'rbac.authorization.k8s.io/ClusterRoleBinding': subjects,
  'apiextensions.k8s.io/CustomResourceDefinition': customResourceDefinition,
};

/** In a Pod (not in a template) a limit without a request is also the request. */
function requestsFromLimits(spec: JsonObject): void {
  for (const list of CONTAINER_DEFAULTS_KINDS) {
    for (const container of objects(spec[list])) {
      const resources = child(container, 'resources');
      if (isObject(resources['limits'])) fill(child(resources, 'requests'), resources['limits']);
    }
  }
}
