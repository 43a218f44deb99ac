/** The routing table: every built-in resource as one line of data, in the words of the real server's discovery. */

/** A resource of one group version, built in or custom. */
export interface ResourceNames {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly subresources: readonly Subresource[];
}

export type Verb =
  'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export interface Subresource {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly Verb[];
}

const CRUD: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];
const NO_COLLECTION_DELETE = CRUD.filter((verb) => verb !== 'deletecollection');
const READ_WRITE: readonly Verb[] = ['get', 'patch', 'update'];

interface Row {
  readonly short?: string;
  readonly categories?: string;
  readonly cluster?: true;
  readonly verbs?: readonly Verb[];
  readonly sub?: readonly Subresource[];
}

const subresource = (
  name: string,
  [group, version, kind]: readonly [string, string, string],
  verbs: readonly Verb[],
): Subresource => ({ name, group, version, kind, verbs });

const status = (group: string, kind: string): Subresource =>
  subresource('status', [group, 'v1', kind], READ_WRITE);
const scale = subresource('scale', ['autoscaling', 'v1', 'Scale'], READ_WRITE);

const words = (text: string | undefined): string[] => (text === undefined ? [] : text.split(' '));

function resource(
  groupVersion: string,
  plural: string,
  kind: string,
  row: Row = {},
): ResourceNames {
  const [version = '', group = ''] = groupVersion.split('/').toReversed();
  return {
    group,
    version,
    plural,
    singular: kind.toLowerCase(),
    kind,
    listKind: `${kind}List`,
    namespaced: row.cluster !== true,
    shortNames: words(row.short),
    categories: words(row.categories),
    verbs: row.verbs ?? CRUD,
    subresources: row.sub ?? [],
  };
}

const POD_SUBRESOURCES = [
  subresource('binding', ['', 'v1', 'Binding'], ['create']),
  subresource('eviction', ['policy', 'v1', 'Eviction'], ['create']),
  subresource('log', ['', 'v1', 'Pod'], ['get']),
  status('', 'Pod'),
];

const CREATE_ONLY: readonly Verb[] = ['create'];
const RBAC = 'rbac.authorization.k8s.io/v1';

/** In the order discovery lists groups: core, then the order the real server prefers. */
export const BUILTIN_RESOURCES: readonly ResourceNames[] = [
  resource('v1', 'bindings', 'Binding', { verbs: CREATE_ONLY }),
  resource('v1', 'configmaps', 'ConfigMap', { short: 'cm' }),
  resource('v1', 'endpoints', 'Endpoints', { short: 'ep' }),
  resource('v1', 'events', 'Event', { short: 'ev' }),
  resource('v1', 'namespaces', 'Namespace', {
    short: 'ns',
    cluster: true,
    verbs: NO_COLLECTION_DELETE,
    sub: [subresource('finalize', ['', 'v1', 'Namespace'], ['update']), status('', 'Namespace')],
  }),
  resource('v1', 'nodes', 'Node', { short: 'no', cluster: true, sub: [status('', 'Node')] }),
  resource('v1', 'persistentvolumeclaims', 'PersistentVolumeClaim', {
    short: 'pvc',
    sub: [status('', 'PersistentVolumeClaim')],
  }),
  resource('v1', 'persistentvolumes', 'PersistentVolume', {
    short: 'pv',
    cluster: true,
    sub: [status('', 'PersistentVolume')],
  }),
  resource('v1', 'pods', 'Pod', { short: 'po', categories: 'all', sub: POD_SUBRESOURCES }),
  resource('v1', 'secrets', 'Secret'),
  resource('v1', 'serviceaccounts', 'ServiceAccount', {
    short: 'sa',
    sub: [subresource('token', ['authentication.k8s.io', 'v1', 'TokenRequest'], ['create'])],
  }),
  resource('v1', 'services', 'Service', {
    short: 'svc',
    categories: 'all',
    sub: [status('', 'Service')],
  }),
  resource('events.k8s.io/v1', 'events', 'Event', { short: 'ev' }),
  resource('authentication.k8s.io/v1', 'selfsubjectreviews', 'SelfSubjectReview', {
    cluster: true,
    verbs: CREATE_ONLY,
  }),
  resource('authentication.k8s.io/v1', 'tokenreviews', 'TokenReview', {
    cluster: true,
    verbs: CREATE_ONLY,
  }),
  resource('authorization.k8s.io/v1', 'localsubjectaccessreviews', 'LocalSubjectAccessReview', {
    verbs: CREATE_ONLY,
  }),
  resource('authorization.k8s.io/v1', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', {
    cluster: true,
    verbs: CREATE_ONLY,
  }),
  resource('authorization.k8s.io/v1', 'subjectaccessreviews', 'SubjectAccessReview', {
    cluster: true,
    verbs: CREATE_ONLY,
  }),
  resource('batch/v1', 'cronjobs', 'CronJob', {
    short: 'cj',
    categories: 'all',
    sub: [status('batch', 'CronJob')],
  }),
  resource('batch/v1', 'jobs', 'Job', { categories: 'all', sub: [status('batch', 'Job')] }),
  resource('networking.k8s.io/v1', 'networkpolicies', 'NetworkPolicy', { short: 'netpol' }),
  resource('policy/v1', 'poddisruptionbudgets', 'PodDisruptionBudget', {
    short: 'pdb',
    sub: [status('policy', 'PodDisruptionBudget')],
  }),
  resource(RBAC, 'clusterrolebindings', 'ClusterRoleBinding', { cluster: true }),
  resource(RBAC, 'clusterroles', 'ClusterRole', { cluster: true }),
  resource(RBAC, 'rolebindings', 'RoleBinding'),
  resource(RBAC, 'roles', 'Role'),
  resource('storage.k8s.io/v1', 'storageclasses', 'StorageClass', { short: 'sc', cluster: true }),
  resource('apiextensions.k8s.io/v1', 'customresourcedefinitions', 'CustomResourceDefinition', {
    short: 'crd crds',
    categories: 'api-extensions',
    cluster: true,
    sub: [status('apiextensions.k8s.io', 'CustomResourceDefinition')],
  }),
  resource('coordination.k8s.io/v1', 'leases', 'Lease'),
  resource('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice'),
  resource('apps/v1', 'controllerrevisions', 'ControllerRevision'),
  resource('apps/v1', 'deployments', 'Deployment', {
    short: 'deploy',
    categories: 'all',
    sub: [scale, status('apps', 'Deployment')],
  }),
  resource('apps/v1', 'replicasets', 'ReplicaSet', {
    short: 'rs',
    categories: 'all',
    sub: [scale, status('apps', 'ReplicaSet')],
  }),
  resource('apps/v1', 'statefulsets', 'StatefulSet', {
    short: 'sts',
    categories: 'all',
    sub: [scale, status('apps', 'StatefulSet')],
  }),
];
