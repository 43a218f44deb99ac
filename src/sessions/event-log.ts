/**
 * The event buffer of one session at one owner: every SSE event it sends gets its id here, and is kept, within limits, so
 * that a client that lost its connection can resume after any of them.
 */
import type { RequestId } from '../mcp/index.ts';
import { encodeRequestIds, STANDALONE_STREAM } from './event-id.ts';
import { EventRing, type EventLogLimits, type OutgoingEvent } from './event-ring.ts';

/** Who receives the events of a stream from now on. */
export interface EventSink {
  push(event: OutgoingEvent): void;
  /** The stream is over, or closed by the server for the client to poll; resuming tells which. */
  end(): void;
  /** The stream cannot go on here. */
  fail(reason: Error): void;
}

export type Attachment =
  /** The sink has got the events after the resume point and gets the later ones; `detach` ends that. */
  | { readonly type: 'attached'; detach(): void }
  /** The stream ended, and the sink has got what was left of it. */
  | { readonly type: 'complete' }
  /** Nothing is known of this stream (any more). */
  | { readonly type: 'unknown' };

export interface EventLog {
  /**
   * A new stream for a POST that answers `requestIds`; returns its number. A `request` that may be repeated is kept with the
   * stream's events, as number 0, for an owner that has to run it anew.
   */
  open(requestIds: readonly RequestId[], request?: string): number;
  /** Adds an event; `final` = the stream's last. Ignored after {@link drop}. */
  append(stream: number, data: string, final?: boolean): void;
  /** The resume point of a stream as it is now, as an event without data. */
  resumePoint(stream: number): OutgoingEvent;
  /** Sends the events after `sequence` and all later ones to `sink`. Without `sequence`: those nobody has received. */
  attach(stream: number, sink: EventSink, sequence?: number): Attachment;
  /** Ends the connections of a stream, but keeps the stream: the server wants its client to poll. */
  pause(stream: number): void;
  /** Forgets a stream that cannot be answered here; its sinks fail with `reason`. */
  drop(stream: number, reason: Error): void;
  /** Drops every stream. */
  close(reason: Error): void;
  /**
   * What was added after `position` and is still kept, for whoever keeps a copy: at most `bytesMax` of data (one event in any
   * case), and the position to ask from next. Position 0 is before everything.
   */
  since(position: number, bytesMax: number): LogSlice;
  /** Events held for resuming. */
  readonly size: number;
  readonly bytes: number;
}

export interface LogSlice {
  readonly events: readonly OutgoingEvent[];
  readonly position: number;
  /** Events of the standalone stream up to this sequence have had a reader. */
  readonly delivered: number;
}

interface Stream {
  readonly suffix: string;
  sequence: number;
  /** Highest sequence that a sink received. */
  delivered: number;
  complete: boolean;
  /** The newest receives; the others wait, for each message goes on exactly one stream. */
  sinks: EventSink[];
}

/** The log of one session at `epoch`; `onNews` is called when {@link EventLog.since} has more to tell. */
export function createEventLog(
  epoch: number,
  limits: EventLogLimits,
  onNews: () => void = () => undefined,
): EventLog {
  return new SessionEventLog(epoch, limits, onNews);
}

class SessionEventLog implements EventLog {
  readonly #epoch: number;
  readonly #onNews: () => void;
  readonly #ring: EventRing;
  readonly #streams = new Map<number, Stream>([[STANDALONE_STREAM, newStream([])]]);
  #nextStream = STANDALONE_STREAM + 1;

  constructor(epoch: number, limits: EventLogLimits, onNews: () => void) {
    this.#epoch = epoch;
    this.#onNews = onNews;
    this.#ring = new EventRing(limits);
  }

  get size(): number {
    return this.#ring.size;
  }

  get bytes(): number {
    return this.#ring.bytes;
  }

  open(requestIds: readonly RequestId[], request?: string): number {
    const number = this.#nextStream++;
    const state = newStream(requestIds);
    this.#streams.set(number, state);
    if (request === undefined) return number;
    this.#keep(number, state, { id: this.#idOf(number, state, false), data: request });
    return number;
  }

  append(number: number, data: string, final = false): void {
    const state = this.#streams.get(number);
    if (state === undefined || state.complete) return;
    state.sequence += 1;
    state.complete = final;
    const event = { id: this.#idOf(number, state, final), data };
    deliver(state, event);
    // Whoever has the answer need not run the request again.
    if (final) this.#ring.forgetRequest(number);
    if (final) endSinks(state);
    this.#keep(number, state, event);
  }

  resumePoint(number: number): OutgoingEvent {
    const state = this.#streams.get(number);
    return { id: state === undefined ? '' : this.#idOf(number, state, false), data: '' };
  }

  attach(number: number, sink: EventSink, sequence?: number): Attachment {
    const state = this.#streams.get(number);
    if (state === undefined) return { type: 'unknown' };
    for (const event of this.#ring.after(number, sequence ?? state.delivered)) sink.push(event);
    return attachTo(state, sink);
  }

  pause(number: number): void {
    endSinks(this.#streams.get(number));
  }

  drop(number: number, reason: Error): void {
    const state = this.#streams.get(number);
    if (state === undefined) return;
    this.#streams.delete(number);
    this.#ring.remove(number);
    for (const sink of state.sinks.splice(0)) sink.fail(reason);
  }

  close(reason: Error): void {
    for (const number of this.#streams.keys()) this.drop(number, reason);
  }

  since(from: number, bytesMax: number): LogSlice {
    const delivered = this.#streams.get(STANDALONE_STREAM)?.delivered ?? 0;
    return { ...this.#ring.since(from, bytesMax), delivered };
  }

  #idOf(stream: number, state: Stream, final: boolean): string {
    return `${this.#epoch}.${stream}.${state.sequence}.${final ? 'f' : 'm'}${state.suffix}`;
  }

  #keep(stream: number, { sequence }: Stream, event: OutgoingEvent): void {
    this.#ring.add({ stream, sequence, event }, (evicted) => this.#evicted(evicted));
    this.#onNews();
  }

  /** A completed stream is known as long as one of its events is kept. */
  #evicted(number: number): void {
    if (this.#streams.get(number)?.complete === true && !this.#ring.holds(number))
      this.#streams.delete(number);
  }
}

function endSinks(state: Stream | undefined): void {
  for (const sink of state?.sinks.splice(0) ?? []) sink.end();
}

function deliver(state: Stream, event: OutgoingEvent): void {
  const sink = state.sinks.at(-1);
  if (sink === undefined) return;
  state.delivered = state.sequence;
  sink.push(event);
}

function attachTo(state: Stream, sink: EventSink): Attachment {
  state.delivered = state.sequence;
  if (state.complete) {
    sink.end();
    return { type: 'complete' };
  }
  state.sinks.push(sink);
  return {
    type: 'attached',
    detach: () => {
      state.sinks = state.sinks.filter((other) => other !== sink);
    },
  };
}

function newStream(requestIds: readonly RequestId[]): Stream {
  const suffix = requestIds.length === 0 ? '' : `.${encodeRequestIds(requestIds)}`;
  return { suffix, sequence: 0, delivered: 0, complete: false, sinks: [] };
}
