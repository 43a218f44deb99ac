/** What the operator's metrics say about each cluster; the series go with the cluster. */
import type { McpCluster, McpClusterStatus } from '../api/index.ts';
import type { GaugeMetric, Labels, Metrics } from '../telemetry/index.ts';

export interface ClusterMetrics {
  observe(cluster: McpCluster, status: McpClusterStatus): void;
  forget(uid: string): void;
}

export function createClusterMetrics(metrics: Metrics): ClusterMetrics {
  const gauge = (name: string, help: string, extra: readonly string[] = []): GaugeMetric =>
    metrics.gauge(`mcp_cluster_${name}`, help, ['namespace', 'name', ...extra]);
  const condition = gauge(
    'status_condition',
    'Conditions of McpClusters: 1 for the state each one is in.',
    ['type', 'status'],
  );
  const replicas = gauge('replicas', 'Pods a McpCluster has.');
  const ready = gauge('ready_replicas', 'Pods of a McpCluster that clients are sent to.');
  const sessions = gauge('sessions', 'Sessions of a McpCluster.');
  const term = gauge('term', 'Raft term of a McpCluster.');
  const seriesByUid = new Map<string, [GaugeMetric, Labels][]>();
  return {
    observe(cluster, status) {
      const { namespace, name, uid } = cluster.metadata;
      const series: [GaugeMetric, Labels][] = [];
      const set = (metric: GaugeMetric, value: number | undefined, extra: Labels = {}): void => {
        const labels = { namespace, name, ...extra };
        metric.set(value ?? 0, labels);
        series.push([metric, labels]);
      };
      for (const { type, status: state } of status.conditions ?? []) {
        for (const each of ['True', 'False', 'Unknown']) {
          set(condition, each === state ? 1 : 0, { type, status: each });
        }
      }
      set(replicas, status.replicas);
      set(ready, status.readyReplicas);
      set(sessions, status.sessions);
      set(term, status.term);
      seriesByUid.set(uid, series);
    },
    forget(uid) {
      for (const [metric, labels] of seriesByUid.get(uid) ?? []) metric.remove(labels);
      seriesByUid.delete(uid);
    },
  };
}
