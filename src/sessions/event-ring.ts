/** The newest events of one session, in all its streams, within limits. */

/** One event as it goes to a client; empty data = a resume point only. */
export interface OutgoingEvent {
  readonly id: string;
  readonly data: string;
}

export interface EventLogLimits {
  /** Events kept for resuming, in all streams of the session. */
  readonly eventsMax: number;
  /** Bytes (UTF-16 units) of data kept for resuming. */
  readonly bytesMax: number;
}

interface Kept {
  readonly stream: number;
  readonly sequence: number;
  readonly event: OutgoingEvent;
}

export interface EventRing {
  readonly size: number;
  readonly bytes: number;
  add(item: Kept): void;
  after(stream: number, sequence: number): readonly OutgoingEvent[];
  /** The events added after the first `position` ones, at most `bytesMax` of data but one event in any case. */
  since(
    position: number,
    bytesMax: number,
  ): { readonly events: readonly OutgoingEvent[]; readonly position: number };
  holds(stream: number): boolean;
  /** Event 0 of a stream is its request. */
  forgetRequest(stream: number): void;
  remove(stream: number): void;
}

/** The newest events of all streams within the limits; the newest one stays even if it alone is too large. */
export function createEventRing(
  limits: EventLogLimits,
  onEvict: (stream: number) => void,
): EventRing {
  let kept: (Kept & { readonly position: number })[] = [];
  /** Events added so far. */
  let added = 0;
  let bytes = 0;
  return {
    get size() {
      return kept.length;
    },
    get bytes() {
      return bytes;
    },
    add(item) {
      kept.push({ ...item, position: ++added });
      bytes += item.event.data.length;
      while (kept.length > limits.eventsMax || (bytes > limits.bytesMax && kept.length > 1)) {
        const gone = kept.shift();
        if (gone === undefined) return;
        bytes -= gone.event.data.length;
        onEvict(gone.stream);
      }
    },
    after: (stream, sequence) =>
      kept
        .filter((item) => item.stream === stream && item.sequence > sequence)
        .map((item) => item.event),
    since(position, bytesMax) {
      const news = kept.slice(kept.findLastIndex((item) => item.position <= position) + 1);
      let room = bytesMax;
      const tooMuch = news.findIndex((item, index) => {
        room -= item.event.data.length;
        return room < 0 && index > 0;
      });
      const slice = tooMuch === -1 ? news : news.slice(0, tooMuch);
      return {
        events: slice.map((item) => item.event),
        position: slice.at(-1)?.position ?? position,
      };
    },
    forgetRequest(stream) {
      const index = kept.findLastIndex((item) => item.stream === stream && item.sequence === 0);
      if (index === -1) return;
      bytes -= kept[index]?.event.data.length ?? 0;
      kept.splice(index, 1);
    },
    holds: (stream) => kept.some((item) => item.stream === stream),
    remove(stream) {
      kept = kept.filter((item) => item.stream !== stream);
      bytes = kept.reduce((sum, item) => sum + item.event.data.length, 0);
    },
  };
}
