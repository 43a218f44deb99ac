/**
 * One connection of a client, HTTP/1.1 with keep-alive and pipelining: requests one after the other, each answered before
 * the next is begun. What a client may cost is bounded at every place, in bytes and in time.
 */
import type { Socket } from 'node:net';
import { createBodyDecoder, type BodyDecoder } from './body.ts';
import { parseRequestHead, type RequestHead } from './head.ts';
import type { Answer, ConnectionEvents, ConnectionLimits, ServerRequest } from './types.ts';
import { answerHead, chunkOf, errorAnswer } from './write.ts';

/** Bytes of a body that are held before anybody asked for it, and of requests that came before their turn. */
const AHEAD_BYTES_MAX = 64 * 1024;
/** What is left of a refused body is read and dropped up to here, to keep the connection; else it is closed. */
const DROP_BYTES_MAX = 64 * 1024;
/** How long a closed connection is still read from, so that the client gets to see the answer. */
const LINGER_MS = 1_000;

const EMPTY = Buffer.alloc(0);

type Phase = 'idle' | 'head' | 'handling' | 'closing';

interface Body {
  readonly head: RequestHead;
  readonly decoder: BodyDecoder;
  chunks: Buffer[];
  length: number;
  done: boolean;
  /** Nobody wants what is still to come. */
  dropped: boolean;
  reader:
    | { bytesMax: number; resolve(body: Uint8Array | undefined): void; reject(why: Error): void }
    | undefined;
}

export class Connection {
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  readonly #events: ConnectionEvents;
  #phase: Phase = 'idle';
  /** Bytes that belong to nobody yet. */
  #rest: Buffer = EMPTY;
  /** How far {@link #rest} was searched for the end of a head. */
  #searched = 0;
  #body: Body | undefined;
  #gone: AbortController | undefined;
  #left = false;
  #begun = false;
  #keepAlive = true;
  #chunked = false;
  #deadline: number;
  #stalledAt = Infinity;
  #waiting: (() => void)[] = [];
  #beat: { readonly everyMs: number; readonly text: string; at: number } | undefined;

