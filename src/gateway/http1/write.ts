/** HTTP/1.1 messages as bytes: heads, chunks, and the bare answers to what is no request. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { isHeaderField } from './head.ts';

/** A header that would break out of its line; from a peer or a server that does not play by the rules. */
export class HeaderError extends Error {
  override readonly name = 'HeaderError';
}

/** The lines of header fields. Throws {@link HeaderError}. */
export function fieldLines(headers: Readonly<Record<string, string>>): string {
  let lines = '';
  for (const name in headers) {
    const value = headers[name] as string;
    if (!isHeaderField(name, value)) throw new HeaderError(`header ${JSON.stringify(name)}`);
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/**
 * The head of an answer, with `body` and its length when it is given, as the arguments of a write. `connection`: it is kept
 * for so long.
 */
export function answerHead(
  status: number,
  headers: Readonly<Record<string, string>>,
  connection: { readonly keepAliveMs: number } | undefined,
  body: string | undefined,
): [string | Buffer, BufferEncoding] {
  const bodyless = body === undefined || status === 204 || status === 304;
  const length = bodyless ? 0 : Buffer.byteLength(body);
  const kept =
    connection === undefined
      ? 'connection: close\r\n'
      : `connection: keep-alive\r\nkeep-alive: timeout=${Math.ceil(connection.keepAliveMs / 1000)}\r\n`;
  const { connection: _ours, ...rest } = headers;
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n${fieldLines('connection' in headers ? rest : headers)}date: ${httpDate()}\r\n${kept}${bodyless ? '' : `content-length: ${length}\r\n`}\r\n`;
  if (bodyless) return [head, 'latin1'];
  // A text that is as long in bytes as in characters is ASCII; then one write of a flat text does.
  if (length === body.length) return [head + body, 'latin1'];
  return [Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]), 'latin1'];
}

/** Writes one chunk of a chunked body; false when the reader lags. An empty one would end the body: nothing is written. */
export function chunkOf(socket: Socket, data: string | Uint8Array): boolean {
  if (data.length === 0) return true;
  if (typeof data === 'string') {
    const length = Buffer.byteLength(data);
    const encoding = length === data.length ? 'latin1' : 'utf8';
    return socket.write(`${length.toString(16)}\r\n${data}\r\n`, encoding);
  }
  socket.cork();
  socket.write(`${data.length.toString(16)}\r\n`, 'latin1');
  socket.write(data);
  const more = socket.write('\r\n', 'latin1');
  socket.uncork();
  return more;
}

/** A whole answer to what was no request; the connection ends with it. */
export function errorAnswer(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`;
}

let date = { second: 0, text: '' };

/** The time as RFC 9110 §5.6.7 wants it, made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== date.second) date = { second, text: new Date(second * 1000).toUTCString() };
  return date.text;
}
