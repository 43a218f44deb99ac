/** Puts the gateway together: the request path, the owner's side, the two listeners and the MCP server's probe. */
import type { Clock, Random } from '../std/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { resolveLimits, resolveTiming, type GatewayConfig } from './config.ts';
import { createGatewayEvents, type GatewayEvent } from './events.ts';
import { compose } from './exchange.ts';
import { createHttpClient, plainConnector } from './http-client.ts';
import { accessLog } from './interceptors/access-log.ts';
import { failover } from './interceptors/failover.ts';
import { enforceLimits } from './interceptors/limits.ts';
import { checkOrigin } from './interceptors/origin-check.ts';
import { parseRequest } from './interceptors/parse.ts';
import { createRoute } from './interceptors/route.ts';
import { findSession } from './interceptors/session.ts';
import { createAskNode } from './interceptors/upstream.ts';
import { createListener } from './listener.ts';
import { createGatewayMetrics } from './metrics.ts';
import { createSessionHost } from './owner/session-host.ts';
import { createPeerClient } from './peer/peer-client.ts';
import { createPeerListener } from './peer/peer-listener.ts';
import type { Cluster, Ownership, PeerTls, Sessions } from './ports.ts';
import { createSweeper } from './sweeper.ts';
import { createUpstream } from './upstream.ts';

export interface GatewayOptions {
  readonly config: GatewayConfig;
  readonly tls: PeerTls;
  readonly sessions: Sessions;
  readonly cluster: Cluster;
  readonly ownership: Ownership;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface GatewayStatus {
  readonly listening: boolean;
  readonly draining: boolean;
  /** The MCP server of this pod answers. */
  readonly backendReady: boolean;
  /** Sessions this pod serves. */
  readonly sessions: number;
}

export interface Gateway {
  /** Listens on both ports and begins to probe the MCP server. Rejects when a port cannot be had. */
  start(): Promise<{ readonly port: number; readonly peerPort: number }>;
  /** Gives every session away: running requests may finish, then any pod may take the sessions over. */
  drain(): Promise<void>;
  /** Stops at once; streams are cut. */
  stop(): Promise<void>;
  status(): GatewayStatus;
  backendReady(): boolean;
  onBackendChange(listener: (ready: boolean, detail: string) => void): () => void;
  onEvent(listener: (event: GatewayEvent) => void): () => void;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { config, sessions, cluster, clock, random } = options;
  const logger = options.logger.child({ component: 'gateway' });
  const limits = resolveLimits(config.limits);
  const timing = resolveTiming(config.timing);
  const metrics = createGatewayMetrics(options.metrics);
  const events = createGatewayEvents();
  const { self } = cluster;
  let state: 'new' | 'listening' | 'draining' | 'stopped' = 'new';

  const upstream = createUpstream({
    config,
    timing,
    clock,
    client: createHttpClient(plainConnector(timing.connectMs)),
  });
  upstream.onChange((ready, detail) => {
    metrics.backendUp.set(ready ? 1 : 0);
    logger.info(ready ? 'MCP server answers' : 'MCP server does not answer', { detail });
    events.emit(ready ? { type: 'backend-ready' } : { type: 'backend-down', detail });
  });
  const tools = {
    ...{ sessions, upstream, limits, timing, metrics, clock, random, logger },
    ownership: options.ownership,
  };
  const host = createSessionHost({ tools, self, events });
  const peers = createPeerClient({
    tls: options.tls,
    connectMs: timing.connectMs,
    eventCharsMax: limits.eventCharsMax,
  });

  const ask = createAskNode({ self, cluster, peers, metrics, serveHere: host.serve });
  const selfReady = (): boolean => state === 'listening' && upstream.ready();
  const tryOnce = createRoute({ self, cluster, directory: sessions.directory, selfReady, ask });
  const mintId = (): string => Buffer.from(random.bytes(24)).toString('base64url');

  /** The request path, outermost first. `failover` asks `route` for each attempt, and that the chosen pod. */
  const handle = compose(
    [
      accessLog({ metrics, clock, logger }),
      enforceLimits({ path: config.path, limits, metrics }),
      checkOrigin(config),
      parseRequest,
      findSession({ sessions, mintId, lookupMs: timing.commitMs }),
    ],
    failover({ sessions, cluster, timing, metrics, events, clock, random, tryOnce }),
  );

  const listener = createListener({
    address: config.listen,
    ...{ limits, timing, handle, metrics, clock, logger },
  });
  const peerListener = createPeerListener({
    address: config.peerListen,
    tls: options.tls,
    bodyBytesMax: limits.bodyBytes,
    keepaliveMs: timing.keepaliveMs,
    serve: host.serve,
    clock,
    logger,
  });
  const sweeper = createSweeper({
    sessions,
    cluster,
    events,
    clock,
    logger,
    sweepMs: timing.sweepMs,
    inUse: host.inUse,
  });

  return {
    async start() {
      upstream.start();
      const { port: peerPort } = await peerListener.start();
      const { port } = await listener.start();
      sweeper.start();
      state = 'listening';
      logger.info('gateway listens', { port, peerPort });
      return { port, peerPort };
    },
    async drain() {
      if (state !== 'listening') return;
      state = 'draining';
      await host.drain();
    },
    async stop() {
      if (state === 'stopped') return;
      state = 'stopped';
      sweeper.stop();
      host.stop();
      await Promise.all([listener.stop(), peerListener.stop()]);
      await Promise.all([peers.stop(), upstream.stop()]);
    },
    status: () => ({
      listening: state === 'listening' || state === 'draining',
      draining: state === 'draining',
      backendReady: upstream.ready(),
      sessions: host.size,
    }),
    backendReady: () => upstream.ready(),
    onBackendChange: (listener) => upstream.onChange(listener),
    onEvent: (listener) => events.on(listener),
  };
}
