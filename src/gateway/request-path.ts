/** The way of a client's request through the gateway, on one screen. */
import type { Era } from '../mcp/index.ts';
import type { Clock, Random } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Admission } from './admission/admission.ts';
import { createAudit } from './auth/audit.ts';
import { authenticate } from './auth/authenticate.ts';
import { authorize } from './auth/authorize.ts';
import { serveMetadata } from './auth/protected-resource.ts';
import { createProviders } from './auth/providers.ts';
import type { GatewayConfig, ResolvedLimits, ResolvedTiming } from './config.ts';
import type { GatewayEvents } from './events.ts';
import { compose, type Handler } from './exchange.ts';
import { createKnownTools } from './known-tools.ts';
import type { AskPeer } from './owner/copies.ts';
import { fetchPast } from './owner/past.ts';
import { accessLog } from './interceptors/access-log.ts';
import { failover } from './interceptors/failover.ts';
import { enforceLimits } from './interceptors/limits.ts';
import { checkOrigin } from './interceptors/origin-check.ts';
import { parseRequest } from './interceptors/parse.ts';
import { createRoute } from './interceptors/route.ts';
import { hideHandles } from './interceptors/own-handles.ts';
import { findSession } from './interceptors/session.ts';
import type { AskNode } from './interceptors/upstream.ts';
import type { Balancing } from './health/balancing.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { GatewayPolicies } from './policies.ts';
import type { Cluster, Placements, ReviewToken, Sessions } from './ports.ts';

export interface Front {
  readonly config: GatewayConfig;
  /** Read at each request: another value after the resource was changed. */
  readonly policies: () => GatewayPolicies;
  readonly sessions: Sessions;
  readonly placements: Placements;
  readonly cluster: Cluster;
  readonly limits: ResolvedLimits;
  readonly timing: ResolvedTiming;
  readonly metrics: GatewayMetrics;
  readonly events: GatewayEvents;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly balancing: Balancing;
  /** The way to every pod, this one included; what becomes of requests is watched. */
  readonly ask: AskNode;
  readonly askPeer: AskPeer;
  readonly admission: Admission;
  readonly reviewToken: ReviewToken | undefined;
  /** The end of the path for requests without sessions. */
  readonly serveModern: Handler;
}

/**
 * Outermost first. The eras part after everything that concerns both. In the era of sessions `failover` asks `route` for each
 * attempt, and that the chosen pod.
 */
export function createRequestPath(front: Front): Handler {
  const { config, sessions, cluster, limits, timing, metrics, clock, random, logger } = front;
  const { self } = cluster;
  const { admission, balancing, policies, ask } = front;
  const tryOnce = createRoute({ self, cluster, balancing, policies, ask });
  const audit = createAudit({ metrics, clock, logger });
  const { tokensDirectory } = config;
  const { reviewToken } = front;
  const providers = createProviders({ clock, random, logger, reviewToken, tokensDirectory });
  const mintId = (): string => Buffer.from(random.bytes(24)).toString('base64url');
  return compose(
    [
      accessLog({ metrics, clock, logger }),
      checkOrigin({ config, audit }),
      serveMetadata({ path: config.path, policies }),
      // Before the body is read: nobody unknown makes the gateway hold anything.
      authenticate({ policies, providers, audit }),
      enforceLimits({ path: config.path, limits, metrics }),
      parseRequest,
      authorize({ policies, audit }),
      hideHandles({ policies, placements: front.placements, clock, lookupMs: timing.commitMs }),
      admission.limitRates,
      admission.limitTime,
      admission.enterBulkheads,
    ],
    byEra({
      legacy: compose(
        [findSession({ sessions, mintId, clock, lookupMs: timing.commitMs })],
        failover({
          ...{ sessions, cluster, timing, metrics, clock, random, logger, tryOnce },
          events: front.events,
          budget: balancing.budget,
          fetchPast: (id, epoch) => fetchPast(front, id, epoch),
          knownTools: createKnownTools({ directory: sessions.directory, clock }),
        }),
      ),
      modern: front.serveModern,
    }),
  );
}

const byEra =
  (handlers: Readonly<Record<Era, Handler>>): Handler =>
  (exchange) =>
    handlers[exchange.era](exchange);
