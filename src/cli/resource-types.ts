/** The resource types that commands read and write: Kubernetes' own and ours. */
import { API_VERSION, GROUP, MCP_CLUSTER_KIND, MCP_CLUSTER_PLURAL, VERSION } from '../api/index.ts';
import { apiVersionOf, RESOURCES, type KubeResource, type ResourceType } from '../kube/index.ts';

export const MCP_CLUSTERS: ResourceType = {
  group: GROUP,
  version: VERSION,
  plural: MCP_CLUSTER_PLURAL,
  kind: MCP_CLUSTER_KIND,
  namespaced: true,
};

/** The type of an object from a manifest, or undefined for one that no command of ours handles. */
export function resourceTypeOf(
  object: Pick<KubeResource, 'apiVersion' | 'kind'>,
): ResourceType | undefined {
  if (object.apiVersion === API_VERSION && object.kind === MCP_CLUSTER_KIND) return MCP_CLUSTERS;
  return Object.values(RESOURCES).find(
    (type) => type.kind === object.kind && apiVersionOf(type) === object.apiVersion,
  );
}
