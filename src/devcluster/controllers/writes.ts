/** Small writes that controllers share. */
import {
  isAlreadyExists,
  isNotFound,
  type KubeClient,
  type KubeResource,
  type ResourceType,
} from '../../kube/index.ts';
import { controllerOf, type OwnerReference } from '../core/index.ts';

export interface NamespacedRef {
  readonly namespace: string;
  readonly name: string;
}

export const refOf = ({ metadata }: KubeResource): NamespacedRef => ({
  namespace: metadata.namespace as string,
  name: metadata.name as string,
});

/** True when it was created, false when it was there already. */
export async function createMissing<T extends KubeResource>(
  client: KubeClient,
  type: ResourceType,
  object: T,
): Promise<boolean> {
  try {
    await client.create(type, object);
    return true;
  } catch (error) {
    if (isAlreadyExists(error)) return false;
    throw error;
  }
}

/** Deletes this very object, not a later one of its name. */
export async function deleteExactly(
  client: KubeClient,
  type: ResourceType,
  object: KubeResource,
  propagationPolicy: 'Background' | 'Foreground' = 'Background',
): Promise<void> {
  const { uid } = object.metadata;
  await client.delete(type, refOf(object), {
    propagationPolicy,
    ...(uid === undefined ? {} : { preconditions: { uid } }),
  });
}

/** Writes `status` when it differs from what the object has; an object that is gone is fine. */
export async function writeStatus(
  client: KubeClient,
  type: ResourceType,
  object: KubeResource & { readonly status?: unknown },
  status: object,
): Promise<void> {
  const current = (object.status ?? {}) as Record<string, unknown>;
  const isSame = Object.entries(status).every(
    ([key, value]) => JSON.stringify(current[key]) === JSON.stringify(value),
  );
  if (isSame) return;
  try {
    await client.patch(type, refOf(object), {
      type: 'merge',
      subresource: 'status',
      body: { metadata: { uid: object.metadata.uid }, status },
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** The key of the controlling owner of this kind, as a list of none or one. */
export function ownerKeys(object: KubeResource, kind: string): string[] {
  const owner = controllerOf(object.metadata);
  return owner?.kind === kind ? [`${object.metadata.namespace}/${owner.name}`] : [];
}

export const isControlledBy = (object: KubeResource, owner: KubeResource): boolean =>
  controllerOf(object.metadata)?.uid === owner.metadata.uid;

/** Replaces the owner references of an object. */
export async function writeOwners(
  client: KubeClient,
  type: ResourceType,
  object: KubeResource,
  ownerReferences: readonly OwnerReference[],
): Promise<void> {
  const body = { metadata: { uid: object.metadata.uid, ownerReferences } };
  try {
    await client.patch(type, refOf(object), { type: 'merge', body });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
