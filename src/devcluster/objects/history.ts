/** The bounded record of recent changes: what a watch replays and what an old list is reconstructed from. */
import type { StoreEvent } from './types.ts';

export interface History {
  add(event: StoreEvent): void;
  /** The lowest revision a reader may continue from: every later change is still remembered. */
  oldest(): number;
  /** The changes after `revision`, in order. */
  since(revision: number): readonly StoreEvent[];
}

/** Remembers the last `eventsMax` changes after `startRevision`. */
export function createHistory(startRevision: number, eventsMax: number): History {
  let events: StoreEvent[] = [];
  let oldest = startRevision;
  return {
    add(event) {
      events.push(event);
      // Dropping in blocks keeps an append cheap; up to twice the limit is held for a moment.
      if (events.length < eventsMax * 2) return;
      oldest = events[events.length - eventsMax - 1]?.revision ?? oldest;
      events = events.slice(-eventsMax);
    },
    oldest: () => oldest,
    since: (revision) => events.slice(firstAfter(events, revision)),
  };
}

/** Index of the first event with a revision above `revision` (binary search). */
function firstAfter(events: readonly StoreEvent[], revision: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((events[middle]?.revision ?? 0) > revision) high = middle;
    else low = middle + 1;
  }
  return low;
}
