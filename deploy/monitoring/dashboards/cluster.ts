/** The dashboard of a cluster: conditions, members, the agreed log, membership, resources. */
import { CLUSTERS, MEMBERS, type Dashboard, type Row } from './model.ts';

const RATE = '[$__rate_interval]';
const PODS = 'namespace, mcp_cluster, pod';

const overview: Row = {
  title: 'Overview',
  panels: [
    {
      title: 'Available',
      description: 'Clients are served: a majority and a ready pod.',
      kind: 'stat',
      unit: 'bool_on_off',
      queries: [
        {
          expr: `min(mcp_cluster_status_condition{${CLUSTERS},type="Available",status="True"})`,
          legend: 'available',
        },
      ],
      redBelow: 1,
    },
    {
      title: 'Majority',
      description: 'Enough voters follow a leader.',
      kind: 'stat',
      unit: 'bool_on_off',
      queries: [
        {
          expr: `min(mcp_cluster_status_condition{${CLUSTERS},type="QuorumHealthy",status="True"})`,
          legend: 'majority',
        },
      ],
      redBelow: 1,
    },
    {
      title: 'Pods that are missing or not ready',
      description: 'spec.replicas without the ready ones.',
      kind: 'stat',
      unit: 'short',
      queries: [
        {
          expr: `sum(mcp_cluster_spec_replicas{${CLUSTERS}} - mcp_cluster_ready_replicas{${CLUSTERS}})`,
          legend: 'missing',
        },
      ],
      redFrom: 1,
    },
    {
      title: 'First certificate to end',
      description: 'Of the authorities, the operator and the members.',
      kind: 'stat',
      unit: 'dateTimeFromNow',
      queries: [
        {
          expr: `min(mcp_cluster_certificate_expiry_timestamp_seconds{${CLUSTERS}}) * 1000`,
          legend: 'authority or operator',
        },
        {
          expr: `min(mcp_cluster_member_certificate_expiry_timestamp_seconds{${MEMBERS}}) * 1000`,
          legend: 'member',
        },
      ],
    },
  ],
};

const condition: Row = {
  title: 'Condition',
  panels: [
    {
      title: 'Conditions',
      description: 'State of each condition.',
      kind: 'table',
      unit: 'short',
      queries: [
        {
          expr: `sum by (namespace, name, type, status) (mcp_cluster_status_condition{${CLUSTERS}} == 1)`,
          legend: '{{type}} {{status}}',
        },
      ],
    },
    {
      title: 'What runs',
      description: 'Image and transport of the MCP server.',
      kind: 'table',
      unit: 'short',
      queries: [
        {
          expr: `max by (namespace, name, image, transport) (mcp_cluster_info{${CLUSTERS}})`,
          legend: '{{name}}',
        },
      ],
    },
    {
      title: 'Members by role',
      description: 'Of Raft, as the operator sees them.',
      kind: 'series',
      unit: 'short',
      stacked: true,
      queries: [{ expr: `sum by (role) (mcp_cluster_members{${CLUSTERS}})`, legend: '{{role}}' }],
    },
    {
      title: 'Pods',
      description: 'Asked for, there, and ready.',
      kind: 'series',
      unit: 'short',
      queries: [
        { expr: `sum(mcp_cluster_spec_replicas{${CLUSTERS}})`, legend: 'asked for' },
        { expr: `sum(mcp_cluster_replicas{${CLUSTERS}})`, legend: 'there' },
        { expr: `sum(mcp_cluster_ready_replicas{${CLUSTERS}})`, legend: 'ready' },
        { expr: `sum(mcp_cluster_voters{${CLUSTERS}})`, legend: 'voters' },
      ],
    },
  ],
};

const log: Row = {
  title: 'The agreed log',
  panels: [
    {
      title: 'Term and leader changes',
      description:
        'A term that grows without a pod having died means that members do not hear the leader in time.',
      kind: 'series',
      unit: 'short',
      queries: [
        {
          expr: `max by (namespace, name) (mcp_cluster_term{${CLUSTERS}})`,
          legend: 'term {{name}}',
        },
        {
          expr: `sum by (namespace, name) (increase(mcp_cluster_leader_changes_total{${CLUSTERS}}${RATE}))`,
          legend: 'changes {{name}}',
        },
      ],
    },
    {
      title: 'Lag',
      description: 'Committed entries that a pod is not yet known to hold.',
      kind: 'series',
      unit: 'short',
      queries: [{ expr: `mcp_cluster_log_lag_entries{${CLUSTERS}}`, legend: '{{pod}}' }],
    },
    {
      title: 'Entries',
      description: 'Committed a second, by member.',
      kind: 'series',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (${PODS}) (rate(mcp_cluster_raft_commit_index{${MEMBERS}}${RATE}))`,
          legend: 'committed {{pod}}',
        },
        {
          expr: `sum by (${PODS}) (rate(mcp_cluster_raft_applied_index{${MEMBERS}}${RATE}))`,
          legend: 'applied {{pod}}',
        },
      ],
    },
    {
      title: 'Until a write is durable',
      description: '99th percentile of writing and flushing the log.',
      kind: 'series',
      unit: 's',
      queries: [
        {
          expr: `histogram_quantile(0.99, sum by (${PODS}, le) (rate(mcp_cluster_wal_fsync_duration_seconds_bucket{${MEMBERS}}${RATE})))`,
          legend: '{{pod}}',
        },
      ],
    },
    {
      title: 'Proposals',
      description: 'What members asked to be agreed on, by how it ended.',
      kind: 'series',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (result) (rate(mcp_cluster_raft_proposals_total{${MEMBERS}}${RATE})) or vector(0)`,
          legend: '{{result}}',
        },
      ],
    },
    {
      title: 'Keys of the store',
      description: 'Keys, leases and events that are kept, by member.',
      kind: 'series',
      unit: 'short',
      queries: [
        { expr: `max by (${PODS}) (mcp_cluster_store_keys{${MEMBERS}})`, legend: 'keys {{pod}}' },
        {
          expr: `max by (${PODS}) (mcp_cluster_store_leases{${MEMBERS}})`,
          legend: 'leases {{pod}}',
        },
      ],
    },
  ],
};

