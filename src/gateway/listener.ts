/** Where clients connect: `node:http` in front of the request path. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { EVENT_STREAM_HEADERS, serializeSse, serializeSseComment } from '../mcp/index.ts';
import type { Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { GatewayAddress, ResolvedLimits, ResolvedTiming } from './config.ts';
import {
  ANONYMOUS,
  type Exchange,
  type Handler,
  type Reply,
  type StreamReply,
} from './exchange.ts';
import type { GatewayMetrics } from './metrics.ts';
import { readBody } from './read-body.ts';
import { closeServer, listen } from './server.ts';
import { writeBody, writeStream, type WriteOptions } from './write-stream.ts';

export interface Listener {
  /** Rejects when the port cannot be had. */
  start(): Promise<AddressInfo>;
  /** Cuts what is still open. */
  stop(): Promise<void>;
}

export interface ListenerOptions {
  readonly address: GatewayAddress;
  readonly limits: ResolvedLimits;
  readonly timing: ResolvedTiming;
  readonly handle: Handler;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Longer than what load balancers in front of us keep (60 s as a rule), so that they close first. */
const KEEP_ALIVE_MS = 75_000;

export function createListener(options: ListenerOptions): Listener {
  const sockets = new Set<Socket>();
  let streams = 0;
  const count = (step: 1 | -1): void => {
    streams += step;
    options.metrics.streams.set(streams);
  };
  const server: Server = createServer(
    { maxHeaderSize: options.limits.headerBytes, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      answer(options, request, response, count).catch((error: unknown) => {
        options.logger.debug('answer not delivered', { error: String(error) });
        response.destroy();
      });
    },
  );
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable) return;
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request';
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });
  return {
    start: () => listen(server, options.address),
    stop: () => closeServer(server, sockets),
  };
}

async function answer(
  options: ListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  count: (step: 1 | -1) => void,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort(new Error('the client left')));
  const reply = await options.handle(toExchange(request, gone.signal));
  if (gone.signal.aborted) return;
  if (reply.type !== 'stream') return send(options, response, reply, gone.signal);
  count(1);
  try {
    await sendStream(options, response, reply, gone.signal);
  } finally {
    count(-1);
  }
}

async function send(
  options: ListenerOptions,
  response: ServerResponse,
  reply: Exclude<Reply, StreamReply>,
  signal: AbortSignal,
): Promise<void> {
  if (reply.type === 'plain') {
    const length = { 'content-length': Buffer.byteLength(reply.body) };
    response.writeHead(reply.status, { ...reply.headers, ...length }).end(reply.body);
    return;
  }
  response.writeHead(reply.status, reply.headers);
  await writeBody(response, reply.chunks, writing(options, signal));
  response.end();
}

async function sendStream(
  options: ListenerOptions,
  response: ServerResponse,
  reply: StreamReply,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, { ...reply.headers, ...EVENT_STREAM_HEADERS });
  response.flushHeaders();
  const { keepaliveMs, retryMs } = options.timing;
  await writeStream(response, reply.events, {
    ...writing(options, signal),
    keepaliveMs,
    // Old clients read the event's name; new ones take a resume point without one.
    frame: (event, first) =>
      serializeSse({
        // Streams of the stateless era have no ids, and are not resumed.
        ...(event.id === '' ? {} : { id: event.id, ...(first ? { retryMs } : {}) }),
        data: event.data,
        ...(event.data === '' ? {} : { event: 'message' }),
      }),
    keepalive: serializeSseComment('keepalive'),
  });
  response.end();
}

function writing({ clock, timing, metrics }: ListenerOptions, signal: AbortSignal): WriteOptions {
  const onStalled = (): void => metrics.limited.inc({ limit: 'stalledMs' });
  return { clock, signal, stalledMs: timing.stalledMs, onStalled };
}

function toExchange(request: IncomingMessage, signal: AbortSignal): Exchange {
  const [path = '/'] = (request.url ?? '/').split('?', 1);
  return {
    method: request.method ?? 'GET',
    path,
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    signal,
    readBody: (bytesMax) => readBody(request, bytesMax),
    label: 'http',
    body: '',
    principal: ANONYMOUS,
    era: 'legacy',
  };
}
