/**
 * A request gets an answer in time, if only an error. The time runs from its arrival, so waiting for a place or for a pod
 * counts. MCP clients send no deadline: no field of either era has one, and the official SDKs end a request that took too
 * long with `notifications/cancelled` (2025) or by closing it (2026), which pass through as what they are. Other
 * protocols' headers (`grpc-timeout`, Envoy's) are therefore not looked at. At its end the answer is an error, and the
 * server is told: in the era of sessions by the pod that owns the session, in the stateless era by closing the request.
 */
import {
  errorTexts,
  MCP_ERRORS,
  mcpError,
  readMessages,
  type JsonRpcRequest,
  type RequestId,
} from '../../mcp/index.ts';
import type { Clock } from '../../std/index.ts';
import {
  plain,
  type Exchange,
  type Handler,
  type Interceptor,
  type Reply,
  type StreamReply,
} from '../exchange.ts';
import type { GatewayPolicies } from '../policies.ts';
import type { OutgoingEvent } from '../ports.ts';
import { canBeLate, requestsOf } from './admitted-requests.ts';
import type { AdmissionMetrics } from './metrics.ts';

export interface DeadlineOptions {
  readonly policies: () => GatewayPolicies;
  /** The id of a last event that follows another one on its stream. */
  readonly finalEventId: (lastEventId: string) => string;
  readonly clock: Clock;
  readonly metrics: AdmissionMetrics;
}

/** What is left of a request's time, at least a little; undefined when it has no end. */
export function timeLeft(exchange: Exchange, clock: Clock): number | undefined {
  const { deadline } = exchange;
  return deadline === undefined ? undefined : Math.max(1, deadline - clock.monotonic());
}

export function limitTime(options: DeadlineOptions): Interceptor {
  return (next) => (exchange) => {
    const requests = requestsOf(exchange);
    if (requests.length === 0 || !requests.every(canBeLate)) return next(exchange);
    return new Run(options, exchange, requests).serve(next);
  };
}

/** One exchange with a time limit: inside, its signal aborts when the client leaves and when the time is over. */
class Run {
  readonly requests: readonly JsonRpcRequest[];
  readonly batch: boolean;
  expired = false;
  readonly #options: DeadlineOptions;
  readonly #exchange: Exchange;
  readonly #client: AbortSignal;
  readonly #limited = new AbortController();
  readonly #cancel: () => void;
  #late: (reply: Reply) => void = () => undefined;

  constructor(options: DeadlineOptions, exchange: Exchange, requests: readonly JsonRpcRequest[]) {
    const { clock } = options;
    const timeoutMs = options.policies().requestTimeoutMs;
    this.#options = options;
    this.#exchange = exchange;
    this.#client = exchange.signal;
    this.requests = requests;
    this.batch = exchange.parsed?.batch === true;
    this.#cancel = clock.schedule(timeoutMs, () => this.#expire());
    exchange.signal = this.#limited.signal;
    exchange.deadline = clock.monotonic() + timeoutMs;
    this.#client.addEventListener('abort', this, { once: true });
    if (this.#client.aborted) this.handleEvent();
  }

  serve(next: Handler): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#late = resolve;
      this.#pass(next).then(
        (reply) => {
          if (reply.type === 'stream' && !this.expired)
            return resolve(endInTime(this.#options, this, reply));
          // A long body is an answer that has begun: how long its delivery takes is the client's affair.
          this.done();
          resolve(reply);
        },
        (error: Error) => {
          this.done();
          // What the abort caused is not what the client shall hear.
          if (this.expired) resolve(expired(this));
          else reject(error);
        },
      );
    });
  }

  /** Never throws at once, or nobody would stop the timer. */
  #pass(next: Handler): Promise<Reply> {
    try {
      return next(this.#exchange);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The client left. */
  handleEvent(): void {
    this.#cancel();
    this.#limited.abort(this.#client.reason);
  }

  /** The time does not matter any more. */
  done(): void {
    this.#cancel();
    this.#client.removeEventListener('abort', this);
  }

  #expire(): void {
    this.expired = true;
    this.#options.metrics.expired.inc();
    this.#late(expired(this));
    this.#limited.abort(new Error('the request took longer than it may'));
  }
}

function expired({ requests, batch }: Run): Reply {
  const ids = requests.map(({ id }) => id);
  return plain(200, errorTexts(mcpError(MCP_ERRORS.deadlineExceeded), ids, batch));
}

function endInTime(options: DeadlineOptions, run: Run, reply: StreamReply): StreamReply {
  return { ...reply, events: eventsInTime(options, run, reply.events) };
}

/** The same events; when the time is over, errors for what was not answered. */
async function* eventsInTime(
  options: DeadlineOptions,
  run: Run,
  events: AsyncIterable<OutgoingEvent>,
): AsyncGenerator<OutgoingEvent> {
  const open = new Set<RequestId>(run.requests.map(({ id }) => id));
  let last: OutgoingEvent = { id: '', data: '' };
  try {
    for await (const event of events) {
      // Only of batches more than one answer is expected, so only there each event has to be read.
      if (run.batch) settle(open, event.data);
      last = event;
      yield event;
    }
  } catch (error) {
    // The end of the time ends the stream, too.
    if (!run.expired) throw error;
  } finally {
    run.done();
  }
  if (!run.expired) return;
  settle(open, last.data);
  if (open.size === 0) return;
  const id = last.id === '' ? '' : options.finalEventId(last.id);
  const error = mcpError(MCP_ERRORS.deadlineExceeded);
  yield { id, data: errorTexts(error, [...open], run.batch) };
}

function settle(open: Set<RequestId>, data: string): void {
  if (data === '') return;
  for (const item of readMessages(data) ?? [])
    if (item.kind === 'response' && item.message.id !== null) open.delete(item.message.id);
}
