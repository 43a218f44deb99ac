/** Defaults of pod templates: the part of Kubernetes' Go defaults that Deployments, StatefulSets and Pods share. */
import { isObject } from './json.ts';
import type { JsonObject } from './types.ts';

/** The members of a pod's spec that hold containers. */
export const CONTAINER_DEFAULTS_KINDS = ['initContainers', 'containers'] as const;

function fill(object: JsonObject, members: JsonObject): void {
  for (const [key, value] of Object.entries(members)) object[key] ??= value;
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isObject) : [];
}

/** Defaults of `spec.template`. */
export function defaultPodTemplate(spec: JsonObject): void {
  const template = spec['template'];
  if (!isObject(template)) return;
  template['metadata'] ??= {};
  if (!isObject(template['spec'])) template['spec'] = {};
  defaultPodSpec(template['spec'] as JsonObject);
}

/** Defaults of a pod's spec, in place. */
export function defaultPodSpec(spec: JsonObject): void {
  fill(spec, {
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  });
  const account = spec['serviceAccountName'] ?? spec['serviceAccount'];
  if (account !== undefined && account !== '') {
    // The deprecated name is kept equal by the server's conversion.
    spec['serviceAccountName'] = account;
    spec['serviceAccount'] = account;
  }
  for (const kind of CONTAINER_DEFAULTS_KINDS) {
    for (const container of objects(spec[kind])) {
      defaultContainer(container, spec['hostNetwork'] === true);
    }
  }
  for (const volume of objects(spec['volumes'])) defaultVolume(volume);
}

function defaultContainer(container: JsonObject, hostNetwork: boolean): void {
  fill(container, {
    imagePullPolicy: pullPolicy(String(container['image'] ?? '')),
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  });
  for (const port of objects(container['ports'])) {
    fill(port, { protocol: 'TCP' });
    if (hostNetwork) fill(port, { hostPort: port['containerPort'] });
  }
  for (const variable of objects(container['env'])) {
    const source = variable['valueFrom'];
    if (!isObject(source)) continue;
    if (isObject(source['fieldRef'])) fill(source['fieldRef'], { apiVersion: 'v1' });
    if (isObject(source['resourceFieldRef'])) fill(source['resourceFieldRef'], { divisor: '0' });
  }
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    if (isObject(container[probe])) defaultProbe(container[probe]);
  }
  const lifecycle = container['lifecycle'];
  if (!isObject(lifecycle)) return;
  for (const hook of ['postStart', 'preStop']) {
    const handler = lifecycle[hook];
    if (isObject(handler)) defaultHttpGet(handler);
  }
}

/** Always for `latest` (said or implied), else IfNotPresent. */
function pullPolicy(image: string): string {
  const lastPart = image.slice(image.lastIndexOf('/') + 1);
  if (lastPart.includes('@')) return 'IfNotPresent';
  const tag = lastPart.includes(':') ? lastPart.slice(lastPart.indexOf(':') + 1) : 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: JsonObject): void {
  fill(probe, { failureThreshold: 3, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1 });
  if (isObject(probe['grpc'])) fill(probe['grpc'], { service: '' });
  defaultHttpGet(probe);
}

function defaultHttpGet(handler: JsonObject): void {
  if (isObject(handler['httpGet'])) fill(handler['httpGet'], { path: '/', scheme: 'HTTP' });
}

function defaultVolume(volume: JsonObject): void {
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  if (sources.length === 0) volume['emptyDir'] = {};
  for (const source of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    const content = volume[source];
    if (!isObject(content)) continue;
    fill(content, { defaultMode: 420 });
    defaultFieldRefs(content['items']);
    for (const part of objects(content['sources'])) {
      if (isObject(part['serviceAccountToken'])) {
        fill(part['serviceAccountToken'], { expirationSeconds: 3600 });
      }
      if (isObject(part['downwardAPI'])) defaultFieldRefs(part['downwardAPI']['items']);
    }
  }
  if (isObject(volume['hostPath'])) fill(volume['hostPath'], { type: '' });
  const ephemeral = volume['ephemeral'];
  if (isObject(ephemeral) && isObject(ephemeral['volumeClaimTemplate'])) {
    const { spec } = ephemeral['volumeClaimTemplate'];
    if (isObject(spec)) fill(spec, { volumeMode: 'Filesystem' });
  }
}

function defaultFieldRefs(items: unknown): void {
  for (const item of objects(items)) {
    if (isObject(item['fieldRef'])) fill(item['fieldRef'], { apiVersion: 'v1' });
  }
}