const peers: Row = {
  title: 'Members among themselves',
  panels: [
    {
      title: 'Members as gossip sees them',
      description: 'From every member’s own view; suspect or dead ones are the interesting ones.',
      kind: 'series',
      unit: 'short',
      queries: [
        { expr: `max by (state) (mcp_cluster_gossip_members{${MEMBERS}})`, legend: '{{state}}' },
      ],
    },
    {
      title: 'Calls of gossip',
      description: 'By how they ended.',
      kind: 'series',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (result) (rate(mcp_cluster_gossip_calls_total{${MEMBERS}}${RATE}))`,
          legend: '{{result}}',
        },
      ],
    },
    {
      title: 'Messages of Raft',
      description: 'Sent, and not sent because a peer was not there or did not read on.',
      kind: 'series',
      unit: 'ops',
      queries: [
        {
          expr: `sum(rate(mcp_cluster_raft_messages_sent_total{${MEMBERS}}${RATE}))`,
          legend: 'sent',
        },
        {
          expr: `sum(rate(mcp_cluster_raft_messages_dropped_total{${MEMBERS}}${RATE})) or vector(0)`,
          legend: 'not sent',
        },
      ],
    },
    {
      title: 'What is wrong with members',
      description:
        'Members without a leader, with a full disk, with another state than the others.',
      kind: 'series',
      unit: 'short',
      queries: [
        {
          expr: `count(mcp_cluster_raft_has_leader{${MEMBERS}} == 0) or vector(0)`,
          legend: 'no leader',
        },
        { expr: `sum(mcp_cluster_raft_disk_full{${MEMBERS}})`, legend: 'disk full' },
        { expr: `sum(mcp_cluster_raft_state_divergent{${MEMBERS}})`, legend: 'divergent' },
      ],
    },
    {
      title: 'Until certificates are renewed',
      description: 'Below zero: the renewal is late. The pod works until its certificate ends.',
      kind: 'series',
      unit: 's',
      queries: [
        {
          expr: `mcp_cluster_member_certificate_renewal_due_timestamp_seconds{${MEMBERS}} - time()`,
          legend: 'due {{pod}}',
        },
      ],
    },
    {
      title: 'Certificates that were not given',
      description: 'Requests of members that ended without one, by reason.',
      kind: 'series',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (reason) (rate(mcp_cluster_member_certificate_renewal_failures_total{${MEMBERS}}${RATE}))`,
          legend: '{{reason}}',
        },
      ],
    },
  ],
};

const resources: Row = {
  title: 'Resources',
  panels: [
    {
      title: 'Memory',
      description: 'Resident: sidecars, and the MCP servers beside them.',
      kind: 'series',
      unit: 'bytes',
      queries: [
        { expr: `process_resident_memory_bytes{${MEMBERS}}`, legend: 'sidecar {{pod}}' },
        { expr: `mcp_cluster_gateway_server_memory_bytes{${MEMBERS}}`, legend: 'server {{pod}}' },
      ],
    },
    {
      title: 'Processor',
      description: 'Cores in use: sidecars, and the MCP servers beside them.',
      kind: 'series',
      unit: 'short',
      queries: [
        { expr: `rate(process_cpu_seconds_total{${MEMBERS}}${RATE})`, legend: 'sidecar {{pod}}' },
        { expr: `mcp_cluster_gateway_server_cpu_cores{${MEMBERS}}`, legend: 'server {{pod}}' },
      ],
    },
    {
      title: 'Lag of the event loop',
      description: '99th percentile: how long work waits for the processor in a sidecar.',
      kind: 'series',
      unit: 's',
      queries: [{ expr: `nodejs_eventloop_lag_p99_seconds{${MEMBERS}}`, legend: '{{pod}}' }],
    },
  ],
};

export const CLUSTER_DASHBOARD: Dashboard = {
  uid: 'mcp-cluster',
  title: 'MCP / Cluster',
  description: 'Conditions, members, the agreed log and resources of McpClusters.',
  perCluster: true,
  rows: [overview, condition, log, peers, resources],
};
