/**
 * The event buffer of one session at one owner: every SSE event it sends gets its id here, and is kept, within limits, so
 * that a client that lost its connection can resume after any of them.
 */
import type { RequestId } from '../mcp/index.ts';
import { encodeRequestIds, STANDALONE_STREAM } from './event-id.ts';

/** One event as it goes to a client; empty data = a resume point only. */
export interface OutgoingEvent {
  readonly id: string;
  readonly data: string;
}

/** Who receives the events of a stream from now on. */
export interface EventSink {
  push(event: OutgoingEvent): void;
  /** The stream is over, or closed by the server for the client to poll; resuming tells which. */
  end(): void;
  /** The stream cannot go on here. */
  fail(reason: Error): void;
}

export interface EventLogLimits {
  /** Events kept for resuming, in all streams of the session. */
  readonly eventsMax: number;
  /** Bytes (UTF-16 units) of data kept for resuming. */
  readonly bytesMax: number;
}

export type Attachment =
  /** The sink has got the events after the resume point and gets the later ones; `detach` ends that. */
  | { readonly type: 'attached'; detach(): void }
  /** The stream ended, and the sink has got what was left of it. */
  | { readonly type: 'complete' }
  /** Nothing is known of this stream (any more). */
  | { readonly type: 'unknown' };

export interface EventLog {
  /** A new stream for a POST that answers `requestIds`; returns its number. */
  open(requestIds: readonly RequestId[]): number;
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
  /** Events held for resuming. */
  readonly size: number;
  readonly bytes: number;
  /** Streams that are known and not complete, without the standalone one. */
  readonly running: number;
}

interface Kept {
  readonly stream: number;
  readonly sequence: number;
  readonly event: OutgoingEvent;
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

/** The log of one session at `epoch`. */
export function createEventLog(epoch: number, limits: EventLogLimits): EventLog {
  const streams = new Map<number, Stream>([[STANDALONE_STREAM, newStream([])]]);
  // A completed stream is known as long as one of its events is kept.
  const ring = createRing(limits, (number) => {
    if (streams.get(number)?.complete === true && !ring.holds(number)) streams.delete(number);
  });
  let nextStream = STANDALONE_STREAM + 1;
  const idOf = (stream: number, state: Stream, final: boolean): string =>
    `${epoch}.${stream}.${state.sequence}.${final ? 'f' : 'm'}${state.suffix}`;
  const drop = (number: number, reason: Error): void => {
    const state = streams.get(number);
    if (state === undefined) return;
    streams.delete(number);
    ring.remove(number);
    for (const sink of state.sinks.splice(0)) sink.fail(reason);
  };

  return {
    open(requestIds) {
      const number = nextStream++;
      streams.set(number, newStream(requestIds));
      return number;
    },
    append(number, data, final = false) {
      const state = streams.get(number);
      if (state === undefined || state.complete) return;
      state.sequence += 1;
      state.complete = final;
      const event = { id: idOf(number, state, final), data };
      const sink = state.sinks.at(-1);
      if (sink !== undefined) {
        state.delivered = state.sequence;
        sink.push(event);
      }
      if (final) for (const open of state.sinks.splice(0)) open.end();
      ring.add({ stream: number, sequence: state.sequence, event });
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
    pause(number) {
      for (const sink of streams.get(number)?.sinks.splice(0) ?? []) sink.end();
    },
    drop,
    close(reason) {
      for (const number of streams.keys()) drop(number, reason);
    },
    get size() {
      return ring.size;
    },
    get bytes() {
      return ring.bytes;
    },
    get running() {
      const open = [...streams].filter(([number, state]) => number > 0 && !state.complete);
      return open.length;
    },
  };
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

interface Ring {
  readonly size: number;
  readonly bytes: number;
  add(item: Kept): void;
  after(stream: number, sequence: number): readonly OutgoingEvent[];
  holds(stream: number): boolean;
  remove(stream: number): void;
}

/** The newest events of all streams within the limits; the newest one stays even if it alone is too large. */
function createRing(limits: EventLogLimits, onEvict: (stream: number) => void): Ring {
  let kept: Kept[] = [];
  let bytes = 0;
  return {
    get size() {
      return kept.length;
    },
    get bytes() {
      return bytes;
    },
    add(item) {
      kept.push(item);
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
    holds: (stream) => kept.some((item) => item.stream === stream),
    remove(stream) {
      kept = kept.filter((item) => item.stream !== stream);
      bytes = kept.reduce((sum, item) => sum + item.event.data.length, 0);
    },
  };
}

function newStream(requestIds: readonly RequestId[]): Stream {
  const suffix = requestIds.length === 0 ? '' : `.${encodeRequestIds(requestIds)}`;
  return { suffix, sequence: 0, delivered: 0, complete: false, sinks: [] };
}
