/** The two Services of a cluster: one names every pod for its peers, the other sends clients where we say. */
import { SIDECAR_PORTS, selectorLabels, type McpCluster } from '../../api/index.ts';
import { objectNames, ownedMetadata } from './names.ts';
import type { DesiredObject } from './shapes.ts';

export const CLIENT_PORT_NAME = 'mcp';

/** Headless, with the addresses of pods that are not ready: Raft must find its peers before it can be. */
export function peerService(cluster: McpCluster): DesiredObject {
  const { name } = cluster.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMetadata(cluster, objectNames(name).peerService),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selectorLabels(name),
      ports: [
        servicePort('peer', SIDECAR_PORTS.peer),
        servicePort('gateway-peer', SIDECAR_PORTS.gatewayPeer),
        servicePort('metrics', SIDECAR_PORTS.metrics),
      ],
    },
  } as DesiredObject;
}

/** Without selector: its EndpointSlice is ours, because Kubernetes keeps sending to a lost node for 40 s or more. */
export function clientService(cluster: McpCluster): DesiredObject {
  const { name } = cluster.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMetadata(cluster, objectNames(name).clientService),
    spec: {
      type: 'ClusterIP',
      ports: [{ ...servicePort(CLIENT_PORT_NAME, cluster.spec.gateway.port), appProtocol: 'http' }],
    },
  } as DesiredObject;
}

function servicePort(name: string, port: number) {
  return { name, port, targetPort: port, protocol: 'TCP' };
}
