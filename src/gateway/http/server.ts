/** One port of HTTP/1.1, plain or TLS, over Node's own server, with every limit by name and one timer for all streams. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { TlsOptions } from 'node:tls';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { CancelTimer, Clock } from '../../std/index.ts';
import { NodeAnswer } from './answer.ts';
import { NodeRequest, readHead } from './request.ts';
import type { Answer, ConnectionLimits, ServerRequest } from './types.ts';

export interface HttpServerOptions {
  readonly limits: ConnectionLimits;
  /** Shortest interval of a keepalive that will be asked for. */
  readonly keepaliveMs: number;
  /** Rejections cut the connection and are told to `onError`. */
  readonly handle: (request: ServerRequest, answer: Answer) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** A limit by name was reached by a client. */
  readonly onCutOff: (limit: string) => void;
  readonly clock: Clock;
  /** Present: TLS. */
  readonly tls?: TlsOptions;
}

export interface HttpServer {
  readonly server: Server | TlsServer;
  /** Cuts every connection. */
  stop(): void;
}

/** The time limits are looked at this often at least, or four times in the shortest of them. */
const TICK_MAX_MS = 1_000;

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { clock, limits, tls } = options;
  const { headMs, bodyMs, keepAliveMs, stalledMs } = limits;
  const shortest = Math.min(headMs, bodyMs, keepAliveMs, stalledMs, options.keepaliveMs);
  const tickMs = Math.max(1, Math.ceil(Math.min(TICK_MAX_MS, shortest / 4)));
  const watched = new Set<NodeAnswer>();
  const watch = {
    stalledMs,
    watched,
    monotonic: () => clock.monotonic(),
    onStalled: () => options.onCutOff('stalledMs'),
    wake: () => void (cancel ??= clock.schedule(tickMs, tick)),
  };
  let cancel: CancelTimer | undefined;
  const tick = (): void => {
    const now = clock.monotonic();
    for (const answer of watched) answer.tick(now);
    cancel = watched.size === 0 ? undefined : clock.schedule(tickMs, tick);
  };
  const serve = (message: IncomingMessage, response: ServerResponse, waits: boolean): void => {
    const head = readHead(message);
    if (head === undefined) {
      response.writeHead(400, { connection: 'close', 'content-length': 0 }).end();
      return;
    }
    const answer = new NodeAnswer(response, watch);
    options
      .handle(new NodeRequest(message, response, head, waits), answer)
      .catch((error: unknown) => {
        options.onError(error);
        answer.destroy();
      });
  };
  const settings = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: headMs,
    requestTimeout: headMs + bodyMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: tickMs,
    insecureHTTPParser: false,
    requireHostHeader: true,
    joinDuplicateHeaders: true,
    noDelay: true,
  };
  const server =
    tls === undefined ? createServer(settings) : createTlsServer({ ...settings, ...tls });
  server.maxConnections = limits.connectionsMax;
  server.on('drop', () => options.onCutOff('connectionsMax'));
  server.on('request', (message, response) => serve(message, response, false));
  server.on('checkContinue', (message, response) => serve(message, response, true));
  server.on('checkExpectation', (_, response) => {
    // Whether its body comes, nobody knows.
    response.writeHead(417, { connection: 'close', 'content-length': 0 }).end();
  });
  server.on('clientError', (error, socket) => refuse(error, socket, options.onCutOff));
  // Those whose TLS handshake is under way are nobody's connections yet, and would be waited for.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    server,
    stop() {
      cancel?.();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** What is no request gets a bare answer, and its connection ends. */
function refuse(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  onCutOff: HttpServerOptions['onCutOff'],
): void {
  const isLong = error.code === 'HPE_HEADER_OVERFLOW';
  const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  if (isLong) onCutOff('headerBytes');
  // Who connected and said nothing is told nothing.
  const isSilent = isLate && (socket as Socket).bytesRead === 0;
  if (isLate && !isSilent) onCutOff('requestMs');
  if (!socket.writable || isSilent) return void socket.destroy();
  const status = isLong
    ? '431 Request Header Fields Too Large'
    : isLate
      ? '408 Request Timeout'
      : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
