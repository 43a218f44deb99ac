/** Alerts about single members, from what their sidecars export: they work without the operator, too. */
import { LOOK, type Alerts } from '../model.ts';

const { describe, members, operatorLog, operatorPods, pods, raftStatus, sidecarLog, serverLog } =
  LOOK;

const EXPIRY = 'mcp_cluster_member_certificate_expiry_timestamp_seconds';
const DUE = 'mcp_cluster_member_certificate_renewal_due_timestamp_seconds';

export const MEMBER_ALERTS: Alerts = {
  McpMemberDown: {
    expr: 'up{mcp_cluster!=""} == 0',
    for: '5m',
    severity: 'warning',
    summary: 'The sidecar of {{ $labels.namespace }}/{{ $labels.pod }} does not answer Prometheus',
    description: 'Its metrics have not been read for five minutes, though the pod exists.',
    runbook: {
      meaning:
        'The sidecar does not run, is cut off, or a NetworkPolicy keeps Prometheus from port 9090.',
      impact:
        'If it is down, its sessions have moved to other pods. If it is only cut off from Prometheus, none.',
      diagnose: [pods, members, sidecarLog],
      mend: [
        'If the cluster is whole and only the metrics are missing: allow Prometheus to reach port 9090 of the pods.',
        'Otherwise see McpClusterDegraded.',
      ],
    },
  },
  McpMemberWithoutLeader: {
    expr: 'mcp_cluster_raft_has_leader == 0',
    for: '1m',
    severity: 'critical',
    summary: '{{ $labels.namespace }}/{{ $labels.pod }} knows no leader',
    description: 'It has not known who leads for a minute: it serves no sessions.',
    runbook: {
      meaning:
        'The member is cut off from the majority, or there is none. A leader is elected within half a second otherwise.',
      impact:
        'This pod gives its sessions up when their leases end. If every pod says so, nobody is served: see McpClusterQuorumLost.',
      diagnose: [
        members,
        { ...raftStatus, say: 'How each member sees it; compare term and leader:' },
        sidecarLog,
      ],
      mend: [
        'One pod only: the network between it and the others at port 7000 (NetworkPolicy, node), or its certificate (the log says so).',
        'Every pod: see McpClusterQuorumLost.',
      ],
    },
  },
  McpMemberStateDivergent: {
    expr: 'mcp_cluster_raft_state_divergent == 1',
    for: '1m',
    severity: 'critical',
    summary:
      'The state of {{ $labels.namespace }}/{{ $labels.pod }} differs from that of a majority',
    description:
      'The checksums of what it has applied are not those of the others. It has stopped serving by itself.',
    runbook: {
      meaning:
        'Members that applied the same entries have the same state. This one has not: memory or disk failed, or there is a mistake in the program.',
      impact:
        'The member neither reads, leads nor serves, so nothing wrong is told to clients. One member less.',
      diagnose: [
        raftStatus,
        sidecarLog,
        {
          say: 'Whether its node complains about memory or disk:',
          run: 'kubectl describe node "$(kubectl get pod -n "$NS" "$POD" -o jsonpath=\'{.spec.nodeName}\')"',
        },
      ],
      mend: [
        'Let the member begin anew with an empty volume: kubectl delete pvc -n "$NS" "data-$POD" --wait=false, then kubectl delete pod -n "$NS" "$POD". It gets the state from the leader. One member at a time, and only while the others are a majority.',
        'Keep the log of the sidecar and report it: with healthy hardware this must not happen.',
      ],
    },
  },
  McpMemberDiskFull: {
    expr: 'mcp_cluster_raft_disk_full == 1',
    for: '1m',
    severity: 'critical',
    summary: 'The volume of {{ $labels.namespace }}/{{ $labels.pod }} is full',
    description: 'The member cannot write its log. It goes on by itself as soon as there is room.',
    runbook: {
      meaning:
        'Writing the log failed for want of room. The log is cut by snapshots, so it stays small unless the volume is.',
      impact:
        'The member votes for nobody and acknowledges nothing. With a majority in this state nothing is agreed on any more.',
      diagnose: [
        {
          say: 'How large the volume is:',
          run: 'kubectl get pvc -n "$NS" -l mcpcluster.io/cluster="$CLUSTER"',
        },
        raftStatus,
        sidecarLog,
      ],
      mend: [
        `Enlarge it where the storage class allows that: kubectl patch mcpc -n "$NS" "$CLUSTER" --type merge -p '{"spec":{"storage":{"size":"4Gi"}}}'`,
        'On a shared disk, free room on the node.',
      ],
    },
  },
  McpMemberSlowDisk: {
    expr: `histogram_quantile(0.99, sum by (namespace, mcp_cluster, pod, le) (rate(mcp_cluster_wal_fsync_duration_seconds_bucket[5m]))) > 0.1`,
    for: '10m',
    severity: 'warning',
    summary: 'The disk of {{ $labels.namespace }}/{{ $labels.pod }} is slow',
    description:
      'One write of a hundred takes longer than {{ $value | humanizeDuration }} until it is durable.',
    runbook: {
      meaning:
        'Every agreement waits for the disks of a majority. A disk of a laptop takes a few milliseconds.',
      impact:
        'New sessions and moves take as long as the disk. Requests of sessions that exist do not wait for it.',
      diagnose: [
        {
          say: 'Which storage class it has:',
          run: 'kubectl get pvc -n "$NS" -l mcpcluster.io/cluster="$CLUSTER"',
        },
        {
          say: 'Where the pod runs, and with whom:',
          run: 'kubectl get pods -A -o wide --field-selector spec.nodeName="$(kubectl get pod -n "$NS" "$POD" -o jsonpath=\'{.spec.nodeName}\')"',
        },
        members,
      ],
      mend: [
        'Use a storage class on local or solid-state disks.',
        'Move what fills the same disk elsewhere.',
      ],
    },
  },
  McpMemberCertificateNotRenewed: {
    // As `overdueAt` in src/sidecar/identity/renewal.ts, by which the member reports itself.
    expr: `time() - ${DUE} > clamp_max((${EXPIRY} - ${DUE}) / 4, 3600)`,
    for: '1m',
    severity: 'warning',
    summary: '{{ $labels.namespace }}/{{ $labels.pod }} cannot renew its certificate',
    description:
      'It was to be renewed {{ $value | humanizeDuration }} ago. The pod works until the certificate ends that it has.',
    runbook: {
      meaning:
        'A pod asks the operator for its next certificate spec.tls.renewBefore ahead of the end of the one it has, and asks again within seconds as long as it gets none. It has got none for an hour, or for a quarter of the time that was left. McpClusterAuthorityExpiring is about the authority that signs these certificates.',
      impact:
        'None yet. When its certificate ends, the other members and the operator refuse the pod: it serves nobody, and its sessions move to the others. If every pod is concerned, the cluster loses its majority.',
      diagnose: [
        {
          say: 'Condition Degraded says until when the certificate lasts, and why there is no other one:',
          run: 'kubectl describe mcpc -n "$NS" "$CLUSTER"',
        },
        {
          say: 'How often it was refused, by reason (`no-answer`: it did not reach the operator):',
          run: 'kubectl get --raw "/api/v1/namespaces/$NS/pods/$POD:9090/proxy/metrics" | grep mcp_cluster_member_certificate',
        },
        {
          ...sidecarLog,
          say: 'What it asked, and what it was told ("waiting for a certificate"):',
        },
        {
          ...operatorLog,
          say: 'What the operator answered ("certificate not issued"), if the pod reached it:',
        },
        operatorPods,
      ],
      mend: [
        'no-answer: let the operator run, and let the pod reach its Service: allow that in NetworkPolicies of the namespace and in firewalls.',
        'token-refused, token-without-pod, pod-gone: kubectl delete pod -n "$NS" "$POD", one pod at a time; the new one comes with a new token.',
        'pod-foreign, names-refused: the pod was not made by the StatefulSet of this cluster, or by another release of the operator: kubectl mcp restart replaces the pods one by one.',
        'signer-refused, certificate-pending: the issuer that spec.tls.issuerRef names; condition Reconciled says what it answered.',
        'unavailable: the API server does not answer the operator, or refuses it a right: see the log of the operator, and McpOperatorApiFailures.',
      ],
    },
  },
  McpServerDown: {
    expr: 'mcp_cluster_gateway_backend_up == 0',
    for: '5m',
    severity: 'warning',
    summary: 'The MCP server of {{ $labels.namespace }}/{{ $labels.pod }} does not answer',
    description: 'The gateway beside it has not been able to reach it for five minutes.',
    runbook: {
      meaning:
        'The readiness probe of the server fails: it does not run, does not listen on spec.server.port, or hangs.',
      impact: 'The pod gets no clients. Its sessions have moved to other pods.',
      diagnose: [
        members,
        serverLog,
        {
          say: 'How often it was restarted, and why:',
          run: 'kubectl describe pod -n "$NS" "$POD"',
        },
      ],
      mend: [
        'Correct port, path, command or resources of spec.server; kubectl explain mcpcluster.spec.server shows them.',
        'A server that hangs: kubectl delete pod -n "$NS" "$POD".',
      ],
    },
  },
  McpMemberEjected: {
    expr: 'mcp_cluster_gateway_pod_ejected == 1',
    for: '30m',
    severity: 'warning',
    summary:
      'Pod {{ $labels.peer }} gets no new work from {{ $labels.namespace }}/{{ $labels.pod }}',
    description: 'It failed more than the others, again and again, for half an hour.',
    runbook: {
      meaning:
        'Outlier detection (spec.loadBalancing.outlierDetection) keeps new work from a pod that fails more than others.',
      impact: 'Less capacity. Sessions of that pod stay where they are.',
      diagnose: [describe, members, serverLog],
      mend: [
        'Mend the server of that pod; it comes back by itself.',
        'If the errors are the answer of the tools and no fault, loosen the thresholds.',
      ],
    },
  },
};
