/** Puts admission together: the interceptors of the front, and the guard before the pod's own MCP server. */
import type { Clock } from '../../std/index.ts';
import type { Metrics } from '../../telemetry/index.ts';
import type { Interceptor, ServeOwner } from '../exchange.ts';
import type { GatewayPolicies } from '../policies.ts';
import type { Cluster, ServerUsage, Sessions } from '../ports.ts';
import { enterBulkheads } from './bulkheads.ts';
import { RateGroup } from './core/rate-group.ts';
import { limitTime } from './deadline.ts';
import { createAdmissionMetrics } from './metrics.ts';
import { createRateExchange, type RateExchangeOptions } from './rate-exchange.ts';
import { limitRates } from './rate-limits.ts';
import { guardUsage } from './usage-quota.ts';

export interface AdmissionOptions {
  readonly policies: () => GatewayPolicies;
  readonly cluster: Cluster;
  readonly sessions: Pick<Sessions, 'finalEventId'>;
  /** Asks the gateway of another pod; never rejects. */
  readonly askPeer: RateExchangeOptions['ask'];
  /** What the MCP server of this pod uses; nothing is known of it when absent. */
  readonly usage: ServerUsage | undefined;
  readonly clock: Clock;
  readonly telemetry: Metrics;
}

export interface Admission {
  /** Over the limit is refused before it can wait for anything. */
  readonly limitRates: Interceptor;
  /** Waiting for a place counts, too. */
  readonly limitTime: Interceptor;
  readonly enterBulkheads: Interceptor;
  /** Stands before what serves requests at this pod; answers other pods about rates. */
  guard(serve: ServeOwner): ServeOwner;
  start(): void;
  stop(): void;
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { policies, cluster, sessions, clock } = options;
  const metrics = createAdmissionMetrics(options.telemetry);
  const group = new RateGroup(clock.monotonic());
  const exchange = createRateExchange({
    ...{ group, cluster, clock, metrics },
    ask: options.askPeer,
    needed: () => policies().rateLimits.length > 0,
  });
  const usage = options.usage ?? { current: () => undefined };
  const overused = guardUsage({ policies, usage, metrics });
  return {
    limitRates: limitRates({ policies, group, exchange, clock, metrics }),
    limitTime: limitTime({ policies, finalEventId: sessions.finalEventId, clock, metrics }),
    enterBulkheads: enterBulkheads({ policies, clock, metrics }),
    guard: (serve) => async (request, signal) => {
      if (request.op === 'rates') return exchange.answer(request);
      return overused(request) ?? serve(request, signal);
    },
    start: exchange.start,
    stop: exchange.stop,
  };
}
