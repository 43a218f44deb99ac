/** Writes the status of clusters, remembers what was written, and tells what changed as events. */
import {
  MCP_CLUSTERS,
  API_VERSION,
  MANAGER,
  MCP_CLUSTER_KIND,
  type McpCluster,
  type McpClusterStatus,
} from '../api/index.ts';
import type { EventRecorder, KubeClient } from '../kube/index.ts';
import type { Clock } from '../std/index.ts';
import { compareStatus, transitions } from './core/index.ts';
import type { ClusterMetrics } from './cluster-metrics.ts';

export interface StatusWriter {
  /** `cluster` with the status that was written last, even when the informer has not seen it yet. */
  withLatestStatus(cluster: McpCluster): McpCluster;
  /**
   * Writes when something differs: facts at once, counters at most every five seconds. Resolves to the milliseconds after
   * which counters that were held back may be written, zero when there are none.
   */
  write(cluster: McpCluster, status: McpClusterStatus): Promise<number>;
  /** Writes only if nobody changed the cluster since it was read; rejects with a conflict otherwise. */
  record(cluster: McpCluster, status: McpClusterStatus): Promise<void>;
  forget(uid: string): void;
}

const COUNTERS_MS = 5_000;

interface Written {
  readonly status: McpClusterStatus;
  /** Version of the cluster as the informer had it when this was written. */
  readonly basedOn: string | undefined;
  readonly at: number;
}

export function createStatusWriter(options: {
  readonly client: Pick<KubeClient, 'apply'>;
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly clock: Clock;
  readonly clusterMetrics: Pick<ClusterMetrics, 'observe' | 'forget'>;
}): StatusWriter {
  const { client, recorder, clock, clusterMetrics } = options;
  const writtenByUid = new Map<string, Written>();
  const apply = async (
    cluster: McpCluster,
    status: McpClusterStatus,
    resourceVersion: string | undefined,
  ): Promise<void> => {
    const { name, namespace, uid } = cluster.metadata;
    const body = {
      apiVersion: API_VERSION,
      kind: MCP_CLUSTER_KIND,
      metadata: {
        name,
        namespace,
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      status,
    };
    await client.apply(MCP_CLUSTERS, body, {
      fieldManager: MANAGER,
      force: true,
      subresource: 'status',
    });
    for (const event of transitions(cluster.status, status)) {
      recorder.record({ ...event, regarding: cluster });
    }
    const basedOn = cluster.metadata.resourceVersion;
    writtenByUid.set(uid, { status, basedOn, at: clock.monotonic() });
  };
  return {
    withLatestStatus(cluster) {
      const written = writtenByUid.get(cluster.metadata.uid);
      return written !== undefined && written.basedOn === cluster.metadata.resourceVersion
        ? { ...cluster, status: written.status }
        : cluster;
    },
    async write(cluster, status) {
      clusterMetrics.observe(cluster, status);
      const change = compareStatus(cluster.status, status);
      if (change === 'none') return 0;
      const last = writtenByUid.get(cluster.metadata.uid);
      const heldMs = last === undefined ? 0 : last.at + COUNTERS_MS - clock.monotonic();
      if (change === 'counters' && heldMs > 0) return heldMs;
      await apply(cluster, status, undefined);
      return 0;
    },
    record: (cluster, status) => apply(cluster, status, cluster.metadata.resourceVersion),
    forget(uid) {
      writtenByUid.delete(uid);
      clusterMetrics.forget(uid);
    },
  };
}
