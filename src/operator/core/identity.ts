/** How pods come by their certificates: whose a pod is, what it is given to ask with, and whom it shall trust. */
import { API_VERSION, MCP_CLUSTER_KIND, type McpCluster } from '../../api/index.ts';
import { objectNames, ownedMetadata, podOrdinal } from './names.ts';
import type { AnyObject, DesiredObject, Owner } from './shapes.ts';

/** What the tokens are for that pods show to the operator. */
export const IDENTITY_AUDIENCE = 'mcpcluster.io/identity';
/** Where a sidecar finds its token, whom to trust, and where the operator is. */
export const IDENTITY_PATH = '/etc/mcp-cluster/identity';
export const IDENTITY_VOLUME = 'sidecar-identity';
/** The kubelet makes a new token when a fifth of this is left. */
const TOKEN_SECONDS = 3_600;

/** A pod that was found to be one of the cluster's. */
export interface PodOfCluster {
  readonly role: 'member' | 'backup';
  readonly name: string;
  readonly uid: string;
}

/** Who controls an object, by uid: labels can be put on anything. */
export function controllerOf({ metadata }: AnyObject): Owner | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/**
 * The chains of control by which a pod may belong to a cluster, from the pod upwards. A pod that is controlled otherwise is
 * nobody's, whatever its labels say.
 */
export const CONTROL_CHAINS: readonly (readonly string[])[] = [
  ['StatefulSet', MCP_CLUSTER_KIND],
  ['Job', MCP_CLUSTER_KIND],
  ['Job', 'CronJob', MCP_CLUSTER_KIND],
];

/** What a pod is to `cluster`, to which the `chain` of its controllers leads; undefined when it does not fit. */
export function podRole(
  cluster: McpCluster,
  pod: AnyObject,
  chain: readonly AnyObject[],
): PodOfCluster | undefined {
  const { name = '', uid = '' } = pod.metadata;
  const [first] = chain;
  if (first?.kind === 'Job') return { role: 'backup', name, uid };
  const isMember =
    first?.metadata.name === objectNames(cluster.metadata.name).statefulSet &&
    podOrdinal(cluster.metadata.name, name) !== undefined;
  return isMember ? { role: 'member', name, uid } : undefined;
}

/** Whether `owner` says of the object that it is its controller. */
export function isOwner(owner: Owner, { apiVersion, kind, metadata }: AnyObject): boolean {
  return (
    owner.uid === metadata.uid &&
    owner.kind === kind &&
    (kind !== MCP_CLUSTER_KIND || apiVersion === API_VERSION)
  );
}

/** Whom the pods of a cluster trust, and where they ask for their certificates. Files, so that a change reaches running pods. */
export function trustMap(
  cluster: McpCluster,
  trust: {
    readonly members: string;
    readonly operator: { readonly url: string; readonly trusted: string } | undefined;
  },
): DesiredObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: ownedMetadata(cluster, objectNames(cluster.metadata.name).trustMap),
    data: {
      'cluster-id': cluster.metadata.uid,
      'ca.crt': trust.members,
      ...(trust.operator === undefined
        ? {}
        : { 'operator-ca.crt': trust.operator.trusted, 'operator-url': trust.operator.url }),
    },
  } as DesiredObject;
}

/** Volume by which a pod proves who it is, and learns whom to trust. */
export function identityVolume(cluster: McpCluster) {
  return {
    name: IDENTITY_VOLUME,
    projected: {
      defaultMode: 0o440,
      sources: [
        {
          serviceAccountToken: {
            audience: IDENTITY_AUDIENCE,
            expirationSeconds: TOKEN_SECONDS,
            path: 'token',
          },
        },
        { configMap: { name: objectNames(cluster.metadata.name).trustMap } },
      ],
    },
  };
}
