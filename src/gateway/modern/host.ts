/** The stateless era at the pod that was chosen: one request to the MCP server beside this gateway, and its answer. */
import {
  errorText,
  isKnownModernVersion,
  isModernVersion,
  MCP_ERRORS,
  mcpError,
  metaOf,
  parseBody,
  VERSION_CLAIM,
  type ClassifiedMessage,
  type McpError,
} from '../../mcp/index.ts';
import { delay, type Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { BackendEra, BackendEraProbe } from '../backend-era.ts';
import type { ResolvedLimits, ResolvedTiming } from '../config.ts';
import {
  ANONYMOUS,
  plain,
  refused,
  StreamInterrupted,
  type OwnerReply,
  type OwnerRequest,
  type ServeOwner,
} from '../exchange.ts';
import { TransportError, type HttpResponse } from '../http-client.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { backendHeaders } from '../owner/backend-headers.ts';
import type { Upstream } from '../upstream.ts';
import type { Observer } from './observe.ts';
import { readListen, readReply } from './server-answer.ts';
import type { ToolTable } from './tool-table.ts';

export interface StatelessHost {
  /** Serves `stateless` and `listen`. Never rejects. */
  readonly serve: ServeOwner;
  /** Takes nothing new but what names state of this pod, ends listens, and waits for running requests. */
  drain(): Promise<void>;
}

export interface StatelessHostOptions {
  readonly upstream: Upstream;
  readonly era: BackendEraProbe;
  readonly table: ToolTable;
  readonly observer: Observer;
  readonly metrics: Pick<GatewayMetrics, 'limited'>;
  readonly logger: Logger;
  readonly limits: ResolvedLimits;
  readonly timing: ResolvedTiming;
  readonly clock: Clock;
}

const DRAIN_POLL_MS = 20;

export function createStatelessHost(options: StatelessHostOptions): StatelessHost {
  const { timing, clock } = options;
  const draining = new AbortController();
  let inFlight = 0;

  const serve: ServeOwner = async (request, signal) => {
    if (draining.signal.aborted && request.placed !== true) return refused('draining', false);
    const message = request.parsed?.messages[0] ?? firstOf(request.body);
    if (message === undefined) return plain(400, errorText(mcpError(MCP_ERRORS.parse)));
    const era = await options.era.get(timing.backendWaitMs, signal);
    if (era === undefined) return refused('backend-down', false, 'the MCP server does not answer');
    const refusal = await refuse(options, { request, message, era });
    if (refusal !== undefined) return refusal;
    const listen = request.op === 'listen';
    const ends = listen ? AbortSignal.any([signal, draining.signal]) : signal;
    return ask(options, request, message, ends);
  };
  /** A stream counts until it is over. */
  const counted: ServeOwner = async (request, signal) => {
    inFlight += 1;
    let running = true;
    const done = (): void => {
      if (running) inFlight -= 1;
      running = false;
    };
    const reply = await serve(request, signal).catch((error: unknown) => {
      const code = error instanceof StreamInterrupted ? error.code : 'request-lost';
      return refused(code, true, String(error));
    });
    if (reply.type === 'plain' || reply.type === 'refused') done();
    else if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
    if (reply.type === 'stream') return { ...reply, events: upTo(reply.events, done) };
    if (reply.type === 'body') return { ...reply, chunks: upTo(reply.chunks, done) };
    return reply;
  };

  return {
    serve: counted,
    async drain() {
      draining.abort(new StreamInterrupted('draining'));
      const deadline = clock.monotonic() + timing.handOverMs;
      // What runs at a server that does not answer will not end.
      while (inFlight > 0 && options.upstream.ready() && clock.monotonic() < deadline)
        await delay(clock, DRAIN_POLL_MS);
    },
  };
}

interface Question {
  readonly request: OwnerRequest;
  readonly message: ClassifiedMessage;
  readonly era: BackendEra;
}

/** What is answered without asking the server. */
async function refuse(
  options: StatelessHostOptions,
  { request, message, era }: Question,
): Promise<OwnerReply | undefined> {
  if (era.type === 'legacy') return refused('wrong-era', false);
  if (era.type === 'unsaid' || message.kind !== 'request') return undefined;
  const { method, params, id } = message.message;
  const error = (problem: McpError): OwnerReply =>
    plain(problem.kind.status, errorText(problem, id));
  const requested = metaOf(message)?.[VERSION_CLAIM];
  // A revision that only the server knows is between the client and the server.
  if (typeof requested === 'string' && !isKnown(requested, era.versions)) {
    const data = { supported: era.versions.filter(isModernVersion), requested };
    return error(mcpError(MCP_ERRORS.unsupportedProtocolVersion, undefined, data));
  }
  if (method !== 'tools/call' || params === undefined) return undefined;
  const mismatch = await options.table.checkCall(params, request.headers);
  return mismatch === undefined ? undefined : error(mismatch);
}

const isKnown = (version: string, versions: readonly string[]): boolean =>
  isKnownModernVersion(version) || versions.includes(version);

async function ask(
  options: StatelessHostOptions,
  request: OwnerRequest,
  message: ClassifiedMessage,
  signal: AbortSignal,
): Promise<OwnerReply> {
  const cancel = new AbortController();
  const leave = (): void => cancel.abort(signal.reason);
  const answered = (): void => signal.removeEventListener('abort', leave);
  signal.throwIfAborted();
  signal.addEventListener('abort', leave, { once: true });
  let response: HttpResponse;
  try {
    response = await options.upstream.send({
      method: 'POST',
      headers: backendHeaders('POST', request.headers, {}),
      body: request.body,
      signal: cancel.signal,
    });
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    if (!error.sent) return refused('backend-down', false, error.message);
    // It may come back as another program.
    options.era.doubt();
    return refused('request-lost', true, error.message);
  }
  if (request.op === 'listen') return readListen(options, response, message);
  const principal = request.principal ?? ANONYMOUS.id;
  return readReply(options, { response, message, principal, signal, answered });
}

function firstOf(text: string): ClassifiedMessage | undefined {
  const parsed = parseBody(text);
  return parsed.ok ? parsed.value.messages[0] : undefined;
}

async function* upTo<T>(items: AsyncIterable<T>, done: () => void): AsyncGenerator<T> {
  try {
    yield* items;
  } finally {
    done();
  }
}
