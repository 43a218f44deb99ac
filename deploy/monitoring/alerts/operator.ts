/** Alerts about the operator itself. */
import { LOOK, type Alerts } from '../model.ts';

const { operatorLog, operatorPods } = LOOK;

export const OPERATOR_ALERTS: Alerts = {
  McpOperatorDown: {
    expr: 'absent(controller_runtime_max_concurrent_reconciles{controller="mcpcluster"})',
    for: '5m',
    severity: 'critical',
    summary: 'No operator for McpClusters is to be seen',
    description:
      'No process has exported the metrics of the controller of McpClusters for five minutes: it does not run, or Prometheus does not reach it.',
    runbook: {
      meaning:
        'Either no operator runs, or Prometheus does not scrape it. Nothing else is said: the other alerts about McpClusters come from the same process and are silent now.',
      impact:
        'Running clusters go on: sessions move between pods without the operator. But a dead pod stays among the endpoints of its Service until the kubelet says so, nothing is updated, scaled or repaired, and certificates are not renewed.',
      diagnose: [
        operatorPods,
        {
          say: 'Why a pod does not start:',
          run: 'kubectl describe pods -n "$NS" -l app.kubernetes.io/name=mcp-cluster-operator',
        },
        operatorLog,
        {
          say: 'Whether Prometheus is told to scrape it:',
          run: 'kubectl get podmonitors,servicemonitors -A',
        },
      ],
      mend: [
        'If the log ends with a sentence of the program (exit code 2), it says what to change: the definitions that are missing, rights, or a wrong option.',
        'If the pod is killed for its memory, raise resources.limits.memory in the values of the chart.',
        'If the pods run, mend the scraping: monitoring.podMonitor and monitoring.labels in the values of the chart must suit your Prometheus.',
      ],
    },
  },
  McpOperatorNoLeader: {
    expr: 'max by (name) (leader_election_master_status{name=~"(.+-)?mcp-cluster-operator"}) == 0',
    for: '2m',
    severity: 'critical',
    summary: 'Operators run, but none of them leads',
    description:
      'No process has held the Lease {{ $labels.name }} for two minutes, so that nothing is reconciled.',
    runbook: {
      meaning:
        'Every operator waits for the Lease. Either the API server refuses to let them write it, or its holder is a process that is gone and the Lease is not over yet (15 seconds), or is renewed by somebody else.',
      impact: 'As if no operator ran: clusters go on serving, and nothing is updated or repaired.',
      diagnose: [
        { say: 'Who holds the Lease, and since when:', run: 'kubectl get leases -A -o wide' },
        operatorLog,
        {
          say: 'Whether the operator may write it:',
          run: 'kubectl auth can-i update leases.coordination.k8s.io -n "$NS" --as "system:serviceaccount:$NS:mcp-cluster-operator"',
        },
      ],
      mend: [
        'If the holder is a process of another installation, uninstall one of the two.',
        'If the right is missing, bring the Role of the chart back with helm upgrade.',
        'If the API server is slow or unreachable, that is to be mended first.',
      ],
    },
  },
  McpOperatorReconcileErrors: {
    expr: `sum by (controller) (rate(controller_runtime_reconcile_errors_total{controller="mcpcluster"}[10m]))
/
sum by (controller) (rate(controller_runtime_reconcile_total{controller="mcpcluster"}[10m]))
> 0.1`,
    for: '15m',
    severity: 'warning',
    summary: 'More than a tenth of the reconciles fail',
    description:
      '{{ $value | humanizePercentage }} of the reconciles of {{ $labels.controller }} have failed for a quarter of an hour.',
    runbook: {
      meaning:
        'A reconcile that fails is tried again, ever more rarely. Some failures are normal (somebody else wrote first); a tenth of all for so long is not.',
      impact: 'The clusters they are about are not brought to what their spec asks for.',
      diagnose: [
        { ...operatorLog, say: 'Lines "reconcile failed" name the cluster and the error:' },
        {
          say: 'Clusters that are not as they should be:',
          run: `kubectl get mcpc -A -o custom-columns='NS:.metadata.namespace,NAME:.metadata.name,RECONCILED:.status.conditions[?(@.type=="Reconciled")].message'`,
        },
      ],
      mend: [
        'Error 403: a right is missing; install the chart again, or give back what was taken.',
        'Error 409 again and again: another program writes the same object; stop one of the two.',
        'Time-outs and 5xx: the API server is overloaded or away.',
      ],
    },
  },
  McpOperatorPanics: {
    expr: 'increase(controller_runtime_reconcile_panics_total{controller="mcpcluster"}[15m]) > 0',
    for: '1m',
    severity: 'warning',
    summary: 'A reconcile ended by a fault of the operator',
    description:
      'The operator met a mistake in itself {{ $value | humanize }} times within a quarter of an hour. It goes on with the other clusters.',
    runbook: {
      meaning: 'The program threw what it never should. It logs the stack and tries again.',
      impact: 'The cluster it happened with may not be reconciled; the others are.',
      diagnose: [
        { ...operatorLog, say: 'The line "reconcile failed" with a stack names the cluster:' },
      ],
      mend: [
        'Report it with the stack and the spec of the cluster.',
        'Go back to the version before with helm rollback, if it began with an upgrade.',
      ],
    },
  },
  McpOperatorWorkStuck: {
    expr: 'max by (name) (workqueue_longest_running_processor_seconds{name="mcpcluster"}) > 180',
    for: '5m',
    severity: 'warning',
    summary: 'A reconcile does not end',
    description: 'One reconcile has been running for {{ $value | humanizeDuration }}.',
    runbook: {
      meaning: 'A reconcile is told to end after one minute. This one did not hear it.',
      impact:
        'Its cluster gets no other reconcile, and one worker of four is missing to the others.',
      diagnose: [{ ...operatorLog, say: 'The line "reconcile takes too long" names the cluster:' }],
      mend: [
        'Restart the operator: kubectl rollout restart -n "$NS" deploy -l app.kubernetes.io/name=mcp-cluster-operator. The next one goes on where this one stood.',
        'Report it with the log.',
      ],
    },
  },
  McpOperatorApiFailures: {
    expr: `sum(rate(rest_client_requests_total{code=~"5..|429|<error>"}[5m]) and on (instance) controller_runtime_active_workers{controller="mcpcluster"})
/
sum(rate(rest_client_requests_total[5m]) and on (instance) controller_runtime_active_workers{controller="mcpcluster"})
> 0.1`,
    for: '15m',
    severity: 'warning',
    summary: 'The API server refuses or fails more than a tenth of the operator’s requests',
    description:
      '{{ $value | humanizePercentage }} of the requests of the operator were answered with 429 or 5xx, or not at all, for a quarter of an hour.',
    runbook: {
      meaning:
        'The API server is overloaded, restarting or unreachable from where the operator runs.',
      impact: 'Changes and repairs come late. Clusters go on serving.',
      diagnose: [
        {
          say: 'Whether the API server says of itself that it is well:',
          run: "kubectl get --raw '/readyz?verbose'",
        },
        operatorLog,
      ],
      mend: [
        'Mend the API server or the network to it.',
        'On 429, see which flow of API Priority and Fairness the operator falls into, and whether others crowd it out.',
      ],
    },
  },
};
