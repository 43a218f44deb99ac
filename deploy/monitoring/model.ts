/** What alerts and recorded series are made of; the data are in `alerts/` and `recordings.ts`. */

/** How to look at a thing: a sentence, and the command that shows it. */
export interface Look {
  readonly say: string;
  readonly run?: string;
}

export interface Alert {
  /** PromQL; fires for each series that it gives. */
  readonly expr: string;
  /** How long it must hold, as Prometheus writes durations. */
  readonly for: string;
  /** `critical`: clients are or will soon be without service; `warning`: somebody should look today; `info`: good to know. */
  readonly severity: 'critical' | 'warning' | 'info';
  /** One line; may use `$labels` and `$value` of Prometheus' templates. */
  readonly summary: string;
  readonly description: string;
  /** Labels beside severity. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly runbook: {
    readonly meaning: string;
    readonly impact: string;
    readonly diagnose: readonly Look[];
    readonly mend: readonly string[];
  };
}

export type Alerts = Readonly<Record<string, Alert>>;

/** A series that is computed all the time, since alerts need it. */
export interface Recording {
  readonly record: string;
  readonly expr: string;
}

/** Alerts about series of the operator carry the cluster's name as those of the members do. */
export const OF_CLUSTER = { mcp_cluster: '{{ $labels.name }}' } as const;

const describe: Look = {
  say: 'The conditions say what is known, and the events what was done:',
  run: 'kubectl describe mcpc -n "$NS" "$CLUSTER"',
};
const members: Look = {
  say: 'Every member with its role, health and what is wrong with it:',
  run: `kubectl get mcpc -n "$NS" "$CLUSTER" -o jsonpath='{range .status.members[*]}{.name} {.role} {.health} {.message}{"\\n"}{end}'`,
};
const pods: Look = {
  say: 'The pods, where they run, and how often they were restarted:',
  run: 'kubectl get pods -n "$NS" -l mcpcluster.io/cluster="$CLUSTER" -o wide',
};
const sidecarLog: Look = {
  say: 'What the sidecar logs:',
  run: 'kubectl logs -n "$NS" "$POD" -c sidecar --tail=100',
};
const serverLog: Look = {
  say: 'What the MCP server logs:',
  run: 'kubectl logs -n "$NS" "$POD" -c server --tail=100',
};
const raftStatus: Look = {
  say: 'How a member sees the agreed log:',
  run: 'kubectl get --raw "/api/v1/namespaces/$NS/pods/$POD:9090/proxy/raft/status"',
};
const operatorLog: Look = {
  say: 'What the operator logs:',
  run: 'kubectl logs -n "$NS" -l app.kubernetes.io/name=mcp-cluster-operator --tail=100',
};
const operatorPods: Look = {
  say: 'The pods of the operator:',
  run: 'kubectl get pods -A -l app.kubernetes.io/name=mcp-cluster-operator -o wide',
};

/** What many pages have in common. */
export const LOOK = {
  describe,
  members,
  pods,
  sidecarLog,
  serverLog,
  raftStatus,
  operatorLog,
  operatorPods,
} as const;
