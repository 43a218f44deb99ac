/** Backups hold what clients said, and only the cluster that wrote them knows them: no two clusters share a volume for them. */
import type { McpCluster } from '../../api/index.ts';
import { backupClaimName } from './backup.ts';
import type { ReconcileProblem } from './conditions.ts';

/** What the backups of `cluster` have to do with those of `others`, of any namespace. */
export function sharedBackups(
  cluster: McpCluster,
  others: readonly McpCluster[],
): readonly ReconcileProblem[] {
  const { metadata, spec } = cluster;
  if (spec.backup === undefined) return [];
  const claim = backupClaimName(cluster);
  const field = spec.backup.volume.claimName === undefined ? 'size' : 'claimName';
  return others
    .filter(
      (other) =>
        other.metadata.namespace === metadata.namespace &&
        other.metadata.name !== metadata.name &&
        other.spec.backup !== undefined &&
        backupClaimName(other) === claim,
    )
    .map((other) => ({
      reason: 'BackupVolumeShared',
      message:
        `spec.backup.volume.${field}: ${JSON.stringify(spec.backup?.volume[field])}: McpCluster ${other.metadata.name} keeps its backups on ` +
        `PersistentVolumeClaim ${claim}, too, and no two clusters may; give this one another volume, such as size: 10Gi`,
    }));
}
