/**
 * Event ids of the gateway's SSE streams. An id says which epoch, stream and event it is, whether the stream had its last
 * event, and, for a POST's stream, which requests it answers: so any pod can answer a `Last-Event-ID`, also for a stream
 * whose pod is gone. Form: `<epoch>.<stream>.<sequence>.<m|f>[.<base64url of the JSON ids>]`.
 */
import { Buffer } from 'node:buffer';
import type { RequestId } from '../mcp/index.ts';

/** Stream number of the standalone GET stream. */
export const STANDALONE_STREAM = 0;

/** Longest id that is looked at. */
const EVENT_ID_LENGTH_MAX = 8192;

export interface EventId {
  readonly epoch: number;
  readonly stream: number;
  /** 0 = before the first event. */
  readonly sequence: number;
  /** True for the last event of a POST's stream: nothing follows it, wherever it is resumed. */
  readonly final: boolean;
  /** The requests a POST's stream answers; empty for the standalone stream. */
  readonly requestIds: readonly RequestId[];
}

/** The text of an event id; only characters that are safe in a header. */
export function formatEventId(id: EventId): string {
  const head = `${id.epoch}.${id.stream}.${id.sequence}.${id.final ? 'f' : 'm'}`;
  return id.requestIds.length === 0 ? head : `${head}.${encodeRequestIds(id.requestIds)}`;
}

/** The request ids of a stream in the form event ids carry; encode once per stream. */
export function encodeRequestIds(requestIds: readonly RequestId[]): string {
  return Buffer.from(JSON.stringify(requestIds)).toString('base64url');
}

/** The id in `text`, or undefined when no gateway of ours can have written it. */
export function parseEventId(text: string): EventId | undefined {
  if (text.length > EVENT_ID_LENGTH_MAX) return undefined;
  const match = /^(\d{1,15})\.(\d{1,15})\.(\d{1,15})\.([mf])(?:\.([\w-]+))?$/.exec(text);
  if (match === null) return undefined;
  const requestIds = match[5] === undefined ? [] : decodeRequestIds(match[5]);
  if (requestIds === undefined) return undefined;
  return {
    epoch: Number(match[1]),
    stream: Number(match[2]),
    sequence: Number(match[3]),
    final: match[4] === 'f',
    requestIds,
  };
}

/** The id of the last event of a stream, made by somebody who only knows an earlier id of it. */
export function finalEventId(lastEventId: string): string {
  const id = parseEventId(lastEventId);
  const base = id ?? { epoch: 0, stream: 1, sequence: 0, requestIds: [] };
  return formatEventId({ ...base, sequence: base.sequence + 1, final: true });
}

function decodeRequestIds(text: string): RequestId[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (!Array.isArray(value) || value.length === 0) return undefined;
    return value.every((id) => typeof id === 'string' || Number.isSafeInteger(id))
      ? (value as RequestId[])
      : undefined;
  } catch {
    return undefined;
  }
}