  constructor(socket: Socket, limits: ConnectionLimits, events: ConnectionEvents) {
    this.#socket = socket;
    this.#limits = limits;
    this.#events = events;
    this.#deadline = events.monotonic() + limits.headMs;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('drain', () => this.#drain());
    socket.on('end', () => this.#leave());
    socket.on('close', () => this.#leave());
    // What follows an error is `close`.
    socket.on('error', () => undefined);
  }

  /** To be called now and then: enforces the time limits and keeps quiet streams alive. */
  tick(now: number): void {
    if (now > this.#stalledAt) {
      this.#events.cutOff('stalledMs');
      this.destroy();
    } else if (now > this.#deadline) this.#late();
    else if (this.#beat !== undefined && now > this.#beat.at && !this.#socket.writableNeedDrain)
      this.#write(this.#beat.text);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #late(): void {
    this.#deadline = Infinity;
    if (this.#phase === 'idle' || this.#phase === 'closing' || this.#begun) return this.destroy();
    this.#events.cutOff(this.#phase === 'head' ? 'headMs' : 'bodyMs');
    this.#body?.reader?.reject(new Error('the request took too long'));
    this.#refuse(408);
  }

  #receive(bytes: Buffer): void {
    if (this.#phase === 'closing') return;
    const body = this.#body;
    if (body !== undefined && !body.done) return this.#takeBody(body, bytes);
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (this.#phase === 'handling') {
      if (this.#rest.length > AHEAD_BYTES_MAX) this.#socket.pause();
    } else this.#readHead();
  }

  #readHead(): void {
    // RFC 9112 §2.2: an empty line before a request is to be ignored.
    while (this.#rest.length >= 2 && this.#rest[0] === 0x0d && this.#rest[1] === 0x0a)
      this.#rest = this.#rest.subarray(2);
    const { length } = this.#rest;
    if (length === 0) return;
    if (this.#phase === 'idle') {
      this.#phase = 'head';
      this.#deadline = this.#events.monotonic() + this.#limits.headMs;
    }
    const end = this.#rest.indexOf('\r\n\r\n', Math.max(0, this.#searched - 3), 'latin1');
    if ((end === -1 ? length : end) > this.#limits.headerBytesMax()) {
      this.#events.cutOff('headerBytes');
      return this.#refuse(431);
    }
    this.#searched = length;
    if (end === -1) return;
    const head = parseRequestHead(this.#rest.toString('latin1', 0, end));
    const rest = this.#rest.subarray(end + 4);
    this.#rest = EMPTY;
    this.#searched = 0;
    if (head.type === 'problem') return this.#refuse(head.status);
    this.#begin(head, rest);
  }

  #begin(head: RequestHead, rest: Buffer): void {
    this.#phase = 'handling';
    this.#begun = false;
    this.#keepAlive = head.keepAlive;
    this.#deadline = Infinity;
    const body: Body = {
      head,
      decoder: createBodyDecoder(head.framing),
      chunks: [],
      length: 0,
      done: head.framing.type === 'none',
      dropped: false,
      reader: undefined,
    };
    this.#body = body;
    if (body.done) this.#rest = rest;
    else {
      this.#deadline = this.#events.monotonic() + this.#limits.bodyMs;
      if (rest.length > 0) this.#takeBody(body, rest);
      // A body that is none was answered.
      if (this.#phase !== 'handling') return;
    }
    this.#events.handle(this.#requestOf(body), this.#answerTo(body));
  }

  #requestOf(body: Body): ServerRequest {
    const gone = (): AbortController => this.#signal();
    return {
      method: body.head.method,
      target: body.head.target,
      headers: body.head.headers,
      get signal() {
        return gone().signal;
      },
      abort: (reason) => {
        if (!this.#over(body)) gone().abort(reason);
      },
      readBody: (bytesMax) => this.#readBody(body, bytesMax),
    };
  }

  #signal(): AbortController {
    if (this.#gone === undefined) {
      this.#gone = new AbortController();
      if (this.#left) this.#gone.abort(new Error('the client left'));
    }
    return this.#gone;
  }

  async #readBody(body: Body, bytesMax: number): Promise<Uint8Array | undefined> {
    const { framing, expectsContinue } = body.head;
    if (body.length > bytesMax || (framing.type === 'length' && framing.length > bytesMax)) {
      this.#drop(body);
      return undefined;
    }
    if (body.done) return joined(body.chunks);
    if (this.#left) throw new Error('the client left before the end of its request');
    if (expectsContinue && body.length === 0) this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    this.#socket.resume();
    return new Promise((resolve, reject) => {
      body.reader = { bytesMax, resolve, reject };
    });
  }

  #takeBody(body: Body, bytes: Buffer): void {
    let decoded;
    try {
      decoded = body.decoder.push(bytes);
    } catch {
      body.reader?.reject(new Error('the body is malformed'));
      return this.#refuse(400);
    }
    for (const data of decoded.data) {
      body.length += data.length;
      if (!body.dropped) body.chunks.push(data);
    }
    const { reader } = body;
    if (decoded.done) {
      body.done = true;
      this.#deadline = Infinity;
      this.#rest = decoded.rest;
    }
    if (body.dropped) return this.#afterDropped(body);
    if (reader === undefined) {
      if (body.length > AHEAD_BYTES_MAX) this.#socket.pause();
    } else if (body.length > reader.bytesMax) {
      this.#drop(body);
      reader.resolve(undefined);
    } else if (decoded.done) reader.resolve(joined(body.chunks));
  }

  #drop(body: Body): void {
    body.dropped = true;
    body.chunks = [];
    body.length = 0;
  }

  /** Bytes nobody wants came in after the answer, or before it. */
  #afterDropped(body: Body): void {
    if (body.done && this.#phase === 'idle') this.#next();
    else if (body.length > DROP_BYTES_MAX) {
      if (this.#phase === 'idle') this.#close();
      else this.#socket.pause();
    }
  }

  #answerTo(body: Body): Answer {
    const { head } = body;
    return {
      send: (status, headers, text) => {
        if (this.#over(body)) return;
        this.#prepare(body, headers);
        this.#socket.write(
          ...answerHead(status, headers, this.#connection(), head.method === 'HEAD' ? '' : text),
        );
        this.#finish(body);
      },
      begin: (status, headers) => {
        if (this.#over(body)) return;
        this.#chunked = head.chunks;
        this.#prepare(body, headers);
        if (!head.chunks) this.#keepAlive = false;
        const framing = head.chunks ? { 'transfer-encoding': 'chunked' } : {};
        const all = { ...headers, ...framing };
        this.#socket.write(...answerHead(status, all, this.#connection(), undefined));
      },
      write: (data) => (this.#over(body) ? true : this.#write(data)),
      drained: () => this.#drained(),
      end: () => {
        if (this.#over(body)) return;
        if (this.#chunked) this.#socket.write('0\r\n\r\n', 'latin1');
        this.#finish(body);
      },
      keepalive: (everyMs, text) => {
        if (this.#over(body)) return;
        this.#beat = { everyMs, text, at: this.#events.monotonic() + everyMs };
      },
      last: () => {
        if (!this.#over(body) && !this.#begun) this.#keepAlive = false;
      },
      destroy: () => this.destroy(),
    };
  }

  /** True when nothing more can be said in answer to this request. */
  #over(body: Body): boolean {
    return this.#left || this.#body !== body || this.#phase !== 'handling';
  }

  #connection(): { readonly keepAliveMs: number } | undefined {
    return this.#keepAlive ? { keepAliveMs: this.#limits.keepAliveMs } : undefined;
  }

  /** Decides before the answer's head whether the connection can serve another request. */
  #prepare(body: Body, headers: Readonly<Record<string, string>>): void {
    this.#begun = true;
    if (headers['connection'] === 'close') this.#keepAlive = false;
    if (body.done) return;
    this.#drop(body);
    const { framing, expectsContinue } = body.head;
    // Whoever waits for `100 Continue` may or may not send the body now.
    if (expectsContinue || (framing.type === 'length' && framing.length > DROP_BYTES_MAX))
      this.#keepAlive = false;
  }

  #write(data: string | Uint8Array): boolean {
    const { everyMs } = this.#beat ?? { everyMs: 0 };
    if (this.#beat !== undefined) this.#beat.at = this.#events.monotonic() + everyMs;
    const more = this.#chunked
      ? chunkOf(this.#socket, data)
      : typeof data === 'string'
        ? this.#socket.write(data)
        : this.#socket.write(data);
    if (!more && this.#stalledAt === Infinity)
      this.#stalledAt = this.#events.monotonic() + this.#limits.stalledMs;
    return more;
  }

  #drained(): Promise<void> {
    if (this.#left || !this.#socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #drain(): void {
    this.#stalledAt = Infinity;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #finish(body: Body): void {
    this.#beat = undefined;
    this.#gone = undefined;
    if (this.#left) return;
    if (!this.#keepAlive) return this.#close();
    this.#phase = 'idle';
    this.#deadline = this.#events.monotonic() + this.#limits.keepAliveMs;
    if (body.done) return this.#next();
    this.#deadline = this.#events.monotonic() + LINGER_MS;
    this.#socket.resume();
  }

  #next(): void {
    this.#body = undefined;
    this.#chunked = false;
    this.#begun = false;
    this.#deadline = this.#events.monotonic() + this.#limits.keepAliveMs;
    if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#rest.length > 0) this.#readHead();
  }

  /** An answer for what is no request, and the end of the connection. */
  #refuse(status: number): void {
    this.#gone?.abort(new Error('the request was refused'));
    if (this.#begun) return this.destroy();
    this.#begun = true;
    this.#socket.write(errorAnswer(status), 'latin1');
    this.#close();
  }

  /** No more is sent, and what still comes is dropped: closing at once could take the answer away from the client. */
  #close(): void {
    this.#phase = 'closing';
    this.#body = undefined;
    this.#rest = EMPTY;
    this.#deadline = this.#events.monotonic() + LINGER_MS;
    this.#socket.resume();
    this.#socket.end();
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#beat = undefined;
    this.#body?.reader?.reject(new Error('the client left before the end of its request'));
    this.#gone?.abort(new Error('the client left'));
    this.#drain();
  }
}

function joined(chunks: readonly Buffer[]): Buffer {
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}
