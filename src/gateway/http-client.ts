/** Outgoing HTTP, with the one distinction a retry depends on: was anything sent? */
import { connect as connectPlain, type Socket } from 'node:net';
import type { Clock } from '../std/index.ts';
import type { FlatHeaders } from './exchange.ts';
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
  readonly headers: FlatHeaders;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Comes at the reader's pace. */
  readonly body: Dispatcher.ResponseData['body'];
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
    async request({ origin, path, method, headers, body, signal }) {
      try {
        const response = await agent.request({
          ...{ origin, path, method, headers, body: body ?? null },
          ...(signal === undefined ? {} : { signal }),
        });
        // A body that breaks while nobody reads it must not be an uncaught error.
        response.body.on('error', () => undefined);
        return { status: response.statusCode, headers: response.headers, body: response.body };
      } catch (error) {
        if (signal?.aborted === true) throw signal.reason;
        throw new TransportError(error);
      }
    },
    stop: () => agent.destroy(),
  };
}

/** Bytes of a complete answer that is kept in memory. */
export const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

/** The whole body as text; rejects when it breaks off or is longer than {@link WHOLE_BYTES_MAX}. */
export async function readText(response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > WHOLE_BYTES_MAX) throw new Error(`an answer of over ${WHOLE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
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
