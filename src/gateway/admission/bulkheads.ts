/** The interceptor of all bulkheads: a request needs a place in each that concerns it, and holds them until its answer ends. */
import { MCP_ERRORS } from '../../mcp/index.ts';
import { delay, type Clock } from '../../std/index.ts';
import type { Exchange, Handler, Interceptor, PlainReply, Reply } from '../exchange.ts';
import type { BulkheadPolicy, GatewayPolicies } from '../policies.ts';
import type { OutgoingEvent } from '../ports.ts';
import { concerns, factsOf, keyOf, requestsOf, senderOf } from './admitted-requests.ts';
import { Bulkhead, type Place, type RejectReason } from './bulkhead.ts';
import { holding, outlive } from './hold.ts';
import type { AdmissionMetrics } from './metrics.ts';
import { reject } from './rejection.ts';

export interface BulkheadsOptions {
  readonly policies: () => GatewayPolicies;
  readonly clock: Clock;
  readonly metrics: AdmissionMetrics;
}

/** A bulkhead, one of its compartments, and how many requests want to get in. */
interface Wanted {
  readonly bulkhead: Bulkhead;
  readonly key: string;
  count: number;
}

interface Held {
  readonly place: Place;
  readonly policy: BulkheadPolicy;
}

export function enterBulkheads(options: BulkheadsOptions): Interceptor {
  const current = followPolicies(options);
  return (next) => (exchange) => {
    const bulkheads = current();
    const wanted = bulkheads.length === 0 ? [] : wantedPlaces(bulkheads, exchange);
    return wanted.length === 0 ? next(exchange) : enter(options, { exchange, next, wanted });
  };
}

async function enter(
  options: BulkheadsOptions,
  { exchange, next, wanted }: { exchange: Exchange; next: Handler; wanted: readonly Wanted[] },
): Promise<Reply> {
  const held: Held[] = [];
  // In the order of the resource for everybody, so that nobody waits for somebody who waits for it.
  for (const { bulkhead, key, count } of wanted) {
    const { policy } = bulkhead;
    const entry = await enterOrLeave(bulkhead, { key, count, held, signal: exchange.signal });
    if (entry.type === 'rejected') {
      leaveAll(held);
      options.metrics.rejected.inc({ bulkhead: policy.name, reason: entry.reason });
      return rejected(exchange, policy, entry);
    }
    held.push({ place: entry.place, policy });
  }
  return serveInside(options, { exchange, next, held });
}

/** The bulkheads of the policies in force; one that stays keeps who is inside. */
function followPolicies({ policies, clock, metrics }: BulkheadsOptions): () => readonly Bulkhead[] {
  let followed: readonly BulkheadPolicy[] | undefined;
  let bulkheads: readonly Bulkhead[] = [];
  return () => {
    const wanted = policies().bulkheads;
    if (wanted === followed) return bulkheads;
    followed = wanted;
    const before = bulkheads;
    bulkheads = wanted.map((policy) => {
      const known = before.find((other) => other.policy.name === policy.name);
      // Compartments of another kind have other keys, so nobody in the old ones would be counted.
      if (known === undefined || known.policy.per !== policy.per)
        return new Bulkhead(policy, clock, metrics);
      known.configure(policy);
      return known;
    });
    for (const bulkhead of before)
      if (!wanted.some(({ name }) => name === bulkhead.policy.name)) bulkhead.remove();
    return bulkheads;
  };
}

function wantedPlaces(bulkheads: readonly Bulkhead[], exchange: Exchange): Wanted[] {
  const requests = requestsOf(exchange);
  const sender = senderOf(exchange);
  const wanted: Wanted[] = [];
  for (const bulkhead of bulkheads) {
    const { match, per } = bulkhead.policy;
    for (const request of requests) {
      const facts = factsOf(request, sender);
      if (!concerns(match, facts)) continue;
      const key = keyOf(per, facts);
      const same = wanted.find((other) => other.bulkhead === bulkhead && other.key === key);
      if (same === undefined) wanted.push({ bulkhead, key, count: 1 });
      else same.count += 1;
    }
  }
  return wanted;
}

