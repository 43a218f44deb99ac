/** Alerts about what clients get: requests, sessions, moves, limits. */
import { LOOK, type Alerts } from '../model.ts';

const { describe, members, pods, sidecarLog, serverLog } = LOOK;

export const SESSION_ALERTS: Alerts = {
  McpRequestsFailing: {
    expr: 'namespace_mcp_cluster:mcp_cluster_gateway_request_failures:ratio_rate5m > 0.05',
    for: '10m',
    severity: 'critical',
    summary: 'Clients of {{ $labels.namespace }}/{{ $labels.mcp_cluster }} get errors',
    description:
      '{{ $value | humanizePercentage }} of the requests have been answered with 5xx for ten minutes.',
    runbook: {
      meaning:
        'The gateway answers 502, 503 or 504 when no pod can serve a request in time, and passes on what the server answers.',
      impact: 'Clients see errors; many of them do not try again.',
      diagnose: [describe, members, sidecarLog, serverLog],
      mend: [
        'Other alerts about the same cluster say more: no majority, servers that are down, breakers that are open.',
        'Servers that are overloaded: more replicas (kubectl scale mcpc), or a bulkhead that rejects early.',
      ],
    },
  },
  McpRequestsLost: {
    expr: 'namespace_mcp_cluster:mcp_cluster_gateway_requests_lost:ratio_rate5m > 0.01',
    for: '5m',
    severity: 'warning',
    summary: 'Requests of clients of {{ $labels.namespace }}/{{ $labels.mcp_cluster }} are lost',
    description:
      '{{ $value | humanizePercentage }} of the requests were under way when a pod died, and could not be sent again.',
    runbook: {
      meaning:
        'A call that was under way when its pod died is only sent again when its tool says that this is safe. The others are answered with an error that says so.',
      impact:
        'Clients must decide whether to call again. That a pod dies now and then costs a few; this is more.',
      diagnose: [
        pods,
        members,
        { say: 'Why pods died:', run: 'kubectl get events -n "$NS" --sort-by=.lastTimestamp' },
      ],
      mend: [
        'Find what kills the pods: memory limits, nodes, probes.',
        'Let servers annotate tools that may be repeated (readOnlyHint, idempotentHint): those calls are then sent again.',
      ],
    },
  },
  McpSessionMovesFailing: {
    expr: 'sum by (namespace, mcp_cluster, result) (increase(mcp_cluster_gateway_session_moves_total{result=~"failed|refused"}[10m])) > 0',
    for: '5m',
    severity: 'warning',
    summary: 'Sessions of {{ $labels.namespace }}/{{ $labels.mcp_cluster }} cannot be moved',
    description: '{{ $value | humanize }} moves ended as {{ $labels.result }} within ten minutes.',
    runbook: {
      meaning:
        'A pod took a session over and could not replay its beginning on its own server (failed), or the server there offers less than the client was told (refused).',
      impact: 'These clients must begin a new session.',
      diagnose: [
        sidecarLog,
        serverLog,
        {
          say: 'Whether all pods run the same image:',
          run: `kubectl get pods -n "$NS" -l mcpcluster.io/cluster="$CLUSTER" -o jsonpath='{range .items[*]}{.metadata.name} {.spec.containers[*].image}{"\\n"}{end}'`,
        },
      ],
      mend: [
        'refused during an update: the new version of the server dropped a capability; sessions of the old one end, by design.',
        'failed: the server does not answer initialize in time; see its log.',
      ],
    },
  },
  McpSessionMovesSlow: {
    expr: 'histogram_quantile(0.95, sum by (namespace, mcp_cluster, le) (rate(mcp_cluster_gateway_session_move_seconds_bucket[10m]))) > 5',
    for: '5m',
    severity: 'warning',
    summary: 'Moving sessions of {{ $labels.namespace }}/{{ $labels.mcp_cluster }} takes long',
    description: 'One move of twenty takes longer than {{ $value | humanizeDuration }}.',
    runbook: {
      meaning:
        'A move is one agreement and the replay of initialize; usually less than half a second. Either agreeing is slow, or the server is.',
      impact: 'Clients wait that long for their next answer after the loss of a pod.',
      diagnose: [members, serverLog, sidecarLog],
      mend: [
        'McpMemberSlowDisk at the same time: the disks.',
        'A server that is slow to begin a session: give it more processor time, or more replicas.',
      ],
    },
  },
  McpBulkheadRejecting: {
    expr: 'sum by (namespace, mcp_cluster, bulkhead, reason) (rate(mcp_cluster_gateway_bulkhead_rejected_total[5m])) > 0.1',
    for: '15m',
    severity: 'warning',
    summary:
      'Bulkhead {{ $labels.bulkhead }} of {{ $labels.namespace }}/{{ $labels.mcp_cluster }} rejects requests',
    description:
      '{{ $value | humanize }} requests a second have been rejected ({{ $labels.reason }}) for a quarter of an hour.',
    runbook: {
      meaning:
        'More requests than spec.bulkheads allows at once: its places and its queue are full.',
      impact:
        'Clients are told to come back later. The other tools are not touched: that is what the bulkhead is for.',
      diagnose: [
        {
          say: 'What is allowed:',
          run: `kubectl get mcpc -n "$NS" "$CLUSTER" -o jsonpath='{.spec.bulkheads}'`,
        },
        serverLog,
      ],
      mend: [
        'A tool that hangs: mend the server.',
        'More load than it was made for: more replicas, or a larger maxConcurrent if the server can take it.',
      ],
    },
  },
  McpBreakerOpen: {
    expr: 'max by (namespace, mcp_cluster, pod) (mcp_cluster_gateway_breakers_open) > 0',
    for: '10m',
    severity: 'warning',
    summary: 'A circuit breaker in {{ $labels.namespace }}/{{ $labels.pod }} stays open',
    description: 'New work has not gone to a pod or one of its tools for ten minutes.',
    runbook: {
      meaning:
        'Too many requests to that pod or tool failed (spec.loadBalancing.circuitBreaker), also those that are let through to try.',
      impact: 'New work goes to other pods; if no pod is left, clients get an error at once.',
      diagnose: [{ ...members, say: 'Which member has a problem:' }, serverLog, sidecarLog],
      mend: ['Mend the tool or what it depends on; the breaker closes by itself.'],
    },
  },
};
