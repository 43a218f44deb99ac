/** Puts admission together: the interceptors of the front, and the guard before the pod's own MCP server. */
import type { Clock } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type { Interceptor, ServeOwner } from '../exchange.ts';
import type { GatewayPolicies } from '../policies.ts';
import type { Cluster, ServerUsage, Sessions } from '../ports.ts';
import { enterBulkheads } from './bulkheads.ts';
import { RateGroup } from './core/rate-group.ts';
import { limitTime } from './deadline.ts';
import { createAdmissionMetrics } from './metrics.ts';
import { describeProblems, type PolicyProblem } from './problems.ts';
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
  readonly logger: Logger;
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
  /** What of the policies in force cannot work as written. */
  problems(): readonly PolicyProblem[];
  start(): void;
  stop(): void;
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { policies, cluster, sessions, clock, logger } = options;
  const metrics = createAdmissionMetrics(options.telemetry);
  const group = new RateGroup(clock.monotonic());
  const exchange = createRateExchange({
    ...{ group, cluster, clock, metrics },
    ask: options.askPeer,
    needed() {
      tellProblems();
      return policies().rateLimits.length > 0;
    },
  });
  const usage = options.usage ?? { current: () => undefined };
  const quota = guardUsage({ policies, usage, clock, metrics });
  const problems = (): readonly PolicyProblem[] => describeProblems(policies(), quota.known());
  let told = '';
  const tellProblems = (): void => {
    const now = problems();
    const text = now.map(({ field, sentence }) => `${field}: ${sentence}`).join('; ');
    if (text !== '' && text !== told) logger.warn('policies that cannot work', { problems: now });
    told = text;
  };
  return {
    limitRates: limitRates({ policies, group, exchange, clock, metrics }),
    limitTime: limitTime({ policies, finalEventId: sessions.finalEventId, clock, metrics }),
    enterBulkheads: enterBulkheads({ policies, clock, metrics }),
    guard: (serve) => (request, signal) => {
      if (request.op === 'rates') return Promise.resolve(exchange.answer(request));
      const refusal = quota.refuse(request);
      return refusal === undefined ? serve(request, signal) : Promise.resolve(refusal);
    },
    problems,
    start: exchange.start,
    stop: exchange.stop,
  };
}
