/** A pod's volumes as folders: kept ones for claims, empty ones, and those that are filled from API objects. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../../std/index.ts';
import type { PersistentVolumeClaim, Volume } from '../core/index.ts';
import { replaceFiles } from './atomic-writer.ts';
import { isRefreshed, volumeFiles, type VolumeSources } from './volume-files.ts';

export interface VolumeContext extends VolumeSources {
  /** Parent of the folders of this pod's volumes. */
  readonly folder: string;
  /** Parent of the kept folders, one a claim. */
  readonly claimsFolder: string;
}

/** Kept folder of a claim: it outlives pods and goes with the claim; a later claim of the same name has another one. */
export function claimFolder(claimsFolder: string, claim: PersistentVolumeClaim): string {
  const { namespace, name, uid } = claim.metadata;
  return join(claimsFolder, namespace as string, name as string, uid as string);
}

/**
 * The folder of a volume, filled. A sentence when something it needs is missing (the kubelet then waits and tries again).
 * Calling it again refreshes files whose source changed.
 */
export async function mountVolume(
  volume: Volume,
  context: VolumeContext,
): Promise<Result<string, string>> {
  const namespace = context.pod.metadata.namespace as string;
  const claimName = volume.persistentVolumeClaim?.claimName;
  if (claimName !== undefined) {
    const claim = context.objects.claim(`${namespace}/${claimName}`);
    if (claim === undefined) return err(`persistentvolumeclaim "${claimName}" not found`);
    if (claim.status?.phase !== 'Bound')
      return err(`persistentvolumeclaim "${claimName}" is not bound`);
    const folder = claimFolder(context.claimsFolder, claim);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return ok(folder);
  }
  if (volume.hostPath !== undefined) return ok(volume.hostPath.path);
  const folder = join(context.folder, volume.name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!isRefreshed(volume)) return ok(folder);
  const files = await volumeFiles(volume, context);
  if (!files.ok) return files;
  await replaceFiles(folder, files.value);
  return ok(folder);
}
