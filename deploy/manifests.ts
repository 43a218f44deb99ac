/** The objects that install the operator in a cluster: a namespace, an identity with the least rights, a Deployment. */
import { GROUP, MANAGED_BY_LABEL } from '../src/api/index.ts';
import { DEFAULT_IMAGE } from '../src/operator/index.ts';

const NAME = 'mcp-cluster-operator';
const NAMESPACE = 'mcp-cluster-system';
const labels = { 'app.kubernetes.io/name': NAME, 'app.kubernetes.io/part-of': 'mcp-cluster' };
const HEALTH_PORT = 9090;

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const rule = (group: string, resources: readonly string[], verbs: readonly string[]): Rule => ({
  apiGroups: [group],
  resources,
  verbs,
});
/** What server-side apply of objects behind an informer needs. */
const MANAGED = ['get', 'list', 'watch', 'create', 'patch'];

/** Secrets are read by name and never listed; no pod is entered, only its log is read. */
const RULES: readonly Rule[] = [
  rule(GROUP, ['mcpclusters'], ['get', 'list', 'watch']),
  rule(GROUP, ['mcpclusters/status'], ['patch']),
  // Owner references that block the owner's deletion need it where admission checks that.
  rule(GROUP, ['mcpclusters/finalizers'], ['update']),
  rule('', ['configmaps', 'serviceaccounts', 'services'], MANAGED),
  rule('', ['secrets'], ['get', 'create', 'patch']),
  rule('', ['pods'], ['get', 'list', 'watch', 'delete']),
  rule('', ['pods/log'], ['get']),
  rule('apps', ['statefulsets'], MANAGED),
  rule('discovery.k8s.io', ['endpointslices'], MANAGED),
  rule('policy', ['poddisruptionbudgets'], MANAGED),
  // Whether the sidecars of a cluster may review tokens, when its spec asks for that; the right to is not ours to give.
  rule('authorization.k8s.io', ['subjectaccessreviews'], ['create']),
  rule('events.k8s.io', ['events'], ['create', 'patch']),
];
const LEASE_RULES: readonly Rule[] = [
  rule('coordination.k8s.io', ['leases'], ['get', 'create', 'update']),
];

const RBAC = 'rbac.authorization.k8s.io';
const metadata = { name: NAME, labels };
const inNamespace = { ...metadata, namespace: NAMESPACE };
const subjects = [{ kind: 'ServiceAccount', name: NAME, namespace: NAMESPACE }];

/** Every object but the CustomResourceDefinition, in the order in which they are applied. */
export function operatorManifests(image: string = DEFAULT_IMAGE): readonly object[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: NAMESPACE,
        labels: { ...labels, 'pod-security.kubernetes.io/enforce': 'restricted' },
      },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: inNamespace },
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata, rules: RULES },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: NAME },
      subjects,
    },
    { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: inNamespace, rules: LEASE_RULES },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata: inNamespace,
      roleRef: { apiGroup: RBAC, kind: 'Role', name: NAME },
      subjects,
    },
    deployment(image),
  ];
}

function deployment(image: string): object {
  const field = (name: string, fieldPath: string) => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  const probe = (path: string) => ({ httpGet: { path, port: 'metrics' }, periodSeconds: 5 });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...inNamespace, labels: { ...labels, [MANAGED_BY_LABEL]: 'kubectl' } },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: NAME,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65_532,
            runAsGroup: 65_532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              name: 'operator',
              image,
              args: [
                'operator',
                `--sidecar-image=${image}`,
                `--health-address=0.0.0.0:${HEALTH_PORT}`,
              ],
              env: [
                field('POD_NAME', 'metadata.name'),
                field('POD_NAMESPACE', 'metadata.namespace'),
              ],
              ports: [{ name: 'metrics', containerPort: HEALTH_PORT }],
              livenessProbe: probe('/healthz'),
              readinessProbe: probe('/readyz'),
              resources: {
                requests: { cpu: '50m', memory: '128Mi' },
                limits: { memory: '512Mi' },
              },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
        },
      },
    },
  };
}
