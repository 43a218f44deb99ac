/** Labels and annotations by which we recognise our own objects. */

export const CLUSTER_LABEL = 'mcpcluster.io/cluster';
/** On pods that take a cluster's backups: they may reach its members; the value is the cluster's name. */
export const BACKUP_LABEL = 'mcpcluster.io/backup-of';
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
export const MANAGER = 'mcp-cluster-operator';
/** What a pod runs that it only reads at its start; another value means that the pod must be replaced. */
export const CONFIG_HASH_ANNOTATION = 'mcpcluster.io/config-hash';
/** What the operator last asked for; another value means that fields it no longer wants must go. */
export const APPLIED_HASH_ANNOTATION = 'mcpcluster.io/applied-hash';
/** Share of new work that a pod gets, on the pod. */
export const WEIGHT_ANNOTATION = 'mcpcluster.io/weight';
/** Labels that tools may require of a pod, separated by commas, on the pod. */
export const CAPABILITIES_ANNOTATION = 'mcpcluster.io/capabilities';
/** On a McpCluster: the revision of the pod template whose update may go on to the pod that leads. */
export const APPROVE_UPDATE_ANNOTATION = 'mcpcluster.io/approve-update';
/** On a McpCluster: `<term>:<pod>`; while the cluster is in that term, the pod is to lead. A later term needs another one. */
export const PROMOTE_ANNOTATION = 'mcpcluster.io/promote';
/** On a pod: any value asks for it to be replaced as if its template had changed; the new pod does not have it. */
export const RESTART_ANNOTATION = 'mcpcluster.io/restart';
/** On a McpCluster: what people last asked for by a command, and who did when; for people only. */
export const LAST_COMMAND_ANNOTATION = 'mcpcluster.io/last-command';
/** On a McpCluster: another value replaces the key of `server.requestStateKey`. */
export const ROTATE_KEY_ANNOTATION = 'mcpcluster.io/rotate-request-state-key';
/** Which revision of that key a pod was started with. */
export const KEY_REVISION_ANNOTATION = 'mcpcluster.io/request-state-key-revision';

/** The labels that select the pods of a cluster; they never change. */
export function selectorLabels(cluster: string): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': 'mcp-cluster', [CLUSTER_LABEL]: cluster };
}

/** The labels of every object of a cluster. */
export function objectLabels(cluster: string): Readonly<Record<string, string>> {
  return {
    ...selectorLabels(cluster),
    'app.kubernetes.io/instance': cluster,
    [MANAGED_BY_LABEL]: MANAGER,
  };
}

/** `labels` as the text of an equality selector. */
export function selectorText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
