/** McpCluster as a resource type of the client. */
import { GROUP, MCP_CLUSTER_KIND, MCP_CLUSTER_PLURAL, VERSION } from '../api/index.ts';
import type { ResourceType } from '../kube/index.ts';

export const MCP_CLUSTERS: ResourceType = {
  group: GROUP,
  version: VERSION,
  plural: MCP_CLUSTER_PLURAL,
  kind: MCP_CLUSTER_KIND,
  namespaced: true,
};
