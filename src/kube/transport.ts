/** One HTTP exchange with the API server: rate limit, time-out, retries that are safe, metrics, errors without bodies. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { createBackoff, delay, type Clock, type Random } from '../std/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { KubeConnection } from './connection.ts';
import { KubeError, type StatusDetails } from './errors.ts';
import { CONNECT_TIMEOUT_CODE, exchange as exchangeHttp } from './exchange.ts';
import { createRateLimiter, type RateLimiter } from './rate-limiter.ts';
import { createRequestMeters, type RequestMeters } from './transport-metrics.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Exchange {
  readonly method: HttpMethod;
  /** Path and query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  /** Sending it twice has the effect of sending it once. */
  readonly idempotent: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface TransportOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** From sending to the last byte of the answer, in ms; default 30 000. */
  readonly requestTimeoutMs?: number;
  /** Attempts after the first; default 4. */
  readonly retriesMax?: number;
  /** Requests a second on average, and at once; default 50 and 100. */
  readonly requestsPerSecond?: number;
  readonly requestBurst?: number;
  /** Largest answer read into memory, in bytes; default 256 MiB. */
  readonly responseBytesMax?: number;
  readonly userAgent?: string;
  /** Asked right before a write is sent; when it says no, the write fails with the reason `NotLeading`. */
  readonly mayWrite?: () => boolean;
}

export interface Transport {
  /** The body of a 2xx answer; rejects with {@link KubeError} otherwise. */
  send(exchange: Exchange): Promise<string>;
  /** The open body of a 2xx answer, for watches; no retries. The time-out covers only the wait for the headers. */
  open(exchange: Exchange): Promise<IncomingMessage>;
}

/** A server may ask for longer; nobody waits longer than this in one place. */
const RETRY_AFTER_MAX_MS = 30_000;
const NOT_LEADING = 'NotLeading';
const ERROR_BODY_BYTES_MAX = 64 * 1024;
const MESSAGE_LENGTH_MAX = 4096;
/** Nothing was sent when one of these happens. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  CONNECT_TIMEOUT_CODE,
]);

export function createTransport(connection: KubeConnection, options: TransportOptions): Transport {
  const context: Context = {
    connection,
    options,
    limiter: createRateLimiter(
      { perSecond: options.requestsPerSecond ?? 50, burst: options.requestBurst ?? 100 },
      options.clock,
    ),
    meters: createRequestMeters(new URL(connection.server).host, options.metrics),
  };
  return {
    send: (exchange) => sendWithRetries(context, exchange),
    async open(exchange) {
      const deadline = createDeadline(context, exchange.signal);
      try {
        const response = await exchangeOnce(context, exchange, deadline.signal);
        if (!isSuccess(response)) throw await errorOf(response);
        return response;
      } catch (error) {
        throw deadline.explain(error);
      } finally {
        // From here on only the caller's own signal ends the stream.
        deadline.disarm();
      }
    },
  };
}

interface Context {
  readonly connection: KubeConnection;
  readonly options: TransportOptions;
  readonly limiter: RateLimiter;
  readonly meters: RequestMeters;
}

async function sendWithRetries(context: Context, exchange: Exchange): Promise<string> {
  const { options, meters } = context;
  const backoff = createBackoff({ initialMs: 100, maxMs: 5000 }, options.random);
  for (let retry = 0; ; retry++) {
    try {
      return await sendOnce(context, exchange);
    } catch (error) {
      exchange.signal?.throwIfAborted();
      const waitMs = retryDelayMs(error, exchange, backoff.next());
      if (waitMs === undefined || retry >= (options.retriesMax ?? 4)) throw error;
      const code = error instanceof KubeError ? String(error.status) : '0';
      meters.retried(exchange.method, code);
      await delay(options.clock, waitMs, exchange.signal);
    }
  }
}

/** Undefined when trying again could repeat an effect or cannot help. */
function retryDelayMs(error: unknown, exchange: Exchange, backoffMs: number): number | undefined {
  if (!(error instanceof KubeError)) return undefined;
  if (error.reason === NOT_LEADING) return undefined;
  if (error.status === 429) return error.retryAfterMs ?? 1000;
  if (error.status === 503 && error.retryAfterMs !== undefined) return error.retryAfterMs;
  if (error.status === 0 && error.reason === 'Unreachable') return backoffMs;
  if (!exchange.idempotent) return undefined;
  return [0, 500, 502, 503, 504].includes(error.status) ? backoffMs : undefined;
}

async function sendOnce(context: Context, exchange: Exchange): Promise<string> {
  const deadline = createDeadline(context, exchange.signal);
  try {
    const response = await exchangeOnce(context, exchange, deadline.signal);
    if (!isSuccess(response)) throw await errorOf(response);
    const bytesMax = context.options.responseBytesMax ?? 256 * 1024 * 1024;
    const text = await readBody(response, bytesMax);
    context.meters.received(exchange.method, Buffer.byteLength(text));
    return text;
  } catch (error) {
    throw deadline.explain(error);
  } finally {
    deadline.disarm();
  }
}

