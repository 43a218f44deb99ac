/** Alerts about clusters as the operator sees them. */
import { LOOK, OF_CLUSTER, type Alerts } from '../model.ts';

const { describe, members, pods, operatorLog, raftStatus, sidecarLog, serverLog } = LOOK;

/** Of clusters that are to run. */
const AWAKE = 'unless on (namespace, name) mcp_cluster_spec_hibernated == 1';

export const CLUSTER_ALERTS: Alerts = {
  McpClusterUnavailable: {
    expr: `mcp_cluster_status_condition{type="Available",status="True"} == 0 ${AWAKE}`,
    for: '2m',
    severity: 'critical',
    labels: OF_CLUSTER,
    summary: 'McpCluster {{ $labels.namespace }}/{{ $labels.name }} serves no clients',
    description:
      'The cluster has had no agreement or no ready pod for two minutes. Clients get errors for sessions old and new.',
    runbook: {
      meaning:
        'Condition Available is not True: either a majority of the voters is missing (then McpClusterQuorumLost fires, too), or no pod is ready.',
      impact:
        'No client is served. Sessions are kept in the log, and go on when the cluster is back.',
      diagnose: [describe, pods, members, serverLog],
      mend: [
        'Pods that are Pending: see their events for what the scheduler misses (nodes, volumes, quotas).',
        'Servers that crash or are not ready: the message of the member has the last line of their log; correct the image, arguments or probes in the spec, or apply the spec from before.',
        'Without a majority: see McpClusterQuorumLost.',
      ],
    },
  },
  McpClusterQuorumLost: {
    expr: `mcp_cluster_status_condition{type="QuorumHealthy",status="False"} == 1 ${AWAKE}`,
    for: '1m',
    severity: 'critical',
    labels: OF_CLUSTER,
    summary: 'McpCluster {{ $labels.namespace }}/{{ $labels.name }} has no majority of its voters',
    description:
      'Too few voters follow a leader for anything to be agreed on: no session can begin or move.',
    runbook: {
      meaning:
        'More than half of the voters must be there and follow one leader. They are not, or a cluster that just begins has not come that far.',
      impact:
        'No session begins, moves or ends, and leases run out: within seconds every pod stops serving, so that no session is served twice. What was agreed on is safe on the volumes of the members.',
      diagnose: [
        describe,
        members,
        pods,
        { ...raftStatus, say: 'How each member sees it; compare term and leader:' },
        sidecarLog,
      ],
      mend: [
        'Bring the missing pods back: nodes, volumes, network between the pods at port 7000. As soon as a majority is there, the cluster goes on by itself.',
        'Delete no volume and no pod of a voter in the meantime: each one may be needed for the majority.',
        'Only when the volumes of a majority are lost for good, recover from the member that has most of the log. What only the others knew is lost. The message of condition QuorumHealthy holds the command; kubectl explain mcpcluster.spec.recovery says what it does, and `mcp-cluster raft recover --help` how to do it without Kubernetes.',
      ],
    },
  },
  McpClusterDegraded: {
    expr: `mcp_cluster_status_condition{type="Degraded",status="True"} == 1 ${AWAKE}`,
    for: '15m',
    severity: 'warning',
    labels: OF_CLUSTER,
    summary: 'McpCluster {{ $labels.namespace }}/{{ $labels.name }} is degraded',
    description: 'At least one pod has had a problem for a quarter of an hour.',
    runbook: {
      meaning: 'Condition Degraded names the pods and what is wrong with each.',
      impact: 'The rest serves; the next loss may be one too many.',
      diagnose: [describe, members, pods, sidecarLog, serverLog],
      mend: [
        'Do what the message of the condition says; it ends with what to do where that is known.',
        'A pod that is stuck on a node that is gone is replaced as soon as the node is deleted: kubectl delete node NAME, when it is sure not to come back.',
      ],
    },
  },
  McpClusterFewReadyPods: {
    expr: `mcp_cluster_ready_replicas < mcp_cluster_spec_replicas ${AWAKE}`,
    for: '15m',
    severity: 'warning',
    labels: OF_CLUSTER,
    summary:
      'McpCluster {{ $labels.namespace }}/{{ $labels.name }} has fewer ready pods than it shall',
    description:
      'It has {{ $value }} ready pods, fewer than spec.replicas, for a quarter of an hour.',
    runbook: {
      meaning: 'Pods are missing, starting for long, fenced, or not ready.',
      impact: 'Less capacity, and less that can be lost.',
      diagnose: [members, pods, describe],
      mend: [
        'Pending pods: see their events for what the scheduler misses.',
        'Pods that run and are not ready: the message of the member says why.',
        'Members that were fenced on purpose (spec.fencedMembers) count as not ready: lift the fence when the work is done.',
      ],
    },
  },
  McpClusterNotReconciled: {
    expr: `mcp_cluster_status_condition{type="Reconciled",status="False"} == 1 unless on (namespace, name) mcp_cluster_spec_paused == 1`,
    for: '15m',
    severity: 'warning',
    labels: OF_CLUSTER,
    summary: 'McpCluster {{ $labels.namespace }}/{{ $labels.name }} is not as its spec asks',
    description:
      'The operator has not been able to do what the spec asks for a quarter of an hour.',
    runbook: {
      meaning:
        'Condition Reconciled is False; its reason and message name the field or object in the way.',
      impact: 'The cluster runs as it did before the change.',
      diagnose: [describe, operatorLog],
      mend: [
        'ForeignObject: an object of that name belongs to somebody else; delete or rename it.',
        'Refused: the API server does not take an object; its message says why (admission, quota, a missing right).',
        'Any other reason: correct the field that the message names.',
      ],
    },
  },
  McpClusterUpdateStuck: {
    expr: `mcp_cluster_status_condition{type="Progressing",status="True"} == 1 unless on (namespace, name) mcp_cluster_spec_paused == 1`,
    for: '1h',
    severity: 'warning',
    labels: OF_CLUSTER,
    summary: 'A change of McpCluster {{ $labels.namespace }}/{{ $labels.name }} does not end',
    description: 'It has been scaling, updating or starting for an hour.',
    runbook: {
      meaning:
        'Condition Progressing has been True for an hour: its message says what waits for what.',
      impact: 'Old and new pods run side by side. Clients are served.',
      diagnose: [
        describe,
        {
          say: 'The rule that keeps each pod from being replaced:',
          run: `kubectl get mcpc -n "$NS" "$CLUSTER" -o jsonpath='{range .status.members[*]}{.name} {.blockedBy}{"\\n"}{end}'`,
        },
        pods,
      ],
      mend: [
        'A new pod that does not become ready: correct the spec, or apply the one from before; nothing else was replaced.',
        'update.mode Supervised waits for you before the leader, and a maintenance window for its time: the message says so.',
      ],
    },
  },
  McpClusterLeaderFlapping: {
    expr: 'increase(mcp_cluster_leader_changes_total[15m]) > 5',
    for: '1m',
    severity: 'warning',
    labels: OF_CLUSTER,
    summary:
      'The leader of McpCluster {{ $labels.namespace }}/{{ $labels.name }} changes all the time',
    description: 'Another pod led {{ $value | humanize }} times within a quarter of an hour.',
    runbook: {
      meaning:
        'Members do not hear the leader in time: their processors or disks are too slow, or the network between them loses packets.',
      impact:
        'With each change nothing can be agreed on for some hundred milliseconds: new sessions wait.',
      diagnose: [
        members,
        {
          say: 'Lines "raft status" show who led when:',
          run: 'kubectl logs -n "$NS" "$POD" -c sidecar --tail=500',
        },
        {
          say: 'Whether the pods are throttled:',
          run: 'kubectl top pods -n "$NS" -l mcpcluster.io/cluster="$CLUSTER" --containers',
        },
      ],
      mend: [
        'Give the sidecar more processor time, or move it off a crowded node.',
        'McpMemberSlowDisk at the same time: a faster storage class.',
        'Between far zones: longer spec.consensus.heartbeatInterval and electionTimeout.',
      ],
    },
  },
  McpClusterLogLag: {
    expr: 'mcp_cluster_log_lag_entries > 1000',
    for: '10m',
    severity: 'warning',
    labels: OF_CLUSTER,
    summary: 'Pod {{ $labels.pod }} is behind with the log',
    description:
      'It has been lacking more than 1,000 committed entries ({{ $value }} now) for ten minutes.',
    runbook: {
      meaning:
        'A member that works catches up within seconds. This one is slow, cut off, or receives a snapshot again and again.',
      impact:
        'A voter that lags does not count when another one is lost. No pod is replaced meanwhile.',
      diagnose: [members, raftStatus, sidecarLog],
      mend: [
        'A slow disk or a crowded node: move the pod (kubectl delete pod; its volume keeps the log).',
        'A network that is cut at port 7000: see the NetworkPolicies of the namespace.',
      ],
    },
  },
  McpClusterAuthorityExpiring: {
    // What it signs may last an hour only (spec.tls.certificateDuration): McpMemberCertificateNotRenewed is about that.
    expr: 'mcp_cluster_certificate_expiry_timestamp_seconds{certificate="authority"} - time() < 7 * 86400',
    for: '1h',
    severity: 'warning',
    labels: OF_CLUSTER,
    summary: 'The authority of McpCluster {{ $labels.namespace }}/{{ $labels.name }} ends soon',
    description:
      'It ends in {{ $value | humanizeDuration }}, and another one should have taken its place long before.',
    runbook: {
      meaning:
        'The authority that signs the certificates of the cluster was not replaced: by the operator, half a year before its end, or by the issuer that spec.tls.issuerRef names.',
      impact: 'When it ends, members refuse each other: the cluster loses its majority.',
      diagnose: [
        describe,
        operatorLog,
        {
          say: 'Who has signed the certificates, and until when; with an issuer of cert-manager also its requests:',
          run: 'kubectl mcp status -n "$NS" "$CLUSTER"; kubectl get certificaterequests -n "$NS"',
        },
      ],
      mend: [
        'The authority of a paused cluster is not renewed: set spec.paused to false.',
        'An operator that may not read and write Secrets, or not create tokenreviews: give it back its roles.',
        'An issuer whose own authority ends: renew that; its certificates are taken over a few minutes later.',
      ],
    },
  },
  McpClusterPaused: {
    expr: 'mcp_cluster_spec_paused == 1',
    for: '24h',
    severity: 'info',
    labels: OF_CLUSTER,
    summary: 'McpCluster {{ $labels.namespace }}/{{ $labels.name }} has been paused for a day',
    description: 'The operator changes nothing: it repairs nothing, and renews no authority.',
    runbook: {
      meaning: 'Somebody set spec.paused and may have forgotten it.',
      impact: 'Nothing is repaired.',
      diagnose: [
        {
          say: 'Who set it, and when:',
          run: 'kubectl get mcpc -n "$NS" "$CLUSTER" -o yaml --show-managed-fields',
        },
      ],
      mend: [`kubectl patch mcpc -n "$NS" "$CLUSTER" --type merge -p '{"spec":{"paused":false}}'`],
    },
  },
};
