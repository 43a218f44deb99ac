/** What every object of a cluster is called, and the addresses that follow from it. */
import { API_VERSION, MCP_CLUSTER_KIND, objectLabels, type McpCluster } from '../../api/index.ts';
import type { DesiredObject, Owner } from './shapes.ts';

export const SERVER_CONTAINER = 'server';
export const SIDECAR_CONTAINER = 'sidecar';

export interface ObjectNames {
  readonly statefulSet: string;
  readonly clientService: string;
  readonly peerService: string;
  readonly configMap: string;
  /** Whose certificates the pods accept when an issuer signs, and since when. */
  readonly issuerConfigMap: string;
  readonly authoritySecret: string;
  readonly trustMap: string;
  readonly requestStateSecret: string;
  readonly serviceAccount: string;
  readonly disruptionBudget: string;
  readonly endpointSlice: string;
  readonly networkPolicy: string;
  readonly backupCronJob: string;
  readonly backupClaim: string;
  readonly firstBackupJob: string;
  readonly restoreJob: string;
}

export function objectNames(cluster: string): ObjectNames {
  return {
    statefulSet: cluster,
    clientService: cluster,
    peerService: `${cluster}-peers`,
    configMap: `${cluster}-config`,
    issuerConfigMap: `${cluster}-issuer`,
    authoritySecret: `${cluster}-ca`,
    trustMap: `${cluster}-trust`,
    requestStateSecret: `${cluster}-request-state`,
    serviceAccount: cluster,
    disruptionBudget: cluster,
    endpointSlice: `${cluster}-clients`,
    networkPolicy: cluster,
    backupCronJob: `${cluster}-backup`,
    backupClaim: `${cluster}-backup`,
    firstBackupJob: `${cluster}-backup-first`,
    restoreJob: `${cluster}-restore`,
  };
}

/** Name of the pod with this ordinal, which is also the member's name. */
export function podName(cluster: string, ordinal: number): string {
  return `${cluster}-${ordinal}`;
}

/** Ordinal of a pod of the cluster; undefined for a name that is not one of its pods'. */
export function podOrdinal(cluster: string, pod: string): number | undefined {
  const digits = pod.startsWith(`${cluster}-`) ? pod.slice(cluster.length + 1) : '';
  return /^(0|[1-9]\d*)$/.test(digits) ? Number(digits) : undefined;
}

/** Name of the volume claim of a pod, and of its volume. */
export const DATA_VOLUME = 'data';

/** Name of the claim that the StatefulSet controller makes for a pod. */
export function volumeClaimName(pod: string): string {
  return `${DATA_VOLUME}-${pod}`;
}

/** DNS name that a pod's certificate carries. */
export function podHost(cluster: McpCluster, pod: string): string {
  return `${pod}.${peersHost(cluster)}`;
}

/** DNS name for whoever is content with any pod; every pod's certificate carries it, too. */
export function peersHost({ metadata: { name, namespace } }: McpCluster): string {
  return `${objectNames(name).peerService}.${namespace}.svc`;
}

/** Where clients inside Kubernetes reach the cluster. */
export function endpointUrl(cluster: McpCluster): string {
  const { name, namespace } = cluster.metadata;
  const { port, path } = cluster.spec.gateway;
  return `http://${objectNames(name).clientService}.${namespace}.svc:${port}${path}`;
}

/** The reference that lets an object go with its cluster. */
export function ownerOf(cluster: McpCluster): Owner {
  return {
    apiVersion: API_VERSION,
    kind: MCP_CLUSTER_KIND,
    name: cluster.metadata.name,
    uid: cluster.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** The metadata of an object of the cluster: what the spec lets all of them inherit, and over it what is ours. */
export function ownedMetadata(
  cluster: McpCluster,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): DesiredObject['metadata'] {
  const inherited = cluster.spec.inheritedMetadata;
  return {
    name,
    namespace: cluster.metadata.namespace,
    labels: { ...inherited?.labels, ...objectLabels(cluster.metadata.name), ...labels },
    ...(inherited?.annotations === undefined ? {} : { annotations: inherited.annotations }),
    ownerReferences: [ownerOf(cluster)],
  };
}
