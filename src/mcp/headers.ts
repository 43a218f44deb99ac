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
  return (value ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** True when the `Accept` list names `type` itself; wildcards do not count, as the specification wants both types listed. */
export function accepts(accept: string | undefined, type: string): boolean {
  return (accept ?? '').split(',').some((item) => mediaType(item) === type);
}

/** The end-to-end headers among `headers`, minus `except` and minus those that `connection` lists. */
export function endToEndHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  except: readonly string[] = [],
): Record<string, string> {
  const listed = new Set(
    String(headers['connection'] ?? '')
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || HOP_BY_HOP.has(name) || listed.has(name) || except.includes(name))
      continue;
    kept[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return kept;
}
