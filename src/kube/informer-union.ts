/** Informers of several namespaces that look like one. */
import { refOfKey } from './types.ts';
import type { Informer, KubeResource } from './types.ts';

/**
 * One informer over `byNamespace`; it has synced when each of them has. Objects of other namespaces do not exist for it.
 */
export function uniteInformers<T extends KubeResource>(
  byNamespace: ReadonlyMap<string, Informer<T>>,
): Informer<T> {
  const parts = [...byNamespace.values()];
  return {
    start: () => parts.forEach((part) => part.start()),
    stop: async () => void (await Promise.all(parts.map((part) => part.stop()))),
    hasSynced: () => parts.every((part) => part.hasSynced()),
    firstList: async () =>
      (await Promise.all(parts.map((part) => part.firstList()))).find(
        (error) => error !== undefined,
      ),
    waitForSync: async (signal) =>
      void (await Promise.all(parts.map((part) => part.waitForSync(signal)))),
    get: (key) => byNamespace.get(refOfKey(key).namespace ?? '')?.get(key),
    list: () => parts.flatMap((part) => part.list()),
    onChange(listener) {
      const cancels = parts.map((part) => part.onChange(listener));
      return () => cancels.forEach((cancel) => cancel());
    },
  };
}
