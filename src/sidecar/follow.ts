/** Follows keys of the store for as long as a member runs, across everything that can end a single watch. */
import type { Selector, Store } from '../store/index.ts';

/**
 * Calls `onChange` after every change of the selected keys as this member applies it; read them from `store.local` then.
 * A snapshot from the leader can skip over changes: the watch ends then, and what is there afterwards is the news. Returns
 * the function that ends it.
 */
export function follow(
  store: Pick<Store, 'watch'>,
  selector: Selector,
  onChange: () => void,
): () => void {
  let cancel = (): void => undefined;
  const begin = (): void => {
    cancel = store.watch(selector, (notice) => {
      if (notice.type === 'compacted') begin();
      onChange();
    });
  };
  begin();
  return () => cancel();
}
