/** Values of `Mcp-Name` and `Mcp-Param-*` headers: how text that is no header value travels, and when one equals a body's. */

const SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;
/** RFC 4648 §4 with its padding; what other decoders would silently accept is malformed here. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DECIMAL = /^[+-]?\d+(?:\.\d+)?$/;

/** The text in a header's value, `=?base64?…?=` decoded; undefined when the encoding is malformed. */
export function decodeHeaderValue(value: string): string | undefined {
  const trimmed = value.replaceAll(/^[ \t]+|[ \t]+$/g, '');
  if (!trimmed.startsWith('=?base64?') || !trimmed.endsWith('?=')) return trimmed;
  const encoded = SENTINEL.exec(trimmed)?.[1];
  if (encoded === undefined || !BASE64.test(encoded)) return undefined;
  try {
    const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** True when a decoded header says the same as the body's value; numbers are compared as numbers. */
export function headerEquals(decoded: string, value: unknown): boolean {
  if (typeof value === 'string') return decoded === value;
  if (typeof value === 'boolean') return decoded === String(value);
  return typeof value === 'number' && DECIMAL.test(decoded) && Number(decoded) === value;
}
