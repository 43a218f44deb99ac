/** What the operator's metrics say about each cluster; the series go with what they are about. */
import type { McpCluster, McpClusterStatus } from '../api/index.ts';
import { certificateExpiry, type TlsMaterial } from '../security/index.ts';
import type { GaugeMetric, Labels, Metrics } from '../telemetry/index.ts';
import { CLUSTER_GAUGES, clusterSamples } from './core/index.ts';

export interface ClusterMetrics {
  observe(cluster: McpCluster, status: McpClusterStatus): void;
  /** The certificates that the cluster's members are asked with. */
  certificates(cluster: McpCluster, material: TlsMaterial): void;
  /** Deletes every series of the cluster with this uid. */
  forget(uid: string): void;
}

/** What is exported of one cluster. */
interface Exported {
  uid: string;
  readonly owner: Labels;
  /** By metric and labels: how to delete each series. */
  series: ReadonlyMap<string, () => void>;
  certificates: readonly (() => void)[];
  /** The leader that was seen last. */
  leader: string | undefined;
}

export function createClusterMetrics(metrics: Metrics): ClusterMetrics {
  const gauge = (name: string, help: string, labels: readonly string[]): GaugeMetric =>
    metrics.gauge(`mcp_cluster_${name}`, help, ['namespace', 'name', ...labels]);
  const gauges = Object.fromEntries(
    Object.entries(CLUSTER_GAUGES).map(([name, { help, labels }]) => [
      name,
      gauge(name, help, labels),
    ]),
  ) as Record<keyof typeof CLUSTER_GAUGES, GaugeMetric>;
  const expiry = gauge(
    'certificate_expiry_timestamp_seconds',
    'When a certificate of a McpCluster ends, in seconds since 1970: that of its authority, or that by which its operator asks.',
    ['certificate'],
  );
  const leaderChanges = metrics.counter(
    'mcp_cluster_leader_changes_total',
    'Times that another pod of a McpCluster led Raft than before, as this operator saw it.',
    ['namespace', 'name'],
  );
  const exportedByKey = new Map<string, Exported>();
  const exportedOf = ({ metadata: { uid, namespace, name } }: McpCluster): Exported => {
    const key = `${namespace}/${name}`;
    // One that was deleted and made again has the same labels, and may be seen before the deletion is.
    const known = exportedByKey.get(key);
    if (known !== undefined) return Object.assign(known, { uid });
    const owner = { namespace, name };
    const fresh = { uid, owner, series: new Map(), certificates: [], leader: undefined };
    leaderChanges.inc(owner, 0);
    exportedByKey.set(key, fresh);
    return fresh;
  };
  return {
    observe(cluster, status) {
      const exported = exportedOf(cluster);
      const series = new Map<string, () => void>();
      for (const { gauge: name, labels: extra, value } of clusterSamples(cluster, status)) {
        const labels = { ...exported.owner, ...extra };
        gauges[name].set(value, labels);
        series.set(JSON.stringify([name, extra]), () => gauges[name].remove(labels));
      }
      for (const [key, remove] of exported.series) if (!series.has(key)) remove();
      exported.series = series;
      const { leader } = status;
      if (leader === undefined || leader === exported.leader) return;
      if (exported.leader !== undefined) leaderChanges.inc(exported.owner);
      exported.leader = leader;
    },
    certificates(cluster, { ca, cert }) {
      const exported = exportedOf(cluster);
      exported.certificates = Object.entries({ authority: ca, operator: cert }).map(
        ([certificate, pem]) => {
          const labels = { ...exported.owner, certificate };
          expiry.set(certificateExpiry(pem).getTime() / 1000, labels);
          return () => expiry.remove(labels);
        },
      );
    },
    forget(uid) {
      for (const [key, exported] of exportedByKey) {
        if (exported.uid !== uid) continue;
        for (const remove of [...exported.series.values(), ...exported.certificates]) remove();
        leaderChanges.remove(exported.owner);
        exportedByKey.delete(key);
      }
    },
  };
}
