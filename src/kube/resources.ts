/** The static table of resource types: which path serves a kind, without a discovery request. */

/** One served resource: where its objects live in the API. */
export interface ResourceType {
  /** API group, empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const namespaced = (apiVersion: string, plural: string, kind: string): ResourceType =>
  resource(apiVersion, plural, kind, true);
const clusterWide = (apiVersion: string, plural: string, kind: string): ResourceType =>
  resource(apiVersion, plural, kind, false);

function resource(
  apiVersion: string,
  plural: string,
  kind: string,
  isNamespaced: boolean,
): ResourceType {
  const [group, version] = splitApiVersion(apiVersion);
  return { group, version, plural, kind, namespaced: isNamespaced };
}

/** Built-in resources that this program reads or writes; custom resources declare their own {@link ResourceType}. */
export const RESOURCES = {
  configMaps: namespaced('v1', 'configmaps', 'ConfigMap'),
  endpoints: namespaced('v1', 'endpoints', 'Endpoints'),
  namespaces: clusterWide('v1', 'namespaces', 'Namespace'),
  nodes: clusterWide('v1', 'nodes', 'Node'),
  persistentVolumeClaims: namespaced('v1', 'persistentvolumeclaims', 'PersistentVolumeClaim'),
  persistentVolumes: clusterWide('v1', 'persistentvolumes', 'PersistentVolume'),
  pods: namespaced('v1', 'pods', 'Pod'),
  secrets: namespaced('v1', 'secrets', 'Secret'),
  serviceAccounts: namespaced('v1', 'serviceaccounts', 'ServiceAccount'),
  services: namespaced('v1', 'services', 'Service'),
  controllerRevisions: namespaced('apps/v1', 'controllerrevisions', 'ControllerRevision'),
  daemonSets: namespaced('apps/v1', 'daemonsets', 'DaemonSet'),
  deployments: namespaced('apps/v1', 'deployments', 'Deployment'),
  replicaSets: namespaced('apps/v1', 'replicasets', 'ReplicaSet'),
  statefulSets: namespaced('apps/v1', 'statefulsets', 'StatefulSet'),
  cronJobs: namespaced('batch/v1', 'cronjobs', 'CronJob'),
  jobs: namespaced('batch/v1', 'jobs', 'Job'),
  leases: namespaced('coordination.k8s.io/v1', 'leases', 'Lease'),
  endpointSlices: namespaced('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice'),
  events: namespaced('events.k8s.io/v1', 'events', 'Event'),
  networkPolicies: namespaced('networking.k8s.io/v1', 'networkpolicies', 'NetworkPolicy'),
  podDisruptionBudgets: namespaced('policy/v1', 'poddisruptionbudgets', 'PodDisruptionBudget'),
  clusterRoleBindings: clusterWide(
    'rbac.authorization.k8s.io/v1',
    'clusterrolebindings',
    'ClusterRoleBinding',
  ),
  clusterRoles: clusterWide('rbac.authorization.k8s.io/v1', 'clusterroles', 'ClusterRole'),
  roleBindings: namespaced('rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding'),
  roles: namespaced('rbac.authorization.k8s.io/v1', 'roles', 'Role'),
  subjectAccessReviews: clusterWide(
    'authorization.k8s.io/v1',
    'subjectaccessreviews',
    'SubjectAccessReview',
  ),
  tokenReviews: clusterWide('authentication.k8s.io/v1', 'tokenreviews', 'TokenReview'),
  priorityClasses: clusterWide('scheduling.k8s.io/v1', 'priorityclasses', 'PriorityClass'),
  storageClasses: clusterWide('storage.k8s.io/v1', 'storageclasses', 'StorageClass'),
  validatingWebhookConfigurations: clusterWide(
    'admissionregistration.k8s.io/v1',
    'validatingwebhookconfigurations',
    'ValidatingWebhookConfiguration',
  ),
  customResourceDefinitions: clusterWide(
    'apiextensions.k8s.io/v1',
    'customresourcedefinitions',
    'CustomResourceDefinition',
  ),
} as const satisfies Record<string, ResourceType>;

/** `[group, version]` of an `apiVersion` field; the core group is the empty string. */
export function splitApiVersion(apiVersion: string): [group: string, version: string] {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

/** The `apiVersion` field of objects of this type. */
export function apiVersionOf(type: Pick<ResourceType, 'group' | 'version'>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}
