/** Server-Sent Events (WHATWG HTML §9.2): an incremental parser for bytes cut anywhere, and a serializer. */

/** One dispatched event. */
export interface SseEvent {
  /** `message` when the stream named none. */
  readonly event: string;
  readonly data: string;
  /** The id this event itself carried; undefined when it carried none. */
  readonly id?: string;
}

/** What the parser found, in order. */
export type SseItem =
  | ({ readonly type: 'event' } & SseEvent)
  /** An id without data: not an event for a browser, but a resume point. */
  | { readonly type: 'id'; readonly id: string }
  | { readonly type: 'retry'; readonly retryMs: number }
  | { readonly type: 'comment'; readonly text: string };

export interface SseParser {
  /** Feeds the next bytes; returns what they completed. Throws {@link SseLimitError} when one event passes the limit. */
  push(chunk: Uint8Array): SseItem[];
}

/** One event of the stream is longer than the reader accepts. */
export class SseLimitError extends Error {
  override readonly name = 'SseLimitError';
}

/** A parser of one stream. `eventCharsMax` bounds what an unfinished event may hold. An unfinished event at the end is dropped, as the standard says. */
export function createSseParser(eventCharsMax: number): SseParser {
  // TextDecoder keeps the bytes of a character cut in two, and drops a leading byte order mark.
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let skipLineFeed = false;
  let held = 0;
  let pending: Pending = { event: '', data: [], id: undefined };

  const line = (text: string, out: SseItem[]): void => {
    held += text.length;
    if (held > eventCharsMax) throw new SseLimitError(`an SSE event exceeds ${eventCharsMax}`);
    if (text !== '') return field(text, pending, out);
    dispatch(pending, out);
    held = 0;
    pending = { event: '', data: [], id: undefined };
  };

  return {
    push(chunk) {
      const out: SseItem[] = [];
      let text = rest + decoder.decode(chunk, { stream: true });
      // A CR that ended the last chunk already ended its line; the LF of the pair may come only now.
      if (skipLineFeed && text !== '') {
        if (text.startsWith('\n')) text = text.slice(1);
        skipLineFeed = false;
      }
      let start = 0;
      for (;;) {
        // What was left over holds no line end; it need not be searched again.
        const end = lineEnd(text, start === 0 ? rest.length : start);
        if (end === -1) break;
        line(text.slice(start, end), out);
        start = end + 1;
        if (text[end] !== '\r') continue;
        if (start === text.length) skipLineFeed = true;
        else if (text[start] === '\n') start += 1;
      }
      rest = text.slice(start);
      if (held + rest.length > eventCharsMax)
        throw new SseLimitError(`an SSE event exceeds ${eventCharsMax} characters`);
      return out;
    },
  };
}

interface Pending {
  event: string;
  data: string[];
  id: string | undefined;
}

function lineEnd(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 10 || code === 13) return i;
  }
  return -1;
}

function field(line: string, pending: Pending, out: SseItem[]): void {
  const colon = line.indexOf(':');
  if (colon === 0) {
    out.push({ type: 'comment', text: line.slice(1).trimStart() });
    return;
  }
  const name = colon === -1 ? line : line.slice(0, colon);
  const raw = colon === -1 ? '' : line.slice(colon + 1);
  const value = raw.startsWith(' ') ? raw.slice(1) : raw;
  switch (name) {
    case 'data':
      pending.data.push(value);
      break;
    case 'event':
      pending.event = value;
      break;
    case 'id':
      if (!value.includes('\0')) pending.id = value;
      break;
    case 'retry':
      if (/^\d{1,9}$/.test(value)) out.push({ type: 'retry', retryMs: Number(value) });
      break;
    default: // Unknown fields are ignored.
  }
}

function dispatch(pending: Pending, out: SseItem[]): void {
  const { data, event, id } = pending;
  if (data.length > 0) {
    out.push({
      type: 'event',
      event: event === '' ? 'message' : event,
      data: data.join('\n'),
      ...(id === undefined ? {} : { id }),
    });
  } else if (id !== undefined) out.push({ type: 'id', id });
}

export interface SseFrame {
  readonly data: string;
  readonly id?: string | undefined;
  /** Written only when it is not `message` and not empty data's default. */
  readonly event?: string | undefined;
  readonly retryMs?: number | undefined;
}

/** One event as text. Line ends inside `data` become several data lines; `id` and `event` must not hold any. */
export function serializeSse(frame: SseFrame): string {
  let text = '';
  if (frame.event !== undefined) text += `event: ${frame.event}\n`;
  if (frame.id !== undefined) text += `id: ${frame.id}\n`;
  if (frame.retryMs !== undefined) text += `retry: ${frame.retryMs}\n`;
  for (const line of frame.data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** A comment line: keeps proxies and clients from giving up on a quiet stream. */
export function serializeSseComment(text: string): string {
  return `: ${text.replaceAll(/[\r\n]/g, ' ')}\n\n`;
}
