/**
 * A request gets an answer in time, if only an error. The time runs from its arrival, so waiting for a place or for a pod
 * counts. MCP clients send no deadline: no field of either era has one, and the official SDKs end a request that took too
 * long with `notifications/cancelled` (2025) or by closing it (2026), which pass through as what they are. Other
 * protocols' headers (`grpc-timeout`, Envoy's) are therefore not looked at. At its end the answer is an error, and the
 * server is told: in the era of sessions by the pod that owns the session, in the stateless era by closing the request.
 */
import {
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
  type Interceptor,
  type Reply,
  type StreamReply,
} from '../exchange.ts';
import type { GatewayPolicies } from '../policies.ts';
import type { OutgoingEvent } from '../ports.ts';
import { canBeLate, requestsOf } from './admitted-requests.ts';
import type { AdmissionMetrics } from './metrics.ts';
import { errorTexts } from './rejection.ts';

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
  const { policies, clock, metrics } = options;
  return (next) => async (exchange) => {
    const requests = requestsOf(exchange);
    if (requests.length === 0 || !requests.every(canBeLate)) return next(exchange);
    const timeoutMs = policies().requestTimeoutMs;
    const limited = new AbortController();
    const late = Promise.withResolvers<'late'>();
    const cancel = clock.schedule(timeoutMs, () => {
      run.expired = true;
      metrics.expired.inc();
      late.resolve('late');
      limited.abort(new Error('the request took longer than it may'));
    });
    const onLeave = (): void => {
      cancel();
      limited.abort(exchange.signal.reason);
    };
    exchange.signal.addEventListener('abort', onLeave, { once: true });
    if (exchange.signal.aborted) onLeave();
    const run: Run = {
      requests,
      batch: exchange.parsed?.batch === true,
      expired: false,
      done: () => {
        cancel();
        exchange.signal.removeEventListener('abort', onLeave);
      },
    };
    const inner: Exchange = {
      ...exchange,
      signal: limited.signal,
      deadline: clock.monotonic() + timeoutMs,
    };
    const running = next(inner);
    running.catch(() => undefined);
    let reply: Reply | 'late';
    try {
      reply = await Promise.race([running, late.promise]);
    } catch (error) {
      run.done();
      // What the abort caused is not what the client shall hear.
      if (run.expired) return expired(run);
      throw error;
    }
    if (reply === 'late') {
      run.done();
      return expired(run);
    }
    if (reply.type === 'stream') return endInTime(options, run, reply);
    // A long body is an answer that has begun: how long its delivery takes is the client's affair.
    run.done();
    return reply;
  };
}

interface Run {
  readonly requests: readonly JsonRpcRequest[];
  readonly batch: boolean;
  expired: boolean;
  /** The time does not matter any more. */
  readonly done: () => void;
}

function expired({ requests, batch }: Run): Reply {
  return plain(200, errorTexts(requests, batch, mcpError(MCP_ERRORS.deadlineExceeded)));
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
  const late = run.requests.filter(({ id }) => open.has(id));
  if (late.length === 0) return;
  const id = last.id === '' ? '' : options.finalEventId(last.id);
  yield { id, data: errorTexts(late, run.batch, mcpError(MCP_ERRORS.deadlineExceeded)) };
}

function settle(open: Set<RequestId>, data: string): void {
  if (data === '') return;
  for (const item of readMessages(data) ?? [])
    if (item.kind === 'response' && item.message.id !== null) open.delete(item.message.id);
}
