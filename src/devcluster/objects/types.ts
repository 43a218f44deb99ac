/** What the object store keeps and what it tells: Kubernetes objects as plain JSON, addressed by key. */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** `metadata` of a Kubernetes object; instants are RFC 3339 text, versions are decimal text. */
export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string | null;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: Record<string, unknown>[];
  [field: string]: unknown;
}

export interface StoredObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** Where an object lies: `resource` is `plural` or `plural.group`; `namespace` is empty for cluster-wide ones. */
export interface ObjectKey {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** One committed change. `previous` is the object before it (absent for ADDED). */
export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  readonly key: ObjectKey;
  readonly object: StoredObject;
  readonly previous?: StoredObject;
}

/** Why a write did not happen. */
export type WriteRefusal = 'already-exists' | 'not-found' | 'conflict';

/** Why a read at, or a watch from, a revision is impossible. */
export type RevisionRefusal =
  { readonly reason: 'expired'; readonly oldest: number } | { readonly reason: 'future' };
