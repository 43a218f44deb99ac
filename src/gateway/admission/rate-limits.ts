/** The interceptor of rate limits, which hold for the whole cluster. No request waits for another pod. */
import { MCP_ERRORS } from '../../mcp/index.ts';
import { type Clock } from '../../std/index.ts';
import { now, type Exchange, type Handler, type Interceptor, type Reply } from '../exchange.ts';
import type { GatewayPolicies, RateLimitPolicy } from '../policies.ts';
import { concerns, factsOf, keyOf, requestsOf, senderOf } from './admitted-requests.ts';
import { EXCHANGE_MS, type RateGroup } from './core/rate-group.ts';
import type { ShareBucket } from './core/share-bucket.ts';
import type { AdmissionMetrics } from './metrics.ts';
import type { RateExchange } from './rate-exchange.ts';
import { reject } from './rejection.ts';

export interface RateLimitsOptions {
  readonly policies: () => GatewayPolicies;
  readonly group: RateGroup;
  readonly exchange: RateExchange;
  readonly clock: Clock;
  readonly metrics: AdmissionMetrics;
}

interface Counted {
  readonly name: string;
  readonly bucket: ShareBucket;
  count: number;
}

export function limitRates(options: RateLimitsOptions): Interceptor {
  const { policies, group, metrics, clock } = options;
  let followed: readonly RateLimitPolicy[] = [];
  const current = (): readonly RateLimitPolicy[] => {
    const wanted = policies().rateLimits;
    if (wanted === followed) return wanted;
    for (const { name } of followed)
      if (!wanted.some((limit) => limit.name === name)) metrics.rateKeys.remove({ limit: name });
    followed = wanted;
    group.configure(wanted);
    return wanted;
  };
  const enforce = (
    limits: readonly RateLimitPolicy[],
    next: Handler,
    exchange: Exchange,
  ): Promise<Reply> => {
    const at = clock.monotonic();
    const counted = countRequests(options, { exchange, limits, now: at });
    // All are asked: what is refused is demand, too.
    const over = counted.filter(({ bucket, count }) => !bucket.ask(at, count));
    const [first] = over;
    if (first === undefined) {
      for (const { name, bucket, count } of counted) {
        bucket.take(count);
        metrics.rateAdmitted.inc({ limit: name }, count);
      }
      return next(exchange);
    }
    if (first.bucket.surprised(options.exchange.sinceMs())) options.exchange.hurry();
    for (const { name } of over) metrics.rateRejected.inc({ limit: name });
    const waitMs = Math.max(...over.map(({ bucket }) => bucket.waitMs()));
    return now(
      reject(requestsOf(exchange), exchange.parsed?.batch === true, {
        kind: MCP_ERRORS.rateLimited,
        name: first.name,
        detail: `rate limit ${first.name}`,
        // At the next exchange this pod may get a greater share.
        retryAfterMs: Math.max(EXCHANGE_MS, waitMs),
      }),
    );
  };
  return (next) => (exchange) => {
    const limits = current();
    return limits.length === 0 ? next(exchange) : enforce(limits, next, exchange);
  };
}

function countRequests(
  { group, metrics }: RateLimitsOptions,
  {
    exchange,
    limits,
    now,
  }: {
    readonly exchange: Exchange;
    readonly limits: readonly RateLimitPolicy[];
    readonly now: number;
  },
): Counted[] {
  const requests = requestsOf(exchange);
  const sender = senderOf(exchange);
  const counted: Counted[] = [];
  for (const { name, match, per } of limits) {
    for (const request of requests) {
      const facts = factsOf(request, sender);
      if (!concerns(match, facts)) continue;
      const bucket = group.bucket(name, keyOf(per, facts), now);
      if (bucket === undefined) continue;
      const same = counted.find((other) => other.bucket === bucket);
      if (same === undefined) counted.push({ name, bucket, count: 1 });
      else same.count += 1;
    }
    metrics.rateKeys.set(group.size(name), { limit: name });
  }
  return counted;
}
