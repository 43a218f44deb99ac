/**
 * The object store of the laptop cluster: what etcd is to a real one. One revision counter over all objects,
 * optimistic concurrency, a bounded watch history and consistent lists of the recent past; in memory, with a log and
 * snapshot on disk when it is given a folder. It knows nothing of kinds: that is the API server's business.
 */
export { createObjectStore, type ObjectList, type ObjectStore } from './object-store.ts';
export type { ObjectStoreOptions } from './object-store.ts';
export type {
  ObjectKey,
  ObjectMeta,
  OwnerReference,
  RevisionRefusal,
  StoredObject,
  StoreEvent,
  WriteRefusal,
} from './types.ts';
