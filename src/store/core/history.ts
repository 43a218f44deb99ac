/** The events of the revisions that are still kept: what watchers read and what compaction cuts. */
import type { WatchEvent } from './model.ts';
import { lowerBound } from './selector.ts';

export interface History {
  /** Events kept. */
  readonly size: number;
  /** Characters of keys and values kept, about their bytes. */
  readonly weight: number;
  append(event: WatchEvent): void;
  /** Kept events from `revision` on; at most `eventsMax`, but the last revision is never cut. */
  from(revision: number, eventsMax: number): readonly WatchEvent[];
  /** What is kept now, whatever is appended or cut afterwards; costs nothing. */
  freeze(): Iterable<WatchEvent>;
  /** Removes and returns all events up to `revision`. */
  cut(revision: number): readonly WatchEvent[];
  /** The revision to compact at so that at most so many events and so much weight stay. */
  revisionToKeep(eventsMax: number, weightMax: number): number;
}

export const revisionOf = (event: WatchEvent): number =>
  event.type === 'put' ? event.item.modRevision : event.revision;

export const keyOf = (event: WatchEvent): string =>
  event.type === 'put' ? event.item.key : event.key;

const weightOf = (event: WatchEvent): number =>
  event.type === 'put'
    ? event.item.key.length + event.item.value.length
    : event.key.length + event.previous.value.length;

const NEWEST = 8;

export function createHistory(): History {
  let events: WatchEvent[] = [];
  let weight = 0;
  /** Where `revision` begins. Watchers that keep up ask for the last few events, so those are looked at first. */
  const position = (revision: number): number => {
    for (let i = events.length; i > 0 && i > events.length - NEWEST; i--)
      if (revisionOf(events[i - 1] as WatchEvent) < revision) return i;
    return lowerBound(events, (event) => revisionOf(event) < revision);
  };

  return {
    get size() {
      return events.length;
    },
    get weight() {
      return weight;
    },
    append(event) {
      events.push(event);
      weight += weightOf(event);
    },
    from(revision, eventsMax) {
      const start = position(revision);
      if (start + eventsMax >= events.length) return events.slice(start);
      let end = start + eventsMax;
      const last = events[end - 1];
      if (end > start && last !== undefined) end = position(revisionOf(last) + 1);
      return events.slice(start, end);
    },
    freeze() {
      // Cutting makes a new list and appending only adds to this one, so its first `count` events never change.
      const [frozen, count] = [events, events.length];
      return (function* () {
        for (let i = 0; i < count; i++) yield frozen[i] as WatchEvent;
      })();
    },
    cut(revision) {
      const end = position(revision + 1);
      const gone = events.slice(0, end);
      events = events.slice(end);
      for (const event of gone) weight -= weightOf(event);
      return gone;
    },
    revisionToKeep(eventsMax, weightMax) {
      let kept = 0;
      let keptWeight = 0;
      for (let i = events.length - 1; i >= 0; i--) {
        const event = events[i] as WatchEvent;
        kept += 1;
        keptWeight += weightOf(event);
        if (kept > eventsMax || keptWeight > weightMax) return revisionOf(event);
      }
      return 0;
    },
  };
}
