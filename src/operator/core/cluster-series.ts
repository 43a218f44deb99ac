/** What the operator exports of a cluster: name, labels and value of each time series, read off the resource and its status. */
import type { McpCluster, McpClusterStatus } from '../../api/index.ts';
import { timeSeconds } from '../../std/index.ts';

/** Help and labels (after `namespace` and `name`) of each gauge of a cluster, by the name after `mcp_cluster_`. */
export const CLUSTER_GAUGES = {
  status_condition: {
    help: 'Conditions of McpClusters: 1 for the state each one is in.',
    labels: ['type', 'status'],
  },
  info: {
    help: 'What a McpCluster runs; always 1.',
    labels: ['image', 'transport'],
  },
  spec_paused: {
    help: '1 while spec.paused keeps the operator from changing a McpCluster.',
    labels: [],
  },
  spec_hibernated: { help: '1 while spec.hibernated keeps a McpCluster without pods.', labels: [] },
  spec_replicas: { help: 'Pods a McpCluster shall have.', labels: [] },
  replicas: { help: 'Pods a McpCluster has.', labels: [] },
  ready_replicas: { help: 'Pods of a McpCluster that clients are sent to.', labels: [] },
  voters: { help: 'Pods of a McpCluster that vote in Raft.', labels: [] },
  members: { help: 'Pods of a McpCluster by their role in Raft.', labels: ['role'] },
  log_lag_entries: {
    help: 'Committed entries of the log that a pod is not yet known to hold.',
    labels: ['pod'],
  },
  sessions: { help: 'Sessions of a McpCluster.', labels: [] },
  backup_last_success_timestamp_seconds: {
    help: 'When the last backup of a McpCluster was complete, in seconds since 1970; absent before the first.',
    labels: [],
  },
  term: { help: 'Raft term of a McpCluster.', labels: [] },
} as const;

type ClusterGauge = keyof typeof CLUSTER_GAUGES;

export interface Sample {
  readonly gauge: ClusterGauge;
  /** Beside namespace and name. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const ROLES = ['Leader', 'Follower', 'Candidate', 'Learner', 'Unknown'] as const;
const STATES = ['True', 'False', 'Unknown'] as const;

/** At most 16 series and 3 for each condition, and one for each pod; nothing that is not known. */
export function clusterSamples(cluster: McpCluster, status: McpClusterStatus): readonly Sample[] {
  const { spec } = cluster;
  const lastBackup = status.backup?.lastSuccessTime;
  const { members = [], conditions = [], commitIndex } = status;
  const one = (gauge: ClusterGauge, value: number | undefined): Sample[] =>
    value === undefined ? [] : [{ gauge, labels: {}, value }];
  const { image, transport } = spec.server;
  return [
    ...conditions.flatMap(({ type, status: state }) =>
      STATES.map((each): Sample => ({
        gauge: 'status_condition',
        labels: { type, status: each },
        value: each === state ? 1 : 0,
      })),
    ),
    { gauge: 'info', labels: { image, transport }, value: 1 },
    ...one('spec_paused', spec.paused ? 1 : 0),
    ...one('spec_hibernated', spec.hibernated ? 1 : 0),
    ...one('spec_replicas', spec.replicas),
    ...one('replicas', status.replicas),
    ...one('ready_replicas', status.readyReplicas),
    ...one('voters', status.voters),
    ...one('sessions', status.sessions),
    ...one('term', status.term),
    ...one(
      'backup_last_success_timestamp_seconds',
      lastBackup === undefined ? undefined : timeSeconds(lastBackup),
    ),
    ...ROLES.map((role): Sample => ({
      gauge: 'members',
      labels: { role: role.toLowerCase() },
      value: members.filter((member) => member.role === role).length,
    })),
    ...members.flatMap(({ name: pod, matchIndex }): Sample[] => {
      if (matchIndex === undefined || commitIndex === undefined) return [];
      const value = Math.max(0, commitIndex - matchIndex);
      return [{ gauge: 'log_lag_entries', labels: { pod }, value }];
    }),
  ];
}
