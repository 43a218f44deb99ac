/** Who may reach the pods of a cluster: clients the gateway, peers and the operator the rest, nobody the MCP server's own port. */
import { BACKUP_LABEL, selectorLabels, SIDECAR_PORTS, type McpCluster } from '../../api/index.ts';
import { objectNames, ownedMetadata } from './names.ts';
import type { DesiredObject } from './shapes.ts';

const tcp = (...ports: readonly number[]) => ports.map((port) => ({ protocol: 'TCP', port }));

/**
 * The MCP server's port asks nobody who they are, so it stays shut. The port of health and metrics is open: probes come from
 * the node, scrapes from anywhere. Pods of `operatorNamespace` reach the sidecars' administration; without it, when the operator
 * runs outside of Kubernetes, everybody reaches that port, which speaks to holders of the cluster's certificate only.
 */
export function networkPolicy(cluster: McpCluster, operatorNamespace?: string): DesiredObject {
  const { name } = cluster.metadata;
  const { networkPolicy: wanted, gateway } = cluster.spec;
  const podSelector = { matchLabels: selectorLabels(name) };
  const operator =
    operatorNamespace === undefined
      ? undefined
      : {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': operatorNamespace } },
        };
  // Who takes backups needs the cluster's certificate besides.
  const backups = { podSelector: { matchLabels: { [BACKUP_LABEL]: name } } };
  const clients = wanted.clients.length > 0 ? { from: wanted.clients } : {};
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: ownedMetadata(cluster, objectNames(name).networkPolicy),
    spec: {
      podSelector,
      policyTypes: ['Ingress'],
      ingress: [
        { ports: tcp(gateway.port), ...clients },
        { ports: tcp(SIDECAR_PORTS.gatewayPeer, SIDECAR_PORTS.peer), from: [{ podSelector }] },
        {
          ports: tcp(SIDECAR_PORTS.peer),
          ...(operator === undefined ? {} : { from: [operator, backups] }),
        },
        { ports: tcp(SIDECAR_PORTS.metrics) },
        ...wanted.ingress,
      ],
    },
  } as DesiredObject;
}
