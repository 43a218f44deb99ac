/** Whether volumes can grow is a property of their StorageClass. */
import { KubeError, RESOURCES, type KubeClient, type KubeResource } from '../kube/index.ts';
import type { Claim, RigidClaim } from './core/index.ts';

interface StorageClass extends KubeResource {
  readonly allowVolumeExpansion?: boolean;
}

/** Those of `claims` whose class does not let them grow; none where the operator may not look. */
export async function rigidClaims(
  claims: readonly Claim[],
  client: KubeClient,
): Promise<readonly RigidClaim[]> {
  const growing = new Map<string, boolean>();
  const rigid: RigidClaim[] = [];
  for (const { metadata, spec } of claims) {
    const name = spec?.storageClassName ?? '';
    if (name === '') continue;
    const known = growing.get(name);
    const grows = known ?? (await letsGrow(name, client));
    growing.set(name, grows);
    if (grows) continue;
    const { name: claim = '' } = metadata;
    rigid.push({ claim, storageClass: name, size: spec?.resources?.requests?.storage ?? '' });
  }
  return rigid;
}

async function letsGrow(name: string, client: KubeClient): Promise<boolean> {
  try {
    const found = await client.get<StorageClass>(RESOURCES.storageClasses, { name });
    return found === undefined || found.allowVolumeExpansion === true;
  } catch (error) {
    // The API server itself refuses the growth of a claim: the check is only earlier and plainer.
    if (error instanceof KubeError && error.status === 403) return true;
    throw error;
  }
}
