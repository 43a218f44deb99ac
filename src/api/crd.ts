/** The CustomResourceDefinition of McpCluster, built from the same schema as its types. */
import {
  GROUP,
  MCP_CLUSTER_KIND,
  MCP_CLUSTER_PLURAL,
  MCP_CLUSTER_SCHEMA,
  VERSION,
} from './mcp-cluster.ts';

const PRINT_COLUMNS = [
  { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas', description: 'Pods wanted' },
  { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas', description: 'Pods ready' },
  { name: 'Leader', type: 'string', jsonPath: '.status.leader', description: 'Leader of Raft' },
  { name: 'Sessions', type: 'integer', jsonPath: '.status.sessions', description: 'Sessions' },
  { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'State in a word' },
  {
    name: 'Endpoint',
    type: 'string',
    jsonPath: '.status.endpoint',
    description: 'URL for clients',
    priority: 1,
  },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
] as const;

/** The object to apply so that an API server knows McpCluster; plain data, ready for YAML or JSON. */
export function mcpClusterCrd() {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${MCP_CLUSTER_PLURAL}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind: MCP_CLUSTER_KIND,
        listKind: `${MCP_CLUSTER_KIND}List`,
        plural: MCP_CLUSTER_PLURAL,
        singular: 'mcpcluster',
        shortNames: ['mcpc'],
        categories: ['all'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: MCP_CLUSTER_SCHEMA },
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          additionalPrinterColumns: PRINT_COLUMNS,
        },
      ],
    },
  } as const;
}
