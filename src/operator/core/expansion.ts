/** Volumes that cannot grow: what is said of them in a refusal and in a condition. */
import type { McpCluster } from '../../api/index.ts';
import type { ReconcileProblem } from './conditions.ts';

/** A claim whose StorageClass does not let it grow. */
export interface RigidClaim {
  readonly claim: string;
  readonly storageClass: string;
  /** What it asks for now. */
  readonly size: string;
}

export function rigidProblem({ spec }: McpCluster, claim: RigidClaim): ReconcileProblem {
  const { size } = spec.storage;
  return {
    reason: 'VolumeNotExpandable',
    message:
      `spec.storage.size: ${JSON.stringify(size)}: StorageClass ${claim.storageClass} of ${claim.claim} does not allow volumes to grow; ` +
      `keep ${JSON.stringify(claim.size)}, or let it: kubectl patch storageclass ${claim.storageClass} -p '{"allowVolumeExpansion":true}'`,
  };
}
