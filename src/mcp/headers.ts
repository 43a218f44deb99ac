/** HTTP header names and rules of Streamable HTTP. Names are lower case, as Node delivers them. */

export const HEADER = {
  accept: 'accept',
  contentType: 'content-type',
  host: 'host',
  lastEventId: 'last-event-id',
  mcpMethod: 'mcp-method',
  mcpName: 'mcp-name',
  origin: 'origin',
  protocolVersion: 'mcp-protocol-version',
  sessionId: 'mcp-session-id',
} as const;

export const JSON_TYPE = 'application/json';
export const EVENT_STREAM_TYPE = 'text/event-stream';

/** What every SSE response carries, so that no proxy buffers or rewrites it. */
export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  'content-type': EVENT_STREAM_TYPE,
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** Headers that belong to one connection (RFC 9110 §7.6.1) or to one message's framing: never forwarded. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The media type without parameters, lower case; '' when the header is missing. */
export function mediaType(value: string | undefined): string {
  if (value === JSON_TYPE || value === EVENT_STREAM_TYPE) return value;
  return (value ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** True when the `Accept` list names `type` itself; wildcards do not count, as the specification wants both types listed. */
export function accepts(accept: string | undefined, type: string): boolean {
  // What the official clients send, word for word.
  if (accept === BOTH_TYPES && (type === JSON_TYPE || type === EVENT_STREAM_TYPE)) return true;
  return (accept ?? '').split(',').some((item) => mediaType(item) === type);
}

const BOTH_TYPES = `${JSON_TYPE}, ${EVENT_STREAM_TYPE}`;

/** The end-to-end headers among `headers`, minus `except` and minus those that `connection` lists. */
export function endToEndHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  except: ReadonlySet<string> = NONE,
): Record<string, string> {
  const listed = listedIn(headers['connection']);
  const kept: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value === undefined || HOP_BY_HOP.has(name) || except.has(name)) continue;
    if (listed !== NOTHING && listed.includes(name)) continue;
    kept[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return kept;
}

const NONE: ReadonlySet<string> = new Set();
const NOTHING: readonly string[] = [];

/** Names of headers that belong to one connection because its `Connection` header says so. */
function listedIn(connection: string | string[] | undefined): readonly string[] {
  // These two are not names of headers.
  if (connection === undefined || connection === 'keep-alive' || connection === 'close')
    return NOTHING;
  const names = String(connection).toLowerCase().split(',');
  return names.map((name) => name.trim());
}
