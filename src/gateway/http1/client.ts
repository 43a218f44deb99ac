/**
 * Requests over HTTP/1.1, one at a time on each connection, with a pool of connections by origin. A response's body comes at
 * the reader's pace.
 */
import type { Socket } from 'node:net';
import { ResponseBody } from './response-body.ts';
import { createBodyDecoder, type BodyDecoder } from './body.ts';
import { parseResponseHead, type HeaderFields } from './head.ts';
import { fieldLines } from './write.ts';

export interface ClientRequest {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface ClientResponse {
  readonly status: number;
  readonly headers: HeaderFields;
  readonly body: ResponseBody;
}

/** Bytes of a response's head. */
const HEAD_BYTES_MAX = 256 * 1024;
/** How long an idle connection is kept when the server says nothing of it. */
const IDLE_MS = 4_000;
/** A server that closes after `timeout` may do so while our request is on its way: we stop earlier. */
const IDLE_MARGIN_MS = 1_000;

const EMPTY = Buffer.alloc(0);

interface Exchange {
  readonly resolve: (response: ClientResponse) => void;
  readonly reject: (error: Error) => void;
  readonly signal: AbortSignal | undefined;
}

type State =
  | { readonly at: 'idle'; readonly until: number }
  | { readonly at: 'head'; readonly exchange: Exchange }
  | {
      readonly at: 'body';
      readonly exchange: Exchange;
      readonly decoder: BodyDecoder;
      readonly body: ResponseBody;
      readonly keepAlive: boolean;
    }
  | { readonly at: 'closed' };

/** One connection to a server. `onIdle` is called whenever it can take another request. */
export class ClientConnection {
  readonly #socket: Socket;
  readonly #onIdle: (connection: ClientConnection) => void;
  readonly #monotonic: () => number;
  #state: State = { at: 'idle', until: Infinity };
  #rest: Buffer = EMPTY;
  #idleMs = IDLE_MS;
  readonly #abort = (): void => {
    const state = this.#state;
    if (state.at === 'head' || state.at === 'body')
      this.#fail(state.exchange.signal?.reason as Error);
  };

  constructor(
    socket: Socket,
    monotonic: () => number,
    onIdle: (connection: ClientConnection) => void,
  ) {
    this.#socket = socket;
    this.#onIdle = onIdle;
    this.#monotonic = monotonic;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('end', () => this.#end());
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the other side closed the connection')));
  }

  /** False when the connection was idle for too long, or is closed. */
  usable(now: number): boolean {
    if (this.#state.at === 'idle' && now < this.#state.until) return true;
    this.destroy();
    return false;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Sends one request; the connection must be usable. Rejects when it breaks before the head, or with the signal's reason. */
  send(request: ClientRequest): Promise<ClientResponse> {
    const { body, signal } = request;
    const lines = fieldLines(request.headers);
    const host = 'host' in request.headers ? '' : `host: ${request.host}\r\n`;
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    const framing = request.method === 'POST' ? `content-length: ${length}\r\n` : '';
    const head = `${request.method} ${request.path} HTTP/1.1\r\n${host}${lines}${framing}\r\n`;
    return new Promise((resolve, reject) => {
      this.#state = { at: 'head', exchange: { resolve, reject, signal } };
      signal?.addEventListener('abort', this.#abort);
      if (body === undefined || length === body.length)
        this.#socket.write(head + (body ?? ''), 'latin1');
      else this.#socket.write(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]));
    });
  }

  #receive(bytes: Buffer): void {
    const state = this.#state;
    if (state.at === 'body') return this.#takeBody(state, bytes);
    // Nobody asked: whatever it is, it must not be taken for the next answer.
    if (state.at !== 'head') return this.destroy();
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#readHead(state.exchange);
  }

  #readHead(exchange: Exchange): void {
    const end = this.#rest.indexOf('\r\n\r\n', 0, 'latin1');
    if (end === -1) {
      if (this.#rest.length > HEAD_BYTES_MAX) this.#fail(new Error('a head that is too long'));
      return;
    }
    const head = parseResponseHead(this.#rest.toString('latin1', 0, end));
    const rest = this.#rest.subarray(end + 4);
    this.#rest = EMPTY;
    if (head.type === 'problem') return this.#fail(new Error(`malformed response: ${head.why}`));
    if (head.status === 101) return this.#fail(new Error('the server changes the protocol'));
    if (head.status < 200) {
      this.#rest = rest;
      return rest.length === 0 ? undefined : this.#readHead(exchange);
    }
    const keptFor = /(?:^|[,\s])timeout=(\d{1,6})/.exec(head.headers['keep-alive'] ?? '')?.[1];
    if (keptFor !== undefined) this.#idleMs = Number(keptFor) * 1000 - IDLE_MARGIN_MS;
    const body = new ResponseBody(
      () => this.#socket.pause(),
      () => this.#socket.resume(),
      () => this.#fail(new Error('the body was given up')),
    );
    const { status, headers, framing, keepAlive } = head;
    const decoder = createBodyDecoder(framing);
    const state: State = { at: 'body', exchange, decoder, body, keepAlive };
    this.#state = state;
    this.#takeBody(state, rest);
    exchange.resolve({ status, headers, body });
  }

  #takeBody(state: State & { readonly at: 'body' }, bytes: Buffer): void {
    let decoded;
    try {
      decoded = state.decoder.push(bytes);
    } catch (error) {
      return this.#fail(error as Error);
    }
    for (const data of decoded.data) if (data.length > 0) state.body.push(data);
    if (!decoded.done) return;
    state.body.finish();
    state.exchange.signal?.removeEventListener('abort', this.#abort);
    if (!state.keepAlive || decoded.rest.length > 0 || this.#idleMs <= 0) {
      this.#state = { at: 'closed' };
      return this.destroy();
    }
    this.#state = { at: 'idle', until: this.#monotonic() + this.#idleMs };
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#onIdle(this);
  }

  #end(): void {
    const state = this.#state;
    if (state.at === 'body' && state.decoder.end()) {
      state.body.finish();
      state.exchange.signal?.removeEventListener('abort', this.#abort);
      this.#state = { at: 'closed' };
      this.destroy();
    } else this.#fail(new Error('the other side closed the connection'));
  }

  #fail(error: Error): void {
    const state = this.#state;
    if (state.at === 'closed') return;
    this.#state = { at: 'closed' };
    this.destroy();
    if (state.at === 'idle') return;
    state.exchange.signal?.removeEventListener('abort', this.#abort);
    if (state.at === 'head') state.exchange.reject(error);
    else state.body.fail(error);
  }
}
