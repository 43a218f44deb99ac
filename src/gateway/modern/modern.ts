/** Puts the stateless era together: the side of the pod that is asked, and the front's. */
import type { Clock, Random } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { createBackendEra } from '../backend-era.ts';
import type { ResolvedLimits, ResolvedTiming } from '../config.ts';
import type { Handler, ServeOwner } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { GatewayPolicies } from '../policies.ts';
import type { Cluster, Placements } from '../ports.ts';
import type { Upstream } from '../upstream.ts';
import { createStatelessHost } from './host.ts';
import { createListens } from './listen.ts';
import { createObserver } from './observe.ts';
import { keepOwnTasks } from './own-tasks.ts';
import type { StatelessOptions } from './pursue.ts';
import { serveStateless } from './stateless.ts';
import type { ListenOptions } from './subscription.ts';
import { createToolTable } from './tool-table.ts';

export interface ModernHost {
  /** Serves `stateless` and `listen`. Never rejects. */
  readonly serve: ServeOwner;
  /** Tools that this pod's server calls read-only or idempotent. */
  repeatableTools(): readonly string[];
  /** Resolves when nothing runs here any more, or the time for it is over. */
  drain(): Promise<void>;
  stop(): void;
}

export interface ModernHostOptions {
  readonly upstream: Upstream;
  readonly cluster: Pick<Cluster, 'self'>;
  readonly placements: Placements;
  readonly policies: () => GatewayPolicies;
  readonly limits: ResolvedLimits;
  readonly timing: ResolvedTiming;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export function createModernHost(options: ModernHostOptions): ModernHost {
  const { upstream, cluster, policies, timing, clock, random, logger } = options;
  const stopped = new AbortController();
  const table = createToolTable({ tools: { upstream }, clock, stopped: stopped.signal });
  const era = createBackendEra({
    tools: { upstream },
    probeMs: timing.backendWaitMs,
    clock,
    random,
    onKnown(known) {
      logger.info('era of the MCP server', { era: known.type });
      table.reset(known.type === 'modern');
    },
  });
  const observer = createObserver({
    self: cluster.self.node,
    placements: options.placements,
    clock,
    table,
    policy: () => policies().loadBalancing,
    commitMs: timing.commitMs,
    logger,
  });
  const host = createStatelessHost({ ...options, era, table, observer });
  return {
    serve: host.serve,
    repeatableTools: () => table.repeatable,
    drain: host.drain,
    stop() {
      stopped.abort();
      era.stop();
    },
  };
}

export interface ModernFront {
  readonly handle: Handler;
  /** Ends open subscriptions in good order. */
  drain(): void;
}

export type ModernFrontOptions = StatelessOptions & ListenOptions;

/** The end of the request path of the stateless era. */
export function createModernFront(options: ModernFrontOptions): ModernFront {
  const listens = createListens(options);
  const stateless = serveStateless(options);
  return {
    async handle(exchange) {
      if (exchange.label !== 'subscriptions/listen') return stateless(exchange);
      await keepOwnTasks(options, exchange);
      return listens.handle(exchange);
    },
    drain: listens.drain,
  };
}
