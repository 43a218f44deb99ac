/** How many pods and voters a cluster gets: the spec, unless it would take the quorum away. */
import { defaultVoters, type McpCluster } from '../../api/index.ts';
import type { ClusterSize } from './config.ts';

export type SizeDecision =
  | { readonly kind: 'accepted'; readonly size: ClusterSize }
  /** The size stays what it was; `reason` and `message` say why. */
  | {
      readonly kind: 'refused';
      readonly size: ClusterSize;
      readonly reason: 'ScaleBelowVoters';
      readonly message: string;
    };

/**
 * Voters are decided once, recorded in the status and kept. `currentReplicas` is what the StatefulSet asks for now, so
 * that a refused size leaves it as it is.
 */
export function decideSize(
  cluster: McpCluster,
  currentReplicas: number | undefined,
  recordedVoters: number | undefined = cluster.status?.voters,
): SizeDecision {
  const { replicas } = cluster.spec;
  const voters = recordedVoters ?? cluster.spec.voters ?? defaultVoters(replicas);
  if (replicas >= voters) return { kind: 'accepted', size: { replicas, voters } };
  const kept = Math.max(currentReplicas ?? voters, voters);
  return {
    kind: 'refused',
    size: { replicas: kept, voters },
    reason: 'ScaleBelowVoters',
    message: `spec.replicas ${replicas} is below the ${voters} voters of the cluster, which are fixed; it keeps ${kept} pods`,
  };
}
