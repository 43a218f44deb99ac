/** A first-in first-out queue that refuses instead of growing without limit. */

export interface BoundedQueue<T> {
  readonly size: number;
  /** False, and nothing stored, when the queue is full. */
  push(item: T): boolean;
  shift(): T | undefined;
  /** Removes and returns everything, oldest first. */
  drain(): T[];
}

/** A queue of at most `itemsMax` items. */
export function createBoundedQueue<T>(itemsMax: number): BoundedQueue<T> {
  let items: T[] = [];
  let head = 0;
  return {
    get size() {
      return items.length - head;
    },
    push(item) {
      if (items.length - head >= itemsMax) return false;
      items.push(item);
      return true;
    },
    shift() {
      if (head >= items.length) return undefined;
      const item = items[head];
      items[head] = undefined as T;
      head += 1;
      if (head > 64 && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    drain() {
      const rest = items.slice(head);
      items = [];
      head = 0;
      return rest;
    },
  };
}
