/**
 * The event buffer of one session at one owner: every SSE event it sends gets its id here, and is kept, within limits, so
 * that a client that lost its connection can resume after any of them.
 */
import type { RequestId } from '../mcp/index.ts';
import { encodeRequestIds, STANDALONE_STREAM } from './event-id.ts';
import { createEventRing, type EventLogLimits, type OutgoingEvent } from './event-ring.ts';

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
  const streams = new Map<number, Stream>([[STANDALONE_STREAM, newStream([])]]);
  // A completed stream is known as long as one of its events is kept.
  const ring = createEventRing(limits, (number) => {
    if (streams.get(number)?.complete === true && !ring.holds(number)) streams.delete(number);
  });
  let nextStream = STANDALONE_STREAM + 1;
  const idOf = (stream: number, state: Stream, final: boolean): string =>
    `${epoch}.${stream}.${state.sequence}.${final ? 'f' : 'm'}${state.suffix}`;
  const keep = (stream: number, { sequence }: Stream, event: OutgoingEvent): void => {
    ring.add({ stream, sequence, event });
    onNews();
  };
  const drop = (number: number, reason: Error): void => {
    const state = streams.get(number);
    if (state === undefined) return;
    streams.delete(number);
    ring.remove(number);
    for (const sink of state.sinks.splice(0)) sink.fail(reason);
  };

  return {
    open(requestIds, request) {
      const number = nextStream++;
      const state = newStream(requestIds);
      streams.set(number, state);
      if (request === undefined) return number;
      keep(number, state, { id: idOf(number, state, false), data: request });
      return number;
    },
    append(number, data, final = false) {
      const state = streams.get(number);
      if (state === undefined || state.complete) return;
      state.sequence += 1;
      state.complete = final;
      const event = { id: idOf(number, state, final), data };
      deliver(state, event);
      // Whoever has the answer need not run the request again.
      if (final) ring.forgetRequest(number);
      if (final) endSinks(state);
      keep(number, state, event);
    },
    resumePoint(number) {
      const state = streams.get(number);
      return { id: state === undefined ? '' : idOf(number, state, false), data: '' };
    },
    attach(number, sink, sequence) {
      const state = streams.get(number);
      if (state === undefined) return { type: 'unknown' };
      for (const event of ring.after(number, sequence ?? state.delivered)) sink.push(event);
      return attachTo(state, sink);
    },
    pause: (number) => endSinks(streams.get(number)),
    drop,
    close(reason) {
      for (const number of streams.keys()) drop(number, reason);
    },
    since(from, bytesMax) {
      const delivered = streams.get(STANDALONE_STREAM)?.delivered ?? 0;
      return { ...ring.since(from, bytesMax), delivered };
    },
    get size() {
      return ring.size;
    },
    get bytes() {
      return ring.bytes;
    },
  };
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
