/**
 * Events of sessions that are served elsewhere, or were served here before: what a later owner asks for when a client
 * resumes a stream whose owner is gone.
 */
import { parseEventId, STANDALONE_STREAM, type EventId } from './event-id.ts';
import type { EventLogLimits, OutgoingEvent } from './event-ring.ts';

/** What is known of one session at one epoch. */
export interface HeldEpoch {
  readonly epoch: number;
  /** Events of the standalone stream up to this sequence have had a reader. */
  readonly delivered: number;
  /** In the order they were sent, within each stream. */
  readonly events: readonly OutgoingEvent[];
}

export interface HeldEvents {
  /** Adds what is news in `epoch`; the same again does no harm. */
  put(sessionId: string, epoch: HeldEpoch): void;
  /** What is held of a session, the oldest epoch first. */
  of(sessionId: string): readonly HeldEpoch[];
  forget(sessionId: string): void;
  /** Forgets the sessions that `known` denies. */
  prune(known: (sessionId: string) => boolean): void;
  /** Sessions of which something is held. */
  readonly size: number;
  /** UTF-16 units of data held. */
  readonly bytes: number;
}

export interface HeldEventsOptions {
  /** Of one session at one epoch. */
  readonly limits: () => EventLogLimits;
  /** Of all sessions; beyond, those go that had no news for the longest time. */
  readonly bytesMax: number;
}

/** A session that moves again and again keeps the events of its last owners. */
const EPOCHS_MAX = 4;

interface Kept {
  readonly epoch: number;
  delivered: number;
  events: OutgoingEvent[];
  /** Highest sequence known of each stream. */
  readonly sequences: Map<number, number>;
  bytes: number;
}

export function createHeldEvents(options: HeldEventsOptions): HeldEvents {
  /** The one with the oldest news first. */
  const sessions = new Map<string, Kept[]>();
  let bytes = 0;
  const release = (kept: readonly Kept[]): void => {
    for (const each of kept) bytes -= each.bytes;
  };
  const forget = (sessionId: string): void => {
    release(sessions.get(sessionId) ?? []);
    sessions.delete(sessionId);
  };
  const take = (sessionId: string, epoch: HeldEpoch): void => {
    const epochs = sessions.get(sessionId) ?? [];
    sessions.delete(sessionId);
    sessions.set(sessionId, epochs);
    let kept = epochs.find((each) => each.epoch === epoch.epoch);
    if (kept === undefined) {
      kept = { epoch: epoch.epoch, delivered: 0, events: [], sequences: new Map(), bytes: 0 };
      epochs.push(kept);
      epochs.sort((a, b) => a.epoch - b.epoch);
      release(epochs.splice(0, Math.max(0, epochs.length - EPOCHS_MAX)));
      if (!epochs.includes(kept)) return;
    }
    bytes -= kept.bytes;
    extend(kept, epoch, options.limits());
    bytes += kept.bytes;
  };
  return {
    put(sessionId, epoch) {
      if (epoch.events.length === 0 && !sessions.has(sessionId)) return;
      take(sessionId, epoch);
      while (bytes > options.bytesMax) {
        const oldest = sessions.keys().next();
        if (oldest.done === true) return;
        forget(oldest.value);
      }
    },
    of: (sessionId) => sessions.get(sessionId) ?? [],
    forget,
    prune(known) {
      for (const id of sessions.keys()) if (!known(id)) forget(id);
    },
    get size() {
      return sessions.size;
    },
    get bytes() {
      return bytes;
    },
  };
}

function extend(kept: Kept, news: HeldEpoch, limits: EventLogLimits): void {
  kept.delivered = Math.max(kept.delivered, news.delivered);
  for (const event of news.events) {
    const id = parseEventId(event.id);
    if (id?.epoch !== kept.epoch || id.sequence <= (kept.sequences.get(id.stream) ?? -1)) continue;
    kept.sequences.set(id.stream, id.sequence);
    kept.events.push(event);
    kept.bytes += event.data.length;
  }
  while (
    kept.events.length > limits.eventsMax ||
    (kept.bytes > limits.bytesMax && kept.events.length > 1)
  )
    kept.bytes -= kept.events.shift()?.data.length ?? 0;
  // A stream of which nothing is left need not be remembered; its events do not come again.
  if (kept.sequences.size > limits.eventsMax * 2) {
    const alive = new Set(kept.events.map((event) => parseEventId(event.id)?.stream));
    for (const stream of kept.sequences.keys())
      if (!alive.has(stream)) kept.sequences.delete(stream);
  }
}

/** What several pods hold of one session as one list of epochs. */
export function mergeHeld(answers: readonly (readonly HeldEpoch[])[]): readonly HeldEpoch[] {
  const unlimited = { eventsMax: Infinity, bytesMax: Infinity };
  const merged = createHeldEvents({ limits: () => unlimited, bytesMax: Infinity });
  const all = answers.flat();
  // Whoever holds more of an epoch comes first: the rest has at most later events.
  for (const epoch of all.toSorted((a, b) => b.events.length - a.events.length))
    merged.put('', epoch);
  return merged.of('');
}

/** The events after `from` on its stream; the standalone stream goes on through later epochs. */
export function heldAfter(held: readonly HeldEpoch[], from: EventId): readonly OutgoingEvent[] {
  return held.flatMap(({ epoch, events }) => {
    if (epoch < from.epoch || (epoch > from.epoch && from.stream !== STANDALONE_STREAM)) return [];
    return events.filter((event) => {
      const id = parseEventId(event.id);
      return id?.stream === from.stream && (epoch > from.epoch || id.sequence > from.sequence);
    });
  });
}

/** The request that a POST's stream answers, if it was kept. */
export function heldRequest(held: readonly HeldEpoch[], of: EventId): string | undefined {
  const { events = [] } = held.find(({ epoch }) => epoch === of.epoch) ?? {};
  const found = events.find((event) => {
    const id = parseEventId(event.id);
    return id?.stream === of.stream && id.sequence === 0;
  });
  return found?.data;
}

/** Events of the standalone stream that nobody has read. */
export function heldUnread(held: readonly HeldEpoch[]): readonly OutgoingEvent[] {
  return held.flatMap(({ delivered, events }) =>
    events.filter((event) => {
      const id = parseEventId(event.id);
      return id?.stream === STANDALONE_STREAM && id.sequence > delivered;
    }),
  );
}
