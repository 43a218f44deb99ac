/** The cells of built-in kinds in `kubectl get`, in the order of the server's columns, wide ones included. */
import { at, listAt, numberAt, objectAt, textAt } from './fields.ts';
import { cronJobCells, jobCells } from './batch-rows.ts';
import { ageSince } from './human-duration.ts';
import { containersOf, selector } from './row-parts.ts';
import { podCells } from './pod-row.ts';
import type { JsonObject, KubeObject } from './types.ts';

/** Cells of one object. */
export type Cells = (object: KubeObject, now: Date) => unknown[];

const age = ({ metadata }: KubeObject, now: Date): string =>
  ageSince(metadata.creationTimestamp, now);
const name = ({ metadata }: KubeObject): unknown => metadata.name;
const count = (object: unknown): number => Object.keys(objectAt(object)).length;

/** `a=b,c=d`, or `<none>`. */
function labels(values: JsonObject): string {
  const pairs = Object.keys(values)
    .sort()
    .map((key) => `${key}=${String(values[key])}`);
  return pairs.length === 0 ? '<none>' : pairs.join(',');
}

const containers = (object: KubeObject) => containersOf(object['spec']);

/** At most three, and how many more. */
function firstThree(items: readonly string[], separator: string, none: string): string {
  if (items.length === 0) return none;
  const more = items.length > 3 ? ` + ${items.length - 3} more...` : '';
  return `${items.slice(0, 3).join(separator)}${more}`;
}

function serviceCells(object: KubeObject, now: Date): unknown[] {
  const { spec } = object;
  const ports = listAt(spec, 'ports').map((port) => {
    const node = numberAt(port, 'nodePort');
    const number = String(at(port, 'port'));
    return `${number}${node > 0 ? `:${node}` : ''}/${textAt(port, 'protocol')}`;
  });
  return [
    name(object),
    textAt(spec, 'type'),
    String(listAt(spec, 'clusterIPs')[0] ?? (textAt(spec, 'clusterIP') || '<none>')),
    externalAddress(object),
    ports.length === 0 ? '<none>' : ports.join(','),
    age(object, now),
    labels(objectAt(spec, 'selector')),
  ];
}

function externalAddress(object: KubeObject): string {
  const { spec } = object;
  const external = listAt(spec, 'externalIPs').join(',');
  switch (textAt(spec, 'type')) {
    case 'LoadBalancer': {
      const ingress = listAt(object, 'status', 'loadBalancer', 'ingress')
        .map((entry) => textAt(entry, 'ip') || textAt(entry, 'hostname'))
        .join(',');
      return [ingress, external].filter(Boolean).join(',') || '<pending>';
    }
    case 'ExternalName':
      return textAt(spec, 'externalName');
    default:
      return external || '<none>';
  }
}

function nodeCells(object: KubeObject, now: Date): unknown[] {
  const info = (field: string): string =>
    textAt(object, 'status', 'nodeInfo', field) || '<unknown>';
  const address = (type: string): string =>
    listAt(object, 'status', 'addresses')
      .filter((entry) => at(entry, 'type') === type)
      .map((entry) => textAt(entry, 'address'))[0] ?? '<none>';
  const ready = listAt(object, 'status', 'conditions').find((c) => at(c, 'type') === 'Ready');
  let status = 'Unknown';
  if (ready !== undefined) status = at(ready, 'status') === 'True' ? 'Ready' : 'NotReady';
  if (at(object, 'spec', 'unschedulable') === true) status += ',SchedulingDisabled';
  return [
    name(object),
    status,
    nodeRoles(object.metadata.labels ?? {}),
    age(object, now),
    textAt(object, 'status', 'nodeInfo', 'kubeletVersion'),
    address('InternalIP'),
    address('ExternalIP'),
    info('osImage'),
    info('kernelVersion'),
    info('containerRuntimeVersion'),
  ];
}

function nodeRoles(values: Record<string, string>): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(values)) {
    if (key.startsWith('node-role.kubernetes.io/')) roles.add(key.slice(24));
    else if (key === 'kubernetes.io/role') roles.add(value);
  }
  roles.delete('');
  return [...roles].sort().join(',') || '<none>';
}

const ACCESS_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

function accessModes(value: unknown): string {
  return listAt(value)
    .map((mode) => ACCESS_MODES[String(mode)] ?? '')
    .filter(Boolean)
    .join(',');
}

