/**
 * `subscriptions/listen`: one subscription of the client, made of one at every pod. A change at any pod reaches the client;
 * pods come and go without it noticing.
 */
import {
  errorText,
  JSON_TYPE,
  MCP_ERRORS,
  mcpError,
  type JsonObject,
  type RequestId,
} from '../../mcp/index.ts';
import { type Clock, type Random } from '../../std/index.ts';
import type { ResolvedLimits, ResolvedTiming } from '../config.ts';
import { createEventQueue, type EventQueue } from '../event-queue.ts';
import {
  plain,
  requestIdOf,
  type Exchange,
  type Handler,
  type PlainReply,
  type Reply,
} from '../exchange.ts';
import { unsupportedByLegacy } from '../interceptors/parse.ts';
import type { AskNode } from '../interceptors/upstream.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { clientHeaders } from '../owner/backend-headers.ts';
import type { Cluster } from '../ports.ts';
import { createCoalescer } from './coalesce.ts';
import {
  acknowledgement,
  completion,
  everythingChanged,
  isEmpty,
  newsKey,
  unionOf,
} from './listen-filter.ts';
import { runLeg } from './listen-leg.ts';
import { problem } from './pursue.ts';

export interface ListenOptions {
  readonly cluster: Cluster;
  /** True for a pod whose MCP server answers. */
  readonly isReady: (node: string) => boolean;
  readonly ask: AskNode;
  readonly limits: ResolvedLimits;
  readonly timing: ResolvedTiming;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Listens {
  readonly handle: Handler;
  /** Ends every subscription in good order: the clients subscribe anew at other pods. */
  drain(): void;
}

/** How long slower pods are waited for once one has acknowledged. */
const GATHER_MS = 250;

export function createListens(options: ListenOptions): Listens {
  const open = new Set<Subscription>();
  let draining = false;
  return {
    async handle(exchange) {
      const id = requestIdOf(exchange);
      // A notification of that name asks for nothing.
      if (id === null) return plain(202, '');
      exchange.signal.throwIfAborted();
      if (draining) return problem(exchange, mcpError(MCP_ERRORS.unavailable));
      if (open.size >= options.limits.listensMax) {
        options.metrics.limited.inc({ limit: 'listensMax' });
        return problem(exchange, mcpError(MCP_ERRORS.tooManyListens), 1_000);
      }
      const subscription = subscribe(options, exchange, id, () => {
        open.delete(subscription);
        options.metrics.listens.set(open.size);
      });
      open.add(subscription);
      options.metrics.listens.set(open.size);
      return subscription.opened;
    },
    drain() {
      draining = true;
      for (const subscription of [...open]) subscription.complete();
    },
  };
}

interface Subscription {
  readonly opened: Promise<Reply>;
  complete(): void;
}

/** What is known of one pod's part. */
interface Leg {
  readonly abort: AbortController;
  /** Undefined until the server acknowledged or refused. */
  answer:
    { readonly honoured: JsonObject } | { readonly refusal: PlainReply | undefined } | undefined;
}

function subscribe(
  options: ListenOptions,
  exchange: Exchange,
  id: RequestId,
  onEnd: () => void,
): Subscription {
  const { cluster, clock, timing } = options;
  const legs = new Map<string, Leg>();
  const ended = new AbortController();
  const headers = clientHeaders(exchange.headers);
  let honoured: JsonObject | undefined;
  let settle: (reply: Reply) => void = () => undefined;
  const opened = new Promise<Reply>((resolve) => (settle = resolve));
  let cancelGather: (() => void) | undefined;

  const close = (): void => {
    if (ended.signal.aborted) return;
    ended.abort();
    // For a client that left before anything was known; otherwise it has its answer.
    settle(unavailable(exchange, id));
    stopWatching();
    cancelDeadline();
    cancelGather?.();
    coalescer.stop();
    for (const { abort } of legs.values()) abort.abort();
    exchange.signal.removeEventListener('abort', close);
    onEnd();
  };
  const queue: EventQueue = createEventQueue(
    options.limits.unreadEventsMax,
    exchange.signal,
    close,
  );
  const tell = (data: string): void => queue.push({ id: '', data });
  const coalescer = createCoalescer(clock, tell);
  const news = (data: string, method: string, params: JsonObject | undefined): void => {
    const key = newsKey(method, params);
    if (key === undefined) tell(data);
    else coalescer.tell(key, data);
  };
  const complete = (): void => {
    if (honoured === undefined) return refuse(problem(exchange, mcpError(MCP_ERRORS.unavailable)));
    tell(completion(id));
    queue.end();
    return close();
  };
  const refuse = (reply: PlainReply): void => {
    settle(reply);
    close();
  };
  const missed = (): void => {
    if (honoured === undefined) return;
    for (const data of everythingChanged(id, honoured)) {
      const { method, params } = JSON.parse(data) as { method: string; params: JsonObject };
      news(data, method, params);
    }
  };

  /** Opens the client's stream once enough is known; from then on only the pods' changes matter. */
  const decide = (force = false): void => {
    if (honoured !== undefined || ended.signal.aborted) return;
    const known = [...legs.values()].filter(({ answer }) => answer !== undefined);
    const accepted = known.flatMap(({ answer }) =>
      answer !== undefined && 'honoured' in answer ? [answer.honoured] : [],
    );
    if (accepted.length === 0) {
      if (legs.size > 0 && known.length === legs.size) refuse(refusalOf(exchange, legs));
      return;
    }
    if (known.length < legs.size && !force) {
      cancelGather ??= clock.schedule(GATHER_MS, () => decide(true));
      return;
    }
    cancelDeadline();
    honoured = unionOf(accepted);
    settle({ type: 'stream', headers: {}, events: queue.events });
    tell(acknowledgement(id, honoured));
    if (isEmpty(honoured)) complete();
  };
  const listenTo = (node: string): void => {
    const leg: Leg = { abort: new AbortController(), answer: undefined };
    legs.set(node, leg);
    const { body, parsed } = exchange;
    const request = { op: 'listen', sessionId: '', epoch: 0, headers, body } as const;
    void runLeg(
      {
        isReady: () => options.isReady(node),
        ask: (signal) =>
          options.ask(node, { ...request, ...(parsed === undefined ? {} : { parsed }) }, signal),
        listener: {
          acknowledged(filter) {
            const again = leg.answer !== undefined && 'honoured' in leg.answer;
            leg.answer = { honoured: filter };
            decide();
            if (again) missed();
          },
          async notified(data, method, params) {
            await queue.room();
            news(data, method, params);
          },
          refused(refusal) {
            if (leg.answer === undefined) leg.answer = { refusal };
            decide();
          },
        },
        clock,
        random: options.random,
      },
      leg.abort.signal,
    );
  };
  /** Pods that joined are listened to, pods that left are not; what they said last may have been lost with them. */
  const reconcile = (): void => {
    const members = new Set(cluster.members().map(({ node }) => node));
    for (const [node, leg] of legs) {
      if (members.has(node)) continue;
      legs.delete(node);
      leg.abort.abort();
      if (leg.answer !== undefined && 'honoured' in leg.answer) missed();
    }
    for (const node of members) if (!legs.has(node) && options.isReady(node)) listenTo(node);
    decide();
  };

  exchange.signal.addEventListener('abort', close, { once: true });
  const stopWatching = cluster.onChange(reconcile);
  const cancelDeadline = clock.schedule(timing.failoverMs, () => {
    if (honoured === undefined) refuse(unavailable(exchange, id));
  });
  reconcile();
  return { opened, complete };
}

/** Why nobody listens: what a server said, or that none of them speaks this era. */
function refusalOf(exchange: Exchange, legs: ReadonlyMap<string, Leg>): PlainReply {
  for (const { answer } of legs.values())
    if (answer !== undefined && 'refusal' in answer && answer.refusal !== undefined)
      return answer.refusal;
  return problem(exchange, unsupportedByLegacy(exchange.requestedVersion ?? ''));
}

const unavailable = (exchange: Exchange, id: RequestId): PlainReply =>
  plain(200, errorText(mcpError(MCP_ERRORS.unavailable), id), { 'content-type': JSON_TYPE });
