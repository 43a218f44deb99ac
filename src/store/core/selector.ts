/** Which keys a selector means, and where they stand in a sorted list of keys. */
import type { Selector } from './model.ts';

/** True when `key` is one the selector means. */
export function matches(selector: Selector, key: string): boolean {
  return 'key' in selector ? selector.key === key : key.startsWith(selector.prefix);
}

/** Index of the first item for which `isBefore` is false, in a list where it is true for a beginning. */
export function lowerBound<T>(items: readonly T[], isBefore: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(items[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}
