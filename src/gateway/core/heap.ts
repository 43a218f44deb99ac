/** A binary heap: the first of its items in O(1), taking and adding one in O(log n). */

export interface Heap<T> {
  push(item: T): void;
  /** Takes the first item. */
  pop(): T | undefined;
}

export function createHeap<T>(items: readonly T[], isBefore: (a: T, b: T) => boolean): Heap<T> {
  const heap: T[] = [];
  const at = (index: number): T => heap[index] as T;
  const swap = (a: number, b: number): void => {
    [heap[a], heap[b]] = [at(b), at(a)];
  };
  const push = (item: T): void => {
    let index = heap.push(item) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(at(index), at(parent))) return;
      swap(index, parent);
      index = parent;
    }
  };
  const sink = (): void => {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      let first = index;
      for (const child of [left, left + 1])
        if (child < heap.length && isBefore(at(child), at(first))) first = child;
      if (first === index) return;
      swap(index, first);
      index = first;
    }
  };
  for (const item of items) push(item);
  return {
    push,
    pop() {
      const [first] = heap;
      const last = heap.pop();
      if (heap.length > 0 && last !== undefined) {
        heap[0] = last;
        sink();
      }
      return first;
    },
  };
}
