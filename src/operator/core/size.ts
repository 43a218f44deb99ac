/** How many pods and voters a cluster has now; how many it shall have, the spec says. */
import type { McpCluster } from '../../api/index.ts';
import type { ClusterSize } from './config.ts';
import { targetSize } from './membership-view.ts';

/**
 * What the status remembers: pods that the StatefulSet is asked for, and voters. Both begin as the spec wants them, and follow
 * it one step at a time. `observedReplicas` is what the StatefulSet asks for, in case the status was lost.
 */
export function currentSize(
  cluster: McpCluster,
  observedReplicas: number | undefined,
): ClusterSize {
  const { scaledTo, voters } = cluster.status ?? {};
  const target = targetSize(cluster);
  return {
    replicas: scaledTo ?? observedReplicas ?? target.replicas,
    voters: voters ?? target.voters,
  };
}
