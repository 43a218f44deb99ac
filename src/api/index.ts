/**
 * Band 1: the resources users write. One constant schema is the source of the TypeScript types, of the
 * CustomResourceDefinition and of `kubectl explain`; what the schema cannot say (the default of `voters`) is a pure
 * function here.
 */
export { mergeConditions, type ConditionDraft } from './conditions.ts';
export { mcpClusterCrd } from './crd.ts';
export { defaultVoters } from './defaults.ts';
export {
  APPLIED_HASH_ANNOTATION,
  BACKUP_LABEL,
  CAPABILITIES_ANNOTATION,
  CLUSTER_LABEL,
  CONFIG_HASH_ANNOTATION,
  KEY_REVISION_ANNOTATION,
  MANAGED_BY_LABEL,
  MANAGER,
  objectLabels,
  APPROVE_UPDATE_ANNOTATION,
  LAST_COMMAND_ANNOTATION,
  PROMOTE_ANNOTATION,
  RESTART_ANNOTATION,
  ROTATE_KEY_ANNOTATION,
  selectorLabels,
  selectorText,
  WEIGHT_ANNOTATION,
} from './labels.ts';
export {
  API_VERSION,
  MCP_CLUSTER_KIND,
  MCP_CLUSTERS,
  type Condition,
  type McpCluster,
  type McpClusterMember,
  type McpClusterSpec,
  type McpClusterStatus,
  type Phase,
} from './mcp-cluster.ts';
export type { Schema } from './schema.ts';
export { SIDECAR_PORTS } from './spec/ports.ts';
