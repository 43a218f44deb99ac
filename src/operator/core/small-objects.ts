/** The objects of a cluster that hold little: Secrets, ServiceAccount, PodDisruptionBudget. */
import { selectorLabels, type McpCluster } from '../../api/index.ts';
import { objectNames, ownedMetadata } from './names.ts';
import type { DesiredObject } from './shapes.ts';
import { majority } from './quorum.ts';
import { isPodReady, type ClusterView } from './view.ts';

export interface Secret extends DesiredObject {
  readonly type?: string;
  /** Values in base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** Private key and certificate of the cluster's own authority; mounted nowhere. `data` is in base64. */
export function authoritySecret(
  cluster: McpCluster,
  data: {
    readonly 'ca.crt': string;
    readonly 'ca.key': string;
    /** The authority before this one, as long as it is trusted. */
    readonly 'previous.crt'?: string;
    readonly 'previous.key'?: string;
  },
): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: ownedMetadata(cluster, objectNames(cluster.metadata.name).authoritySecret),
    type: 'Opaque',
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

/**
 * As many pods may be evicted as the quorum can spare voters now, beside those that are down already, for these Kubernetes
 * counts too. A pod that is not ready may always be evicted, or a drain could never end, unless the quorum needs its sidecar.
 * A cluster with one voter cannot be drained without an interruption.
 */
export function disruptionBudget(cluster: McpCluster, view: ClusterView): DesiredObject {
  const { name } = cluster.metadata;
  // Who is on its way out is down, for Kubernetes and for us, though its sidecar follows to the end.
  const down = view.members.filter(
    ({ pod, terminating }) => pod === undefined || terminating || !isPodReady(pod),
  );
  const staying = view.members.filter(
    ({ voter, caughtUp, terminating }) => voter && caughtUp && !terminating,
  );
  const spare = Math.max(0, staying.length - majority(view.voters));
  const needed = down.filter((member) => staying.includes(member)).length;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: ownedMetadata(cluster, objectNames(name).disruptionBudget),
    spec: {
      maxUnavailable: view.voters === 1 ? 1 : spare + down.length,
      unhealthyPodEvictionPolicy: needed > spare ? 'IfHealthyBudget' : 'AlwaysAllow',
      selector: { matchLabels: selectorLabels(name) },
    },
  } as DesiredObject;
}