function claimCells(object: KubeObject, now: Date): unknown[] {
  const volume = textAt(object, 'spec', 'volumeName');
  const isBound = volume !== '';
  const isGoing = object.metadata['deletionTimestamp'] !== undefined;
  return [
    name(object),
    isGoing ? 'Terminating' : textAt(object, 'status', 'phase'),
    volume,
    isBound ? textAt(object, 'status', 'capacity', 'storage') || '0' : '',
    isBound ? accessModes(at(object, 'status', 'accessModes')) : '',
    textAt(object, 'spec', 'storageClassName'),
    textAt(object, 'spec', 'volumeAttributesClassName') || '<unset>',
    age(object, now),
    textAt(object, 'spec', 'volumeMode') || '<unset>',
  ];
}

function volumeCells(object: KubeObject, now: Date): unknown[] {
  const claim = at(object, 'spec', 'claimRef');
  const isGoing = object.metadata['deletionTimestamp'] !== undefined;
  return [
    name(object),
    textAt(object, 'spec', 'capacity', 'storage'),
    accessModes(at(object, 'spec', 'accessModes')),
    textAt(object, 'spec', 'persistentVolumeReclaimPolicy'),
    isGoing ? 'Terminating' : textAt(object, 'status', 'phase'),
    claim === undefined ? '' : `${textAt(claim, 'namespace')}/${textAt(claim, 'name')}`,
    textAt(object, 'spec', 'storageClassName'),
    textAt(object, 'spec', 'volumeAttributesClassName') || '<unset>',
    textAt(object, 'status', 'reason'),
    age(object, now),
    textAt(object, 'spec', 'volumeMode') || '<unset>',
  ];
}

function eventCells(object: KubeObject, now: Date): unknown[] {
  const eventTime = textAt(object, 'eventTime');
  const first = textAt(object, 'firstTimestamp') || textAt(object, 'deprecatedFirstTimestamp');
  const last = textAt(object, 'lastTimestamp') || textAt(object, 'deprecatedLastTimestamp');
  const series = at(object, 'series');
  const target = objectAt(object, 'involvedObject' in object ? 'involvedObject' : 'regarding');
  const source = objectAt(object, 'source' in object ? 'source' : 'deprecatedSource');
  const component =
    textAt(source, 'component') ||
    textAt(object, 'reportingComponent') ||
    textAt(object, 'reportingController');
  const host = textAt(source, 'host') || textAt(object, 'reportingInstance');
  const times = numberAt(object, 'count') || numberAt(object, 'deprecatedCount') || 1;
  return [
    ageSince(textAt(series, 'lastObservedTime') || last || eventTime, now),
    textAt(object, 'type'),
    textAt(object, 'reason'),
    `${textAt(target, 'kind').toLowerCase()}/${textAt(target, 'name')}`,
    textAt(target, 'fieldPath'),
    host === '' ? component : `${component}, ${host}`,
    (textAt(object, 'message') || textAt(object, 'note')).trim(),
    ageSince(first || eventTime, now),
    series === undefined ? times : numberAt(series, 'count'),
    name(object),
  ];
}

