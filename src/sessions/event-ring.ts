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

/**
 * The newest events of all streams within the limits; the newest one stays even if it alone is too large. A class, like all
 * that there is one of for each session: closures would be a third of what a session takes.
 */
export class EventRing {
  readonly #limits: EventLogLimits;
  #kept: (Kept & { readonly position: number })[] = [];
  /** Events added so far. */
  #added = 0;
  #bytes = 0;

  constructor(limits: EventLogLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#kept.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds an event; `onEvict` is told the stream of each one that has to go for it. */
  add(item: Kept, onEvict: (stream: number) => void): void {
    const { eventsMax, bytesMax } = this.#limits;
    const kept = this.#kept;
    kept.push({ ...item, position: ++this.#added });
    this.#bytes += item.event.data.length;
    while (kept.length > eventsMax || (this.#bytes > bytesMax && kept.length > 1)) {
      const gone = kept.shift();
      if (gone === undefined) return;
      this.#bytes -= gone.event.data.length;
      onEvict(gone.stream);
    }
  }

  after(stream: number, sequence: number): readonly OutgoingEvent[] {
    return this.#kept
      .filter((item) => item.stream === stream && item.sequence > sequence)
      .map((item) => item.event);
  }

  /** The events added after the first `position` ones, at most `bytesMax` of data but one event in any case. */
  since(
    position: number,
    bytesMax: number,
  ): { readonly events: readonly OutgoingEvent[]; readonly position: number } {
    const news = this.#kept.slice(
      this.#kept.findLastIndex((item) => item.position <= position) + 1,
    );
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
  }

  /** Event 0 of a stream is its request. */
  forgetRequest(stream: number): void {
    const index = this.#kept.findLastIndex((item) => item.stream === stream && item.sequence === 0);
    if (index === -1) return;
    this.#bytes -= this.#kept[index]?.event.data.length ?? 0;
    this.#kept.splice(index, 1);
  }

  holds(stream: number): boolean {
    return this.#kept.some((item) => item.stream === stream);
  }

  remove(stream: number): void {
    this.#kept = this.#kept.filter((item) => item.stream !== stream);
    this.#bytes = this.#kept.reduce((sum, item) => sum + item.event.data.length, 0);
  }
}
