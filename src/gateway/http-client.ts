/** Outgoing HTTP, with the one distinction a retry depends on: was anything sent? */
import { connect as connectPlain, type Socket } from 'node:net';
import type { Clock } from '../std/index.ts';
import { IncomingBody, type ResponseBody } from './http/response-body.ts';
import { Agent, type buildConnector, type Dispatcher } from 'undici';

/** A request failed below HTTP. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /** False only when no connection came about, so not one byte of the request left. */
  readonly sent: boolean;
  /** The address answered that nobody listens: the process behind it is gone. */
  readonly refused: boolean;
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.sent = !(cause instanceof ConnectError);
    this.refused = cause instanceof ConnectError && cause.code === 'ECONNREFUSED';
  }
}

/** Connecting failed; made here, so that it cannot be mistaken for a later failure with the same code. */
class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly code: string | undefined;
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.code = (cause as NodeJS.ErrnoException).code;
  }
}

export interface HttpRequest {
  readonly origin: string;
  readonly path: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  /** Called when there is a connection and the first byte is about to leave. */
  readonly onSending?: () => void;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Comes at the reader's pace. */
  readonly body: ResponseBody;
}

export interface HttpClient {
  /** Resolves with the head; rejects with {@link TransportError}, or the signal's reason. No time-out but connecting's. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Breaks what is running and closes every connection. */
  stop(): Promise<void>;
}

/** Opens a connection to a host and port; rejects when there is none within its time limit. */
export type Connector = (host: string, port: number) => Promise<Socket>;

async function tell(
  connect: Connector,
  { hostname, port }: buildConnector.Options,
  callback: buildConnector.Callback,
): Promise<void> {
  let socket: Socket;
  try {
    socket = await connect(hostname.replace(/^\[|\]$/g, ''), Number(port));
  } catch (error) {
    return callback(new ConnectError(error as Error), null);
  }
  return callback(null, socket);
}

/** A client with its own pool of connections; as many at once as there are requests. */
export function createHttpClient(connect: Connector): HttpClient {
  const agent = new Agent({
    connect: (target, callback) => void tell(connect, target, callback),
    // Tool calls may take long and streams may be silent: life is judged by probes and the cluster, not by time-outs.
    headersTimeout: 0,
    bodyTimeout: 0,
    pipelining: 1,
  });
  return {
    request: (request) =>
      new Promise((resolve, reject) => {
        const { signal } = request;
        if (signal?.aborted === true) return reject(signal.reason as Error);
        const answering = new Answering(request, resolve, reject);
        const { origin, path, method, headers, body = null } = request;
        // Undici only reads the headers.
        const given = { origin, path, method, body, headers: headers as string[] };
        agent.dispatch(given, answering);
      }),
    stop: () => agent.destroy(),
  };
}

/** One request under way: an undici handler without the streams, listeners and promises of undici's own `request`. */
class Answering implements Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal | undefined;
  readonly #onSending: (() => void) | undefined;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (error: Error) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #body: IncomingBody | undefined;

  constructor(
    { signal, onSending }: HttpRequest,
    resolve: (response: HttpResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.#signal = signal;
    this.#onSending = onSending;
    this.#resolve = resolve;
    this.#reject = reject;
    signal?.addEventListener('abort', this);
  }

  /** The signal aborts. */
  handleEvent(): void {
    const reason = this.#signal?.reason as Error;
    this.#reject(reason);
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#signal?.aborted === true) controller.abort(this.#signal.reason as Error);
    else this.#onSending?.();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: HttpResponse['headers'],
  ): void {
    // What comes before the answer, as 103 Early Hints does.
    if (status < 200) return;
    this.#body = new IncomingBody(controller);
    this.#resolve({ status, headers, body: this.#body });
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#body?.push(chunk);
  }

  onResponseEnd(): void {
    this.#signal?.removeEventListener('abort', this);
    this.#body?.end();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#signal?.removeEventListener('abort', this);
    if (this.#body !== undefined) this.#body.fail(error);
    else this.#reject(this.#signal?.aborted === true ? error : new TransportError(error));
  }
}

/** Bytes of a complete answer that is kept in memory. */
export const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

/** It would be so again: nobody has to ask anew. */
export class AnswerTooLong extends Error {
  override readonly name = 'AnswerTooLong';
  constructor() {
    super(`an answer of over ${WHOLE_BYTES_MAX} bytes`);
  }
}

/** The whole body as text; rejects when it breaks off, with {@link AnswerTooLong} when it is over {@link WHOLE_BYTES_MAX}. */
export async function readText(response: HttpResponse): Promise<string> {
  const whole = response.body.takeWhole();
  if (whole !== undefined) return textOf(whole);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > WHOLE_BYTES_MAX) throw new AnswerTooLong();
    chunks.push(chunk);
  }
  return textOf(chunks);
}

/** What the chunks of a body say, as UTF-8. */
export function textOf(chunks: readonly Uint8Array[]): string {
  const [only] = chunks;
  const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** A connector for plain HTTP. */
export function plainConnector(timeoutMs: number, clock: Clock): Connector {
  return (host, port) => connected(connectPlain({ host, port }), 'connect', timeoutMs, clock);
}

/** Waits until `socket` is usable; rejects with its error, or ETIMEDOUT after `timeoutMs`. */
export function connected<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  timeoutMs: number,
  clock: Clock,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const onReady = (): void => {
      settle();
      resolve(socket);
    };
    const onError = (error: Error): void => {
      settle();
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const cancel = clock.schedule(timeoutMs, () => {
      const error = new Error(`no connection within ${timeoutMs} ms`);
      onError(Object.assign(error, { code: 'ETIMEDOUT' }));
    });
    const settle = (): void => {
      cancel();
      socket.off('error', onError);
      socket.off(event, onReady);
    };
    socket.on('error', onError);
    socket.on(event, onReady);
  });
}

/** `host:port` as an origin; IPv6 addresses get their brackets. */
export function originOf(scheme: 'http' | 'https', host: string, port: number): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
