/** The EndpointSlice of the client Service: the pods that the cluster itself says can serve. */
import type { McpCluster } from '../../api/index.ts';
import { isRestoring } from './backup-health.ts';
import { CLIENT_PORT_NAME } from './services.ts';
import { objectNames, ownedMetadata } from './names.ts';
import { isTerminating, type DesiredObject } from './shapes.ts';
import type { MemberView } from './view.ts';

/** Value of the label by which Kubernetes' own controller knows that a slice is not its. */
const SLICE_MANAGER = 'mcp-cluster-operator.mcpcluster.io';

/** One endpoint for each pod that has an address, none of them ready before the cluster has what it begins with. IPv4 unless the first address is not. */
export function endpointSlice(cluster: McpCluster, members: readonly MemberView[]): DesiredObject {
  const { name } = cluster.metadata;
  const addressed = members.filter((member) => member.pod?.status?.podIP !== undefined);
  const family = addressed[0]?.pod?.status?.podIP?.includes(':') === true ? 'IPv6' : 'IPv4';
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: ownedMetadata(cluster, `${objectNames(name).endpointSlice}-${family.toLowerCase()}`, {
      'kubernetes.io/service-name': objectNames(name).clientService,
      'endpointslice.kubernetes.io/managed-by': SLICE_MANAGER,
    }),
    addressType: family,
    ports: [
      {
        name: CLIENT_PORT_NAME,
        port: cluster.spec.gateway.port,
        protocol: 'TCP',
        appProtocol: 'http',
      },
    ],
    endpoints: addressed
      .filter(({ pod }) => pod?.status?.podIP?.includes(':') === (family === 'IPv6'))
      .map((member) => endpoint(member, isRestoring(cluster))),
  } as DesiredObject;
}

function endpoint(member: MemberView, restoring: boolean): object {
  const { pod } = member;
  const nodeName = pod?.spec?.nodeName;
  return {
    addresses: [pod?.status?.podIP],
    conditions: {
      ready: member.ready && !restoring,
      serving: member.serving && !restoring,
      terminating: pod !== undefined && isTerminating(pod),
    },
    hostname: member.name,
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: {
      kind: 'Pod',
      namespace: pod?.metadata.namespace,
      name: member.name,
      uid: pod?.metadata.uid,
    },
  };
}
