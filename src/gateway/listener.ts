/** Where clients connect: HTTP/1.1 in front of the request path. */
import type { AddressInfo } from 'node:net';
import { EVENT_STREAM_HEADERS, serializeSse, serializeSseComment } from '../mcp/index.ts';
import type { Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { GatewayAddress, ResolvedLimits, ResolvedTiming } from './config.ts';
import { ClientExchange } from './client-exchange.ts';
import type { Handler, StreamReply } from './exchange.ts';
import { createHttpServer } from './http/server.ts';
import type { Answer, ServerRequest } from './http/types.ts';
import type { GatewayMetrics } from './metrics.ts';
import { closeServer, listen } from '../host/index.ts';
import { createVisits, type Visit, type Visits } from './visits.ts';
import { writeBody, writeStream } from './write-stream.ts';

export interface Listener {
  /** Rejects when the port cannot be had. */
  start(): Promise<AddressInfo>;
  /** Lets requests under way end and sends clients elsewhere; still answers whoever comes. */
  drain(wait: Parameters<Visits['drain']>[0]): Promise<void>;
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

export function createListener(options: ListenerOptions): Listener {
  const { limits, timing, metrics, clock, logger } = options;
  const visits = createVisits(clock);
  let streams = 0;
  const count = (step: 1 | -1): void => {
    streams += step;
    metrics.streams.set(streams);
  };
  const { server, stop } = createHttpServer({
    limits: {
      connectionsMax: limits.requestsMax,
      headerBytes: limits.headerBytes,
      headMs: timing.requestHeadMs,
      bodyMs: timing.requestBodyMs,
      keepAliveMs: timing.idleConnectionMs,
      stalledMs: timing.stalledMs,
    },
    keepaliveMs: timing.keepaliveMs,
    handle: async (request, answer) => {
      const visit = visits.began(answer, request.method);
      try {
        await respond(options, request, answer, { count, visit });
      } finally {
        visit.over();
      }
    },
    onError: (error) => logger.debug('answer not delivered', { error: String(error) }),
    onCutOff: (limit) => metrics.limited.inc({ limit }),
    clock,
  });
  return {
    start: () => listen(server, options.address),
    drain: visits.drain,
    stop: () => closeServer(server, stop),
  };
}

async function respond(
  options: ListenerOptions,
  request: ServerRequest,
  answer: Answer,
  { count, visit }: { readonly count: (step: 1 | -1) => void; readonly visit: Visit },
): Promise<void> {
  const reply = await options.handle(new ClientExchange(request));
  if (reply.type === 'plain') return answer.send(reply.status, reply.headers, reply.body);
  const { signal } = request;
  if (signal.aborted) return;
  if (reply.type === 'body') {
    answer.begin(reply.status, reply.headers);
    await writeBody(answer, reply.chunks, signal);
    answer.end();
    return;
  }
  count(1);
  visit.resumable(() => request.abort(new Error('the pod leaves')));
  try {
    await sendStream(options, answer, reply, signal);
  } finally {
    count(-1);
  }
}

const KEEPALIVE = serializeSseComment('keepalive');

async function sendStream(
  options: ListenerOptions,
  answer: Answer,
  reply: StreamReply,
  signal: AbortSignal,
): Promise<void> {
  const { keepaliveMs, retryMs } = options.timing;
  answer.begin(200, { ...reply.headers, ...EVENT_STREAM_HEADERS });
  answer.keepalive(keepaliveMs, KEEPALIVE);
  await writeStream(answer, reply.events, signal, (event, first) =>
    serializeSse({
      // Streams of the stateless era have no ids, and are not resumed.
      ...(event.id === '' ? {} : { id: event.id, ...(first ? { retryMs } : {}) }),
      data: event.data,
      // Old clients read the event's name; new ones take a resume point without one.
      ...(event.data === '' ? {} : { event: 'message' }),
    }),
  );
  answer.end();
}
