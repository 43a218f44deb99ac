/** The McpCluster resource: its names and its TypeScript types, inferred from the schema the API server enforces. */
import type { FromSchema, Schema } from './schema.ts';
import { BACKUP_RULES } from './spec/backup.ts';
import { FENCED_RULES } from './spec/fenced-members.ts';
import { SPEC_SCHEMA } from './spec/spec.ts';
import { RECOVERY_RULES } from './spec/recovery.ts';
import { WEIGHT_RULES } from './spec/weight-rules.ts';
import { STATUS_SCHEMA, type CONDITION_TYPES } from './status-schema.ts';

export const GROUP = 'mcpcluster.io';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;
export const MCP_CLUSTER_KIND = 'McpCluster';
export const MCP_CLUSTER_PLURAL = 'mcpclusters';

/** Where the API serves McpClusters. */
export const MCP_CLUSTERS = {
  group: GROUP,
  version: VERSION,
  plural: MCP_CLUSTER_PLURAL,
  kind: MCP_CLUSTER_KIND,
  namespaced: true,
} as const;

/** `<name>-<ten characters>` must fit into a label, which has 63. */
export const NAME_LENGTH_MAX = 52;

export const MCP_CLUSTER_SCHEMA = {
  type: 'object',
  description:
    'A cluster of pods that run one MCP server and keep its sessions alive when pods die.',
  required: ['spec'],
  properties: {
    apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
    kind: { type: 'string', description: 'Kind of this object.' },
    metadata: {
      type: 'object',
      properties: { name: { type: 'string', maxLength: NAME_LENGTH_MAX } },
    },
    spec: SPEC_SCHEMA,
    status: STATUS_SCHEMA,
  },
  'x-kubernetes-validations': [
    {
      rule: "self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",
      message: 'must start with a letter and hold only a-z, 0-9 and -: Services are named after it',
      messageExpression: `'"' + self.metadata.name + '" must start with a letter and hold only a-z, 0-9 and -: Services are named after it'`,
      fieldPath: '.metadata.name',
    },
    ...WEIGHT_RULES,
    ...RECOVERY_RULES,
    ...FENCED_RULES,
    ...BACKUP_RULES,
  ],
} as const satisfies Schema;

export type McpClusterSpec = FromSchema<typeof SPEC_SCHEMA>;
export type McpClusterStatus = FromSchema<typeof STATUS_SCHEMA>;
export type McpClusterMember = NonNullable<McpClusterStatus['members']>[number];
export type Condition = NonNullable<McpClusterStatus['conditions']>[number];
export type ConditionType = (typeof CONDITION_TYPES)[number];
export type Phase = NonNullable<McpClusterStatus['phase']>;

/** What our code reads of an object's metadata. */
export interface ResourceMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A McpCluster as the API server hands it out: validated and with defaults. */
export interface McpCluster {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ResourceMetadata;
  readonly spec: McpClusterSpec;
  readonly status?: McpClusterStatus;
}
