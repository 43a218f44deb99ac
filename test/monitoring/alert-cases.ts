/** When each alert fires and when it does not: series in the notation of promtool, a value a minute. */

export interface AlertCase {
  /** Fires with these. */
  readonly fires: Series;
  /** Labels of the alert, beside its name and severity. */
  readonly labels: Readonly<Record<string, string>>;
  /** Stays silent with these. */
  readonly silent: Series;
  /** Minutes until it fires; default: as long as it must hold, and five more. */
  readonly at?: number;
}

type Series = Readonly<Record<string, string>>;

const CLUSTER = 'namespace="team",name="tools"';
const OF_CLUSTER = { namespace: 'team', name: 'tools', mcp_cluster: 'tools' };
const MEMBER = 'namespace="team",mcp_cluster="tools",pod="tools-0"';
const OF_MEMBER = { namespace: 'team', mcp_cluster: 'tools', pod: 'tools-0' };
const SERVICE = { namespace: 'team', mcp_cluster: 'tools' };
const CONTROLLER = 'controller="mcpcluster",instance="o:9090"';

const condition = (type: string, status: string, value: string): Series => ({
  [`mcp_cluster_status_condition{${CLUSTER},type="${type}",status="${status}"}`]: value,
});
const conditionCase = (type: string, status: string, fires: '0' | '1', flag: string): AlertCase => {
  const bad = condition(type, status, `${fires}x100`);
  return {
    fires: { ...bad, [`mcp_cluster_${flag}{${CLUSTER}}`]: '0x100' },
    labels: { ...OF_CLUSTER, type, status },
    silent: { ...bad, [`mcp_cluster_${flag}{${CLUSTER}}`]: '1x100' },
  };
};
const gauge = (name: string, fires: string, silent: string, extra = ''): AlertCase => {
  const series = `mcp_cluster_${name}{${MEMBER}${extra === '' ? '' : `,peer="${extra}"`}}`;
  return {
    fires: { [series]: fires },
    labels: { ...OF_MEMBER, ...(extra === '' ? {} : { peer: extra }) },
    silent: { [series]: silent },
  };
};
const requests = (status: string, values: string): Series => ({
  [`mcp_cluster_gateway_requests_total{${MEMBER},method="tools/call",status="${status}"}`]: values,
});
/** Buckets of a histogram of which `slow` of a hundred observations a minute are above `bound`. */
const buckets = (name: string, bound: number, slow: number): Series => ({
  [`mcp_cluster_${name}_bucket{${MEMBER},le="${bound}"}`]: `0+${100 - slow}x60`,
  [`mcp_cluster_${name}_bucket{${MEMBER},le="${bound * 2}"}`]: '0+100x60',
  [`mcp_cluster_${name}_bucket{${MEMBER},le="+Inf"}`]: '0+100x60',
});
const reconciles = (errors: number): Series => ({
  [`controller_runtime_reconcile_errors_total{${CONTROLLER}}`]: `0+${errors}x60`,
  [`controller_runtime_reconcile_total{${CONTROLLER},result="success"}`]: `0+${100 - errors}x60`,
  [`controller_runtime_reconcile_total{${CONTROLLER},result="error"}`]: `0+${errors}x60`,
});
const apiRequests = (refused: number): Series => ({
  [`controller_runtime_active_workers{${CONTROLLER}}`]: '0x60',
  'rest_client_requests_total{instance="o:9090",code="200"}': `0+${100 - refused}x60`,
  'rest_client_requests_total{instance="o:9090",code="503"}': `0+${refused}x60`,
  'rest_client_requests_total{instance="another:9090",code="500"}': '0+1000x60',
});
const counter = (series: string, step: number): Series => ({ [series]: `0+${step}x60` });

/** Of a member whose certificate is to be renewed and ends so many minutes after the beginning. */
export const certificate = (dueMinutes: number, endMinutes: number): Series => ({
  [`mcp_cluster_member_certificate_renewal_due_timestamp_seconds{${MEMBER}}`]: `${dueMinutes * 60}x200`,
  [`mcp_cluster_member_certificate_expiry_timestamp_seconds{${MEMBER}}`]: `${endMinutes * 60}x200`,
});

const LEADER = 'leader_election_master_status{name="mcp-cluster-operator",instance=';
const WORKERS = `controller_runtime_max_concurrent_reconciles{${CONTROLLER}}`;
const STUCK = 'workqueue_longest_running_processor_seconds{name="mcpcluster"}';
const PANICS = `controller_runtime_reconcile_panics_total{${CONTROLLER}}`;
const CHANGES = `mcp_cluster_leader_changes_total{${CLUSTER}}`;
const LAG = `mcp_cluster_log_lag_entries{${CLUSTER},pod="tools-2"}`;
const EXPIRY = `mcp_cluster_certificate_expiry_timestamp_seconds{${CLUSTER},certificate="authority"}`;
const REJECTED = `mcp_cluster_gateway_bulkhead_rejected_total{${MEMBER},bulkhead="slow",reason="full"}`;
const LOST = `mcp_cluster_gateway_requests_lost_total{${MEMBER}}`;
const MOVES = `mcp_cluster_gateway_session_moves_total{${MEMBER},reason="owner-gone",result=`;
const [READY, WANTED] = ['ready_replicas', 'spec_replicas'].map(
  (name) => `mcp_cluster_${name}{${CLUSTER}}`,
) as [string, string];
const DAY = 86_400;

