/** The informer's copy of the objects: applies lists and watch events, and tells listeners what really changed. */
import type { InformerChange, KubeResource } from './types.ts';
import { objectKey } from './types.ts';

export interface ObjectCache<T extends KubeResource> {
  /** Replaces everything: what is missing from `items` is reported as deleted, what did not change is not reported. */
  replaceAll(items: readonly T[]): void;
  set(object: T): void;
  remove(object: T): void;
  get(key: string): T | undefined;
  list(): readonly T[];
  readonly size: number;
  /** Adds a listener and tells it `added` for everything there is; returns the cancel function. */
  listen(listener: (change: InformerChange<T>) => void): () => void;
}

/** `onListenerError` hears what listeners throw: a broken listener harms neither the cache nor its neighbours. */
export function createObjectCache<T extends KubeResource>(
  onListenerError: (error: unknown) => void,
): ObjectCache<T> {
  const objects = new Map<string, T>();
  const listeners = new Set<(change: InformerChange<T>) => void>();
  const tell = (listener: (change: InformerChange<T>) => void, change: InformerChange<T>): void => {
    try {
      listener(change);
    } catch (error) {
      onListenerError(error);
    }
  };
  const emit = (change: InformerChange<T>): void => {
    for (const listener of listeners) tell(listener, change);
  };
  const set = (object: T): void => {
    const key = objectKey(object);
    const old = objects.get(key);
    if (old !== undefined && isSameVersion(old, object)) return;
    objects.set(key, object);
    if (old === undefined) emit({ type: 'added', object });
    else if (old.metadata.uid === object.metadata.uid) emit({ type: 'updated', object, old });
    else {
      // Deleted and created again while nobody looked: to owners of the old one these are two facts.
      emit({ type: 'deleted', object: old });
      emit({ type: 'added', object });
    }
  };
  const removeKey = (key: string, last: T): void => {
    if (objects.delete(key)) emit({ type: 'deleted', object: last });
  };
  return {
    replaceAll(items) {
      const keys = new Set(items.map((item) => objectKey(item)));
      for (const [key, old] of objects) if (!keys.has(key)) removeKey(key, old);
      for (const item of items) set(item);
    },
    set,
    remove: (object) => removeKey(objectKey(object), object),
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    get size() {
      return objects.size;
    },
    listen(listener) {
      for (const object of objects.values()) tell(listener, { type: 'added', object });
      const own = (change: InformerChange<T>): void => listener(change);
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}

function isSameVersion(a: KubeResource, b: KubeResource): boolean {
  const { resourceVersion, uid } = a.metadata;
  return (
    resourceVersion !== undefined &&
    resourceVersion === b.metadata.resourceVersion &&
    uid === b.metadata.uid
  );
}
