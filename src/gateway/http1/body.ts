/** Finds the end of a message's body in the bytes of a connection (RFC 9112 §6 and §7). Pure but for its own state. */
import type { Framing } from './head.ts';

/** What some bytes were. */
export interface Decoded {
  /** Content, in order. */
  readonly data: readonly Buffer[];
  /** The body is complete; `rest` belongs to the next message. */
  readonly done: boolean;
  readonly rest: Buffer;
}

export interface BodyDecoder {
  /** Throws {@link FramingError} for bytes that are no body of this framing. */
  push(bytes: Buffer): Decoded;
  /** The connection ended: true when that is a proper end of the body. */
  end(): boolean;
}

export class FramingError extends Error {
  override readonly name = 'FramingError';
}

const EMPTY = Buffer.alloc(0);

/** A decoder for one body. */
export function createBodyDecoder(framing: Framing): BodyDecoder {
  if (framing.type === 'length') return lengthDecoder(framing.length);
  if (framing.type === 'chunked') return chunkedDecoder();
  if (framing.type === 'none')
    return { push: (bytes) => ({ data: [], done: true, rest: bytes }), end: () => true };
  return { push: (bytes) => ({ data: [bytes], done: false, rest: EMPTY }), end: () => true };
}

function lengthDecoder(length: number): BodyDecoder {
  let left = length;
  return {
    push(bytes) {
      if (bytes.length < left) {
        left -= bytes.length;
        return { data: [bytes], done: false, rest: EMPTY };
      }
      const data = bytes.length === left ? bytes : bytes.subarray(0, left);
      const rest = bytes.length === left ? EMPTY : bytes.subarray(left);
      left = 0;
      return { data: [data], done: true, rest };
    },
    end: () => left === 0,
  };
}

/** A chunk's size with its extensions; extensions are ignored, but may not be long. */
const SIZE_LINE_MAX = 256;
const TRAILER_BYTES_MAX = 4096;
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const SIZE_LINE = new RegExp(`^([0-9a-fA-F]{1,8})(?:;${TOKEN}(?:=${TOKEN})?)*$`);
/** RFC 9110 §6.5.1: what says how a message is framed or routed cannot come after it. */
const NOT_IN_TRAILERS =
  /^(?:connection|content-length|host|keep-alive|te|transfer-encoding|upgrade):/i;
const TRAILER_LINE = new RegExp(`^${TOKEN}:[\\t -~\\x80-\\xff]*$`);

type Place =
  | { readonly at: 'size' | 'after-chunk' | 'end' }
  | { readonly at: 'chunk'; left: number }
  | { readonly at: 'trailer'; bytes: number };

function chunkedDecoder(): BodyDecoder {
  let place: Place = { at: 'size' };
  let line = '';

  /** A line up to CRLF, or undefined while it is not complete. A line feed alone ends no line. */
  const readLine = (bytes: Buffer, from: number, max: number): number | undefined => {
    const feed = bytes.indexOf(0x0a, from);
    const to = feed === -1 ? bytes.length : feed + 1;
    line += bytes.toString('latin1', from, to);
    if (line.length > max) throw new FramingError('a line of a chunked body is too long');
    if (feed === -1) return undefined;
    if (!line.endsWith('\r\n')) throw new FramingError('a line ends without CR');
    line = line.slice(0, -2);
    return to;
  };
  const endLine = (): void => {
    if (place.at === 'after-chunk') {
      if (line !== '') throw new FramingError('a chunk is longer than its size');
      place = { at: 'size' };
    } else if (place.at === 'size') {
      const size = SIZE_LINE.exec(line)?.[1];
      if (size === undefined) throw new FramingError('chunk size');
      const left = Number.parseInt(size, 16);
      place = left === 0 ? { at: 'trailer', bytes: 0 } : { at: 'chunk', left };
    } else if (place.at === 'trailer') {
      if (line === '') place = { at: 'end' };
      else if (!TRAILER_LINE.test(line) || NOT_IN_TRAILERS.test(line))
        throw new FramingError('trailer');
      else place.bytes += line.length;
    }
    line = '';
  };

  return {
    push(bytes) {
      const data: Buffer[] = [];
      let at = 0;
      while (at < bytes.length && place.at !== 'end') {
        if (place.at === 'chunk') {
          const to: number = Math.min(bytes.length, at + place.left);
          data.push(bytes.subarray(at, to));
          place.left -= to - at;
          if (place.left === 0) place = { at: 'after-chunk' };
          at = to;
          continue;
        }
        const max = place.at === 'trailer' ? TRAILER_BYTES_MAX - place.bytes : SIZE_LINE_MAX;
        const next = readLine(bytes, at, max);
        if (next === undefined) return { data, done: false, rest: EMPTY };
        at = next;
        endLine();
      }
      const done = place.at === 'end';
      return { data, done, rest: at === bytes.length ? EMPTY : bytes.subarray(at) };
    },
    end: () => place.at === 'end',
  };
}
