/** Outgoing HTTP, with the one distinction a retry depends on: was anything sent? */
import { connect as connectPlain, type Socket } from 'node:net';
import type { Clock } from '../std/index.ts';
import type { FlatHeaders } from './exchange.ts';
import { ClientConnection, type ClientRequest, type ClientResponse } from './http1/client.ts';

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

export type HttpResponse = ClientResponse;

export interface HttpClient {
  /** Resolves with the head; rejects with {@link TransportError}, or the signal's reason. No time-out but connecting's. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Breaks what is running and closes every connection. */
  stop(): Promise<void>;
}

/** Opens a connection to a host and port; rejects when there is none within its time limit. */
export type Connector = (host: string, port: number) => Promise<Socket>;

/** Idle connections kept for each origin. */
const IDLE_CONNECTIONS_MAX = 256;

/** A client with its own pool of connections; as many at once as there are requests. */
export function createHttpClient(connect: Connector, clock: Clock): HttpClient {
  const idle = new Map<string, ClientConnection[]>();
  const open = new Set<Socket>();
  const monotonic = (): number => clock.monotonic();
  let stopped = false;

  const connection = async (origin: string): Promise<ClientConnection> => {
    const { hostname, port } = new URL(origin);
    let socket: Socket;
    try {
      socket = await connect(hostname.replace(/^\[|\]$/g, ''), Number(port));
    } catch (error) {
      throw new ConnectError(error as Error);
    }
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    if (stopped) socket.destroy();
    return new ClientConnection(socket, monotonic, (free) => {
      const list = idle.get(origin) ?? [];
      if (list.length >= IDLE_CONNECTIONS_MAX) free.destroy();
      else list.push(free);
      idle.set(origin, list);
    });
  };
  const pooled = (origin: string): ClientConnection | undefined => {
    const list = idle.get(origin);
    const now = monotonic();
    for (let found = list?.pop(); found !== undefined; found = list?.pop())
      if (found.usable(now)) return found;
    return undefined;
  };

  return {
    async request({ origin, path, method, headers, body, signal }) {
      signal?.throwIfAborted();
      const host = origin.slice(origin.indexOf('//') + 2);
      const request: ClientRequest = { method, path, host, headers, body, signal };
      try {
        const free = pooled(origin);
        if (free !== undefined) return await free.send(request);
        const fresh = await connection(origin);
        if (signal?.aborted !== true) return await fresh.send(request);
        fresh.destroy();
      } catch (error) {
        if (signal?.aborted !== true) throw new TransportError(error);
      }
      throw signal?.reason;
    },
    async stop() {
      stopped = true;
      for (const socket of open) socket.destroy();
    },
  };
}

/** Bytes of a complete answer that is kept in memory. */
export const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

/** The whole body as text; rejects when it breaks off or is longer than {@link WHOLE_BYTES_MAX}. */
export async function readText(response: HttpResponse): Promise<string> {
  const whole = response.body.takeWhole();
  if (whole !== undefined) return whole.toString('utf8');
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > WHOLE_BYTES_MAX) throw new Error(`an answer of over ${WHOLE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A connector for plain HTTP. */
export function plainConnector(timeoutMs: number, clock: Clock): Connector {
  // One buffer for every read of every connection: Node otherwise makes one of 64 KiB for each, however little comes.
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  return (host, port) => {
    const onread = {
      buffer,
      callback: (length: number): boolean =>
        socket.emit('data', Buffer.from(buffer.subarray(0, length))),
    };
    const socket = connectPlain({ host, port, onread });
    return connected(socket, 'connect', timeoutMs, clock);
  };
}

const READ_BYTES = 64 * 1024;

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