async function enterOrLeave(
  bulkhead: Bulkhead,
  options: {
    readonly key: string;
    readonly count: number;
    readonly held: readonly Held[];
    readonly signal: AbortSignal;
  },
): ReturnType<Bulkhead['enter']> {
  try {
    return await bulkhead.enter(options.key, options.count, options.signal);
  } catch (error) {
    leaveAll(options.held);
    throw error;
  }
}

const leaveAll = (held: readonly Held[]): void => {
  for (const { place } of held) place.leave();
};

const WHY: Readonly<Record<RejectReason, string>> = {
  full: 'is full',
  wait: 'had no place in time',
  shed: 'is overloaded',
  compartments: 'has too many compartments in use',
};

/** Full by one tenant's or one session's own requests is their fault (429), else it is ours (503). */
function rejected(
  exchange: Exchange,
  { name, per }: BulkheadPolicy,
  { reason, retryAfterMs }: { readonly reason: RejectReason; readonly retryAfterMs?: number },
): PlainReply {
  const own = (per === 'Tenant' || per === 'Session') && reason !== 'compartments';
  return reject(requestsOf(exchange), exchange.parsed?.batch === true, {
    kind: MCP_ERRORS.bulkheadFull,
    name,
    detail: `bulkhead ${name} ${WHY[reason]}`,
    retryAfterMs,
    ...(own ? { status: 429 } : {}),
  });
}

async function serveInside(
  options: BulkheadsOptions,
  { exchange, next, held }: { exchange: Exchange; next: Handler; held: readonly Held[] },
): Promise<Reply> {
  const { signal } = exchange;
  const toTheEnd = exchange.era === 'legacy';
  const stopWaiting = toTheEnd ? outlive(exchange, options.clock) : undefined;
  const leave = (): void => {
    stopWaiting?.();
    leaveAll(held);
  };
  const pace = pacing(options, held, signal);
  let reply: Reply;
  try {
    reply = await next(exchange);
    if (reply.type === 'plain') await pace(Buffer.byteLength(reply.body));
  } catch (error) {
    exchange.signal = signal;
    leave();
    throw error;
  }
  if (reply.type === 'plain') {
    leave();
    return reply;
  }
  if (reply.type === 'body') {
    const byChunk = { pace: (chunk: Uint8Array) => pace(chunk.byteLength), toTheEnd: false };
    return { ...reply, chunks: read(holding(reply.chunks, { ...byChunk, signal, leave }), signal) };
  }
  const byEvent = { pace: ({ data }: OutgoingEvent) => pace(data.length), toTheEnd };
  return { ...reply, events: read(holding(reply.events, { ...byEvent, signal, leave }), signal) };
}

/** Begins to read what nobody else would begin to read, so that it ends, and its places with it. */
function read<T>(items: AsyncGenerator<T>, signal: AbortSignal): AsyncGenerator<T> {
  const begin = (): void => void items.next().catch(() => undefined);
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return items;
}

type Pace = (bytes: number) => Promise<void>;

/** Holds an answer back until every bulkhead it is inside of lets so many bytes go. */
function pacing(
  { clock, metrics }: BulkheadsOptions,
  held: readonly Held[],
  signal: AbortSignal,
): Pace {
  const paced = held.filter(({ policy }) => policy.quotas?.bytesPerSecond !== undefined);
  return async (bytes) => {
    for (const { place, policy } of paced) {
      const perSecond = policy.quotas?.bytesPerSecond ?? Infinity;
      const waitMs = place.pacer.delayMs(clock.monotonic(), bytes, perSecond);
      if (waitMs <= 0) continue;
      metrics.heldBack.inc({ bulkhead: policy.name }, waitMs / 1_000);
      await delay(clock, waitMs, signal);
    }
  };
}
