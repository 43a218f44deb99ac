/** The resource types that commands read and write: Kubernetes' own and ours. */
import { API_VERSION, MCP_CLUSTER_KIND, MCP_CLUSTERS } from '../api/index.ts';
import { apiVersionOf, RESOURCES, type KubeResource, type ResourceType } from '../kube/index.ts';

/** The type of an object from a manifest, or undefined for one that no command of ours handles. */
export function resourceTypeOf(
  object: Pick<KubeResource, 'apiVersion' | 'kind'>,
): ResourceType | undefined {
  if (object.apiVersion === API_VERSION && object.kind === MCP_CLUSTER_KIND) return MCP_CLUSTERS;
  return Object.values(RESOURCES).find(
    (type) => type.kind === object.kind && apiVersionOf(type) === object.apiVersion,
  );
}
