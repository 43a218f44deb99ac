/** The objects of a cluster that hold little: Secrets, ServiceAccount, PodDisruptionBudget. */
import { selectorLabels, type McpCluster } from '../../api/index.ts';
import { objectNames, ownedMetadata } from './names.ts';
import type { DesiredObject } from './shapes.ts';

export interface Secret extends DesiredObject {
  readonly type?: string;
  /** Values in base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** Private key and certificate of the cluster's own authority; mounted nowhere. `data` is in base64. */
export function authoritySecret(
  cluster: McpCluster,
  data: { readonly 'ca.crt': string; readonly 'ca.key': string },
): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: ownedMetadata(cluster, objectNames(cluster.metadata.name).authoritySecret),
    type: 'Opaque',
    data,
  };
}

/** The cluster's certificate, mounted as a whole so that a renewal reaches running pods. `data` is in base64. */
export function tlsSecret(
  cluster: McpCluster,
  data: { readonly 'ca.crt': string; readonly 'tls.crt': string; readonly 'tls.key': string },
): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: ownedMetadata(cluster, objectNames(cluster.metadata.name).tlsSecret),
    type: 'kubernetes.io/tls',
    data,
  };
}

/** An identity without rights: no pod of a cluster talks to the API server. */
export function serviceAccount(cluster: McpCluster): DesiredObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: ownedMetadata(cluster, objectNames(cluster.metadata.name).serviceAccount),
    automountServiceAccountToken: false,
  } as DesiredObject;
}

/** One pod at a time may be evicted; one that is not healthy always, or a drain could never end. */
export function disruptionBudget(cluster: McpCluster): DesiredObject {
  const { name } = cluster.metadata;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: ownedMetadata(cluster, objectNames(name).disruptionBudget),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selectorLabels(name) },
    },
  } as DesiredObject;
}