function endpointsText(object: KubeObject): string {
  const all = listAt(object, 'subsets').flatMap((subset) => {
    const addresses = listAt(subset, 'addresses').map((address) => textAt(address, 'ip'));
    const ports = listAt(subset, 'ports').map((port) => numberAt(port, 'port'));
    if (ports.length === 0) return addresses;
    return ports.flatMap((port) =>
      addresses.map((ip) => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`),
    );
  });
  return firstThree(all, ',', '<none>');
}

function bindingCells(object: KubeObject, now: Date): unknown[] {
  const of = (kind: string): unknown[] =>
    listAt(object, 'subjects').filter((subject) => at(subject, 'kind') === kind);
  return [
    name(object),
    `${textAt(object, 'roleRef', 'kind')}/${textAt(object, 'roleRef', 'name')}`,
    age(object, now),
    of('User')
      .map((subject) => textAt(subject, 'name'))
      .join(', '),
    of('Group')
      .map((subject) => textAt(subject, 'name'))
      .join(', '),
    of('ServiceAccount')
      .map((subject) => `${textAt(subject, 'namespace')}/${textAt(subject, 'name')}`)
      .join(', '),
  ];
}

function controllerOf(object: KubeObject): string {
  const owner = listAt(object.metadata, 'ownerReferences').find(
    (o) => at(o, 'controller') === true,
  );
  if (owner === undefined) return '<none>';
  const [group, version] = textAt(owner, 'apiVersion').split('/');
  const kind = textAt(owner, 'kind').toLowerCase();
  return `${kind}${version === undefined ? '' : `.${group}`}/${textAt(owner, 'name')}`;
}

const createdAt: Cells = (object) => [name(object), object.metadata.creationTimestamp];

/** By `plural.group`. */
export const ROWS: Readonly<Record<string, Cells>> = {
  'pods.': podCells,
  'services.': serviceCells,
  'nodes.': nodeCells,
  'persistentvolumeclaims.': claimCells,
  'persistentvolumes.': volumeCells,
  'events.': eventCells,
  'events.events.k8s.io': eventCells,
  'configmaps.': (object, now) => [
    name(object),
    count(object['data']) + count(object['binaryData']),
    age(object, now),
  ],
  'secrets.': (object, now) => [
    name(object),
    textAt(object, 'type'),
    count(object['data']),
    age(object, now),
  ],
  'serviceaccounts.': (object, now) => [name(object), age(object, now)],
  'namespaces.': (object, now) => [
    name(object),
    textAt(object, 'status', 'phase'),
    age(object, now),
  ],
  'endpoints.': (object, now) => [name(object), endpointsText(object), age(object, now)],
  'statefulsets.apps': (object, now) => [
    name(object),
    `${numberAt(object, 'status', 'readyReplicas')}/${numberAt(object, 'spec', 'replicas')}`,
    age(object, now),
    ...containers(object),
  ],
  'deployments.apps': (object, now) => [
    name(object),
    `${numberAt(object, 'status', 'readyReplicas')}/${numberAt(object, 'spec', 'replicas')}`,
    numberAt(object, 'status', 'updatedReplicas'),
    numberAt(object, 'status', 'availableReplicas'),
    age(object, now),
    ...containers(object),
    selector(at(object, 'spec', 'selector')),
  ],
  'replicasets.apps': (object, now) => [
    name(object),
    numberAt(object, 'spec', 'replicas'),
    numberAt(object, 'status', 'replicas'),
    numberAt(object, 'status', 'readyReplicas'),
    age(object, now),
    ...containers(object),
    selector(at(object, 'spec', 'selector')),
  ],
  'jobs.batch': jobCells,
  'cronjobs.batch': cronJobCells,
  'controllerrevisions.apps': (object, now) => [
    name(object),
    controllerOf(object),
    numberAt(object, 'revision'),
    age(object, now),
  ],
  'networkpolicies.networking.k8s.io': (object, now) => [
    name(object),
    selector(at(object, 'spec', 'podSelector')),
    age(object, now),
  ],
  'poddisruptionbudgets.policy': (object, now) => [
    name(object),
    String(at(object, 'spec', 'minAvailable') ?? 'N/A'),
    String(at(object, 'spec', 'maxUnavailable') ?? 'N/A'),
    numberAt(object, 'status', 'disruptionsAllowed'),
    age(object, now),
  ],
  'endpointslices.discovery.k8s.io': (object, now) => [
    name(object),
    textAt(object, 'addressType'),
    firstThree(
      listAt(object, 'ports').map((port) => String(at(port, 'port') ?? '*')),
      ',',
      '<unset>',
    ),
    firstThree(
      listAt(object, 'endpoints').flatMap((e) => listAt(e, 'addresses').map(String)),
      ',',
      '<unset>',
    ),
    age(object, now),
  ],
  'leases.coordination.k8s.io': (object, now) => [
    name(object),
    textAt(object, 'spec', 'holderIdentity'),
    age(object, now),
  ],
  'storageclasses.storage.k8s.io': (object, now) => [
    object.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true'
      ? `${String(name(object))} (default)`
      : name(object),
    textAt(object, 'provisioner'),
    textAt(object, 'reclaimPolicy') || 'Delete',
    textAt(object, 'volumeBindingMode') || 'Immediate',
    at(object, 'allowVolumeExpansion') === true,
    age(object, now),
  ],
  'rolebindings.rbac.authorization.k8s.io': bindingCells,
  'clusterrolebindings.rbac.authorization.k8s.io': bindingCells,
  'roles.rbac.authorization.k8s.io': createdAt,
  'clusterroles.rbac.authorization.k8s.io': createdAt,
  'customresourcedefinitions.apiextensions.k8s.io': createdAt,
};
