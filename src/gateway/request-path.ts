/** The way of a client's request through the gateway, on one screen. */
import { errorText, LEGACY_VERSIONS, MCP_ERRORS, mcpError, type Era } from '../mcp/index.ts';
import type { Clock, Random } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { GatewayConfig, ResolvedLimits, ResolvedTiming } from './config.ts';
import type { GatewayEvents } from './events.ts';
import { compose, plain, requestIdOf, type Handler } from './exchange.ts';
import { accessLog } from './interceptors/access-log.ts';
import { failover } from './interceptors/failover.ts';
import { enforceLimits } from './interceptors/limits.ts';
import { checkOrigin } from './interceptors/origin-check.ts';
import { parseRequest } from './interceptors/parse.ts';
import { createRoute } from './interceptors/route.ts';
import { findSession } from './interceptors/session.ts';
import { createAskNode } from './interceptors/upstream.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { SessionHost } from './owner/session-host.ts';
import type { PeerClient } from './peer/peer-client.ts';
import type { GatewayPolicies } from './policies.ts';
import type { Cluster, Sessions } from './ports.ts';

export interface Front {
  readonly config: GatewayConfig;
  /** Read at each request: another value after the resource was changed. */
  readonly policies: () => GatewayPolicies;
  readonly sessions: Sessions;
  readonly cluster: Cluster;
  readonly limits: ResolvedLimits;
  readonly timing: ResolvedTiming;
  readonly metrics: GatewayMetrics;
  readonly events: GatewayEvents;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly peers: PeerClient;
  readonly host: SessionHost;
}

/**
 * Outermost first. The eras part after everything that concerns both. In the era of sessions `failover` asks `route` for each
 * attempt, and that the chosen pod.
 */
export function createRequestPath(front: Front, selfReady: () => boolean): Handler {
  const { config, sessions, cluster, limits, timing, metrics, clock, random, logger } = front;
  const { self } = cluster;
  const { directory } = sessions;
  const ask = createAskNode({
    self,
    cluster,
    peers: front.peers,
    metrics,
    serveHere: front.host.serve,
  });
  const tryOnce = createRoute({ self, cluster, directory, selfReady, ask });
  const mintId = (): string => Buffer.from(random.bytes(24)).toString('base64url');
  return compose(
    [
      accessLog({ metrics, clock, logger }),
      enforceLimits({ path: config.path, limits, metrics }),
      checkOrigin(config),
      parseRequest,
    ],
    byEra({
      legacy: compose(
        [findSession({ sessions, mintId, lookupMs: timing.commitMs })],
        failover({
          ...{ sessions, cluster, timing, metrics, clock, random, tryOnce },
          events: front.events,
        }),
      ),
      modern: refuseModern,
    }),
  );
}

const byEra =
  (handlers: Readonly<Record<Era, Handler>>): Handler =>
  (exchange) =>
    handlers[exchange.era](exchange);

/** The stateless era is not served yet, and says so in its own words. */
const refuseModern: Handler = async (exchange) =>
  plain(
    400,
    errorText(
      mcpError(MCP_ERRORS.unsupportedProtocolVersion, undefined, {
        supported: LEGACY_VERSIONS,
        requested: exchange.requestedVersion,
      }),
      requestIdOf(exchange),
    ),
  );
