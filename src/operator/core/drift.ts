/** Whether an object of the API server still is what we want, and whether it is ours to change. */
import {
  APPLIED_HASH_ANNOTATION,
  CLUSTER_LABEL,
  MANAGED_BY_LABEL,
  MANAGER,
} from '../../api/index.ts';
import { parseQuantity } from '../../std/index.ts';
import { fingerprint } from './hash.ts';
import type { AnyObject, DesiredObject, Owner } from './shapes.ts';

/** `desired` with a fingerprint of itself, so that a field we no longer want is noticed as well. */
export function stamped<T extends DesiredObject>(desired: T): T {
  const annotations = {
    ...desired.metadata.annotations,
    [APPLIED_HASH_ANNOTATION]: fingerprint(desired),
  };
  return { ...desired, metadata: { ...desired.metadata, annotations } };
}

/**
 * Why `live`, which is not current, is written: what is wanted of it is new (`updated`), or what had been written was changed
 * by somebody else (`repaired`). `desired` is stamped.
 */
export function reasonToWrite(desired: DesiredObject, live: AnyObject): 'updated' | 'repaired' {
  const [wanted, found] = [desired, live].map(
    ({ metadata }) => metadata.annotations?.[APPLIED_HASH_ANNOTATION],
  );
  return found === undefined || found === wanted ? 'repaired' : 'updated';
}

/** True when `live` holds every field of `desired`; fields that others added do not matter. */
export function isCurrent(desired: unknown, live: unknown): boolean {
  if (Array.isArray(desired)) {
    if (desired.length === 0 && (live === undefined || live === null)) return true;
    return (
      Array.isArray(live) &&
      live.length === desired.length &&
      desired.every((item, index) => isCurrent(item, live[index]))
    );
  }
  if (typeof desired === 'object' && desired !== null) {
    return Object.entries(desired).every(([key, value]) =>
      isCurrent(value, (live as Record<string, unknown> | null | undefined)?.[key]),
    );
  }
  if (desired === undefined || desired === live) return true;
  // The server leaves out empty values.
  if (live === undefined) return desired === '' || desired === 0 || desired === false;
  return sameQuantity(desired, live);
}

/** The server writes `1024Mi` back as `1Gi`, and `1` as a text. */
function sameQuantity(desired: unknown, live: unknown): boolean {
  const [wanted, found] = [parseQuantity(String(desired)), parseQuantity(String(live))];
  return wanted !== undefined && wanted === found;
}

export type Ownership =
  | { readonly kind: 'ours' }
  /** Nobody's, but labelled as an object of this cluster: it is taken over. */
  | { readonly kind: 'orphan' }
  /** Somebody else's: it is left alone, and the cluster says so. */
  | { readonly kind: 'foreign'; readonly owner: string };

/** Whose object `live` is, seen from the cluster `owner` names. */
export function ownershipOf(live: AnyObject, owner: Owner): Ownership {
  const controller = live.metadata.ownerReferences?.find((reference) => reference.controller);
  if (controller !== undefined) {
    return controller.uid === owner.uid
      ? { kind: 'ours' }
      : { kind: 'foreign', owner: `${controller.kind} ${controller.name} (${controller.uid})` };
  }
  const { labels = {} } = live.metadata;
  return labels[CLUSTER_LABEL] === owner.name && labels[MANAGED_BY_LABEL] === MANAGER
    ? { kind: 'orphan' }
    : { kind: 'foreign', owner: 'somebody who set no owner reference' };
}