export const ALERT_CASES: Readonly<Record<string, AlertCase>> = {
  McpOperatorDown: {
    fires: { [WORKERS]: '4x2 stale' },
    labels: { controller: 'mcpcluster' },
    silent: { [WORKERS]: '4x30' },
    at: 15,
  },
  McpOperatorNoLeader: {
    fires: { [`${LEADER}"a"}`]: '0x30', [`${LEADER}"b"}`]: '0x30' },
    labels: { name: 'mcp-cluster-operator' },
    silent: { [`${LEADER}"a"}`]: '0x30', [`${LEADER}"b"}`]: '1x30' },
  },
  McpOperatorReconcileErrors: {
    fires: reconciles(20),
    labels: { controller: 'mcpcluster' },
    silent: reconciles(5),
  },
  McpOperatorPanics: {
    fires: counter(PANICS, 1),
    labels: { controller: 'mcpcluster', instance: 'o:9090' },
    silent: counter(PANICS, 0),
  },
  McpOperatorWorkStuck: {
    fires: { [STUCK]: '0+60x30' },
    labels: { name: 'mcpcluster' },
    silent: { [STUCK]: '30x30' },
  },
  McpOperatorApiFailures: { fires: apiRequests(20), labels: {}, silent: apiRequests(5) },
  McpClusterUnavailable: conditionCase('Available', 'True', '0', 'spec_hibernated'),
  McpClusterQuorumLost: conditionCase('QuorumHealthy', 'False', '1', 'spec_hibernated'),
  McpClusterDegraded: conditionCase('Degraded', 'True', '1', 'spec_hibernated'),
  McpClusterNotReconciled: conditionCase('Reconciled', 'False', '1', 'spec_paused'),
  McpClusterUpdateStuck: conditionCase('Progressing', 'True', '1', 'spec_paused'),
  McpClusterFewReadyPods: {
    fires: { [READY]: '2x30', [WANTED]: '3x30' },
    labels: OF_CLUSTER,
    silent: { [READY]: '3x30', [WANTED]: '3x30' },
  },
  McpClusterLeaderFlapping: {
    fires: counter(CHANGES, 1),
    labels: OF_CLUSTER,
    silent: counter(CHANGES, 0.2),
    at: 20,
  },
  McpClusterLogLag: {
    fires: { [LAG]: '1001x30' },
    labels: { ...OF_CLUSTER, pod: 'tools-2' },
    silent: { [LAG]: '1000x30' },
  },
  McpClusterAuthorityExpiring: {
    fires: { [EXPIRY]: `${6 * DAY}x100` },
    labels: { ...OF_CLUSTER, certificate: 'authority' },
    silent: { [EXPIRY]: `${8 * DAY}x100` },
  },
  McpClusterPaused: {
    fires: { [`mcp_cluster_spec_paused{${CLUSTER}}`]: '1x1500' },
    labels: OF_CLUSTER,
    silent: { [`mcp_cluster_spec_paused{${CLUSTER}}`]: '1x1400 0x100' },
  },
  McpClusterBackupFailing: {
    fires: condition('BackupHealthy', 'False', '1x30'),
    labels: { ...OF_CLUSTER, type: 'BackupHealthy', status: 'False' },
    silent: condition('BackupHealthy', 'False', '1x10 0x30'),
  },
  McpMemberDown: {
    fires: { [`up{${MEMBER}}`]: '0x30' },
    labels: OF_MEMBER,
    silent: { [`up{${MEMBER}}`]: '1x30', 'up{job="another"}': '0x30' },
  },
  McpMemberWithoutLeader: gauge('raft_has_leader', '0x30', '1x30'),
  McpMemberStateDivergent: gauge('raft_state_divergent', '1x30', '0x30'),
  McpMemberDiskFull: gauge('raft_disk_full', '1x30', '0x30'),
  McpMemberSlowDisk: {
    fires: buckets('wal_fsync_duration_seconds', 0.1, 10),
    labels: OF_MEMBER,
    silent: buckets('wal_fsync_duration_seconds', 0.05, 0),
    at: 20,
  },
  // Certificates of an hour; rules.test.ts has others.
  McpMemberCertificateNotRenewed: {
    fires: certificate(55, 60),
    labels: OF_MEMBER,
    silent: certificate(56.5, 61.5),
    at: 58,
  },
  McpServerDown: gauge('gateway_backend_up', '0x30', '1x30'),
  McpMemberEjected: gauge('gateway_pod_ejected', '1x60', '1x20 0x60', 'tools-1'),
  McpRequestsFailing: {
    fires: { ...requests('200', '0+90x60'), ...requests('503', '0+10x60') },
    labels: SERVICE,
    silent: { ...requests('200', '0+98x60'), ...requests('503', '0+2x60') },
    at: 20,
  },
  McpRequestsLost: {
    fires: { ...requests('200', '0+100x60'), ...counter(LOST, 5) },
    labels: SERVICE,
    silent: { ...requests('200', '0+100x60'), ...counter(LOST, 0.5) },
    at: 15,
  },
  McpSessionMovesFailing: {
    fires: counter(`${MOVES}"failed"}`, 1),
    labels: { ...SERVICE, result: 'failed' },
    silent: counter(`${MOVES}"moved"}`, 1),
    at: 15,
  },
  McpSessionMovesSlow: {
    fires: buckets('gateway_session_move_seconds', 5, 20),
    labels: SERVICE,
    silent: buckets('gateway_session_move_seconds', 2.5, 0),
    at: 20,
  },
  McpBulkheadRejecting: {
    fires: counter(REJECTED, 60),
    labels: { ...SERVICE, bulkhead: 'slow', reason: 'full' },
    silent: counter(REJECTED, 1),
    at: 25,
  },
  McpBreakerOpen: {
    fires: { [`mcp_cluster_gateway_breakers_open{${MEMBER},peer="tools-1"}`]: '1x30' },
    labels: OF_MEMBER,
    silent: { [`mcp_cluster_gateway_breakers_open{${MEMBER},peer="tools-1"}`]: '1x8 0x30' },
  },
};