async function exchangeOnce(
  context: Context,
  exchange: Exchange,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { connection, options, meters } = context;
  const { method } = exchange;
  meters.limited(method, (await context.limiter.acquire(signal)) / 1000);
  if (exchange.body !== undefined) meters.sent(method, Buffer.byteLength(exchange.body));
  const { agent, headers } = await connection.credentials();
  // After every wait: a process that was suspended in one of them may have lost its Lease meanwhile.
  if (method !== 'GET' && options.mayWrite?.() === false) {
    const message = 'this process does not hold the Lease any more: nothing is written';
    throw new KubeError({ status: 0, reason: NOT_LEADING, message });
  }
  const startedAt = options.clock.monotonic();
  let code = '<error>';
  try {
    const response = await exchangeHttp(
      {
        url: `${connection.server}${exchange.path}`,
        method,
        agent,
        signal,
        headers: {
          ...headers,
          accept: 'application/json',
          'user-agent': options.userAgent ?? 'mcp-cluster-operator',
          ...(exchange.body === undefined
            ? {}
            : { 'content-type': exchange.contentType ?? 'application/json' }),
        },
        body: exchange.body,
      },
      options.clock,
    );
    code = String(statusOf(response));
    return response;
  } finally {
    meters.answered(method, code, (options.clock.monotonic() - startedAt) / 1000);
  }
}

interface Deadline {
  readonly signal: AbortSignal;
  /** Stops the time-out; the caller's signal stays connected. */
  disarm(): void;
  /** The error to throw for what the exchange threw. */
  explain(error: unknown): unknown;
}

function createDeadline(context: Context, outer: AbortSignal | undefined): Deadline {
  const timeoutMs = context.options.requestTimeoutMs ?? 30_000;
  const timeout = new AbortController();
  const cancel = context.options.clock.schedule(timeoutMs, () => timeout.abort());
  return {
    signal: outer === undefined ? timeout.signal : AbortSignal.any([outer, timeout.signal]),
    disarm: cancel,
    explain(error) {
      if (outer?.aborted === true) return outer.reason;
      if (error instanceof KubeError) return error;
      if (timeout.signal.aborted) {
        const message = `no answer from the API server within ${timeoutMs} ms`;
        return new KubeError({ status: 0, reason: 'Timeout', message });
      }
      return connectionError(error);
    },
  };
}

function connectionError(error: unknown): unknown {
  const code = errorCode(error);
  // No code: not the network but a fault of this program, or credentials that cannot be had; say it as it is.
  if (code === undefined) return error;
  const reason = NOT_SENT.has(code) ? 'Unreachable' : 'ConnectionLost';
  return new KubeError({
    status: 0,
    reason,
    message: `connection to the API server failed: ${code}`,
    cause: error,
  });
}

/** The code of the innermost error that has one (a happy-eyeballs failure is an AggregateError). */
function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string') return code;
  return (
    errorCode(error.cause) ??
    (error instanceof AggregateError ? errorCode(error.errors[0]) : undefined)
  );
}

/** Always there in an answer to a request. */
const statusOf = ({ statusCode = 0 }: IncomingMessage): number => statusCode;
const isSuccess = (response: IncomingMessage): boolean =>
  statusOf(response) >= 200 && statusOf(response) < 300;

async function readBody(body: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      body.destroy();
      const message = `the API server's answer is longer than ${bytesMax} bytes`;
      throw new KubeError({ status: 0, reason: 'ResponseTooLarge', message });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

interface StatusBody {
  readonly kind?: unknown;
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: StatusDetails;
  readonly code?: unknown;
}

async function errorOf(response: IncomingMessage): Promise<KubeError> {
  const text = await readBody(response, ERROR_BODY_BYTES_MAX).catch(() => '');
  return statusError(statusOf(response), parseStatus(text), retryAfterMs(response.headers));
}

/** From a Kubernetes Status; of any other body nothing is kept, because it may hold anything. */
export function statusError(status: number, body: StatusBody, retryAfter?: number): KubeError {
  const fromDetails = body.details?.retryAfterSeconds;
  const waitMs = retryAfter ?? (fromDetails === undefined ? undefined : fromDetails * 1000);
  return new KubeError({
    status,
    reason: typeof body.reason === 'string' ? body.reason : 'Unknown',
    message:
      typeof body.message === 'string'
        ? body.message.slice(0, MESSAGE_LENGTH_MAX)
        : `the API server answered ${status}`,
    ...(body.details === undefined ? {} : { details: body.details }),
    ...(waitMs === undefined ? {} : { retryAfterMs: Math.min(waitMs, RETRY_AFTER_MAX_MS) }),
  });
}

function parseStatus(text: string): StatusBody {
  try {
    const body = JSON.parse(text) as StatusBody | null;
    return body?.kind === 'Status' ? body : {};
  } catch {
    return {};
  }
}

/** Only the form in seconds: it is what API servers send. */
function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const value = headers['retry-after'];
  const seconds = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined;
  return seconds === undefined ? undefined : seconds * 1000;
}
