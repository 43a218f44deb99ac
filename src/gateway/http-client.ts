/** Outgoing HTTP over undici, with the one distinction a retry depends on: was anything sent? */
import { Agent, buildConnector, type Dispatcher } from 'undici';
import type { FlatHeaders } from './exchange.ts';

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

/** Connecting failed; made by our connector, so that it cannot be mistaken for a later failure with the same code. */
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
  readonly body: Dispatcher.ResponseData['body'];
}

export interface HttpClient {
  /** Resolves with the head; rejects with {@link TransportError}, or the signal's reason. No time-out but connecting's. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Breaks what is running and closes every connection. */
  stop(): Promise<void>;
}

/** Opens a connection; given by the caller where TLS material changes. */
export type Connector = buildConnector.connector;

/** A client with its own pool of connections. */
export function createHttpClient(connect: Connector): HttpClient {
  const agent = new Agent({
    connect: (options, callback) =>
      connect(options, (...[error, socket]) => {
        if (error === null) callback(null, socket);
        else callback(new ConnectError(error), null);
      }),
    // Tool calls may take long and streams may be silent: life is judged by probes and the cluster, not by time-outs.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 30_000,
    pipelining: 1,
  });
  return {
    async request(request) {
      try {
        const response = await agent.request({
          origin: request.origin,
          path: request.path,
          method: request.method,
          headers: request.headers,
          body: request.body ?? null,
          ...(request.signal === undefined ? {} : { signal: request.signal }),
        });
        // A body that breaks while nobody reads it must not be an uncaught error.
        response.body.on('error', () => undefined);
        return { status: response.statusCode, headers: response.headers, body: response.body };
      } catch (error) {
        if (request.signal?.aborted === true) throw request.signal.reason;
        throw new TransportError(error);
      }
    },
    stop: () => agent.destroy(),
  };
}

/** Bytes of a complete answer that is kept in memory. */
export const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

/** The whole body as text; rejects when it breaks off or is longer than 64 MiB. */
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
export function plainConnector(timeoutMs: number): Connector {
  return buildConnector({ timeout: timeoutMs });
}

/** `host:port` as an origin; IPv6 addresses get their brackets. */
export function originOf(scheme: 'http' | 'https', host: string, port: number): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
