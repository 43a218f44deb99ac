/**
 * What the operator itself answers, over HTTPS: one listener for all who ask it something. Bodies, times and connections are
 * limited; a renewed certificate is shown from the next connection on; when it stops, requests under way are answered first.
 */
import { createServer, type Server } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { closeServer, listen, UsageError } from '../../host/index.ts';
import type { Clock } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';

/** What a route is asked. */
export interface ServingRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Address of who asks. */
  readonly remote: string;
  /** Aborts when who asked is gone, or has waited for {@link ANSWER_MS_MAX}. */
  readonly signal: AbortSignal;
}

export interface ServingAnswer {
  readonly status: number;
  /** Sent as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Something to POST to. A rejected promise is answered with 500, and logged. */
export interface ServingRoute {
  /** A longer body is answered with 413 before it is read. */
  readonly bodyBytesMax: number;
  readonly answer: (request: ServingRequest, body: Buffer) => Promise<ServingAnswer>;
}

/** Certificate and key of the listener, both PEM. */
export interface ServingMaterial {
  readonly cert: string;
  readonly key: string;
}

export interface ServingListenerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly material: ServingMaterial;
  /** By path. */
  readonly routes: Readonly<Record<string, ServingRoute>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface ServingListener {
  /** Resolves with the port; a {@link UsageError} says what to do when it cannot be had. */
  start(): Promise<number>;
  setMaterial(material: ServingMaterial): void;
  /** Takes no new request; those under way have {@link DRAIN_MS} to end. */
  stop(): Promise<void>;
}

export const CONNECTIONS_MAX = 512;
const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
export const ANSWER_MS_MAX = 10_000;
const KEEP_ALIVE_MS = 5_000;
const DRAIN_MS = 2_000;

export function createServingListener(options: ServingListenerOptions): ServingListener {
  const { host, port, material, metrics } = options;
  const requests = metrics.counter(
    'mcp_operator_serving_requests_total',
    'Requests to the HTTPS listener, by path and status.',
    ['path', 'code'],
  );
  const seconds = metrics.histogram(
    'mcp_operator_serving_request_duration_seconds',
    'From the end of the headers of a request to its answer.',
    ['path'],
  );
  const count = (path: string, code: number, startedAt: number): void => {
    // A path is a label only when it is one of ours: the rest is up to who asks.
    const known = Object.hasOwn(options.routes, path) ? path : 'other';
    requests.inc({ path: known, code: String(code) });
    seconds.observe((options.clock.monotonic() - startedAt) / 1_000, { path: known });
  };
  const server = createServer(
    {
      ...material,
      minVersion: 'TLSv1.2',
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => void respond(request, response, options, count),
  );
  server.maxConnections = CONNECTIONS_MAX;
  const failures = metrics.counter(
    'mcp_operator_serving_handshake_failures_total',
    'Connections to the HTTPS listener whose TLS handshake failed.',
  );
  failures.inc({}, 0);
  server.on('tlsClientError', () => failures.inc());
  return {
    start: () => begin(server, host, port),
    setMaterial: (next) => server.setSecureContext({ ...next, minVersion: 'TLSv1.2' }),
    stop: () => end(server, options.clock),
  };
}

async function begin(server: Server, host: string, port: number): Promise<number> {
  try {
    return (await listen(server, { host, port })).port;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'the port is taken' : message;
    throw new UsageError(`cannot listen on ${host}:${port}: ${why}; choose --serving-port`);
  }
}

async function end(server: Server, clock: Clock): Promise<void> {
  const cancel = clock.schedule(DRAIN_MS, () => server.closeAllConnections());
  await closeServer(server, () => server.closeIdleConnections());
  cancel();
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { routes, clock, logger }: ServingListenerOptions,
  count: (path: string, code: number, startedAt: number) => void,
): Promise<void> {
  const startedAt = clock.monotonic();
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const gone = new AbortController();
  const cancel = clock.schedule(ANSWER_MS_MAX, () => gone.abort(new Error('it took too long')));
  response.once('close', () => gone.abort(new Error('who asked is gone')));
  let answer: ServingAnswer;
  try {
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    answer = await answerOf(route, { request, path, signal: gone.signal });
  } catch (error) {
    if (!response.destroyed) logger.error('request failed', { path, error: String(error) });
    answer = problem(500, 'internal', 'the operator could not answer; its log says why');
  }
  cancel();
  count(path, answer.status, startedAt);
  if (response.destroyed) return;
  const body = JSON.stringify(answer.body);
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  // What was not read of a request is not skipped to read the next one.
  const last = request.complete ? {} : { connection: 'close' };
  response.writeHead(answer.status, { ...headers, ...last, ...answer.headers }).end(body);
}

async function answerOf(
  route: ServingRoute | undefined,
  asked: {
    readonly request: IncomingMessage;
    readonly path: string;
    readonly signal: AbortSignal;
  },
): Promise<ServingAnswer> {
  const { request, path, signal } = asked;
  if (route === undefined) return problem(404, 'no-such-path', 'there is nothing at this path');
  if (request.method !== 'POST') {
    const refused = problem(405, 'method-not-allowed', 'this path takes POST only');
    return { ...refused, headers: { allow: 'POST' } };
  }
  const body = await readBody(request, route.bodyBytesMax);
  if (body === undefined) {
    return problem(413, 'body-too-large', `send at most ${route.bodyBytesMax} bytes`);
  }
  const remote = request.socket.remoteAddress ?? '';
  return route.answer({ path, headers: request.headers, remote, signal }, body);
}

/** The whole body; undefined when it is longer than `bytesMax`. */
async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length;
    if (bytes > bytesMax) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** An answer that says no: a code for programs and a sentence for people. */
export function problem(status: number, code: string, message: string): ServingAnswer {
  return { status, body: { code, message } };
}
