/** Puts the gateway together: the request path, the owner's side, the two listeners and the MCP server's probe. */
import type { Clock, Random } from '../std/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { resolveLimits, resolveTiming, type GatewayConfig } from './config.ts';
import { createGatewayEvents, type GatewayEvent } from './events.ts';
import { createHttpClient, plainConnector } from './http-client.ts';
import { createListener } from './listener.ts';
import { createGatewayMetrics } from './metrics.ts';
import { createSessionHost } from './owner/session-host.ts';
import { createPeerClient } from './peer/peer-client.ts';
import { createPeerListener } from './peer/peer-listener.ts';
import { DEFAULT_POLICIES, type GatewayPolicies } from './policies.ts';
import type { Cluster, Ownership, PeerTls, Placements, Sessions } from './ports.ts';
import { createRequestPath } from './request-path.ts';
import { createSweeper } from './sweeper.ts';
import { createUpstream } from './upstream.ts';

export interface GatewayOptions {
  readonly config: GatewayConfig;
  readonly tls: PeerTls;
  readonly sessions: Sessions;
  readonly placements: Placements;
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
  const limits = resolveLimits(config);
  const timing = resolveTiming(config.timing);
  const metrics = createGatewayMetrics(options.metrics);
  const events = createGatewayEvents();
  let state: 'new' | 'listening' | 'draining' | 'stopped' = 'new';

  const client = createHttpClient(plainConnector(timing.connectMs));
  const upstream = createUpstream({ config, timing, clock, client });
  upstream.onChange((ready, detail) => {
    metrics.backendUp.set(ready ? 1 : 0);
    logger.info(ready ? 'MCP server answers' : 'MCP server does not answer', { detail });
    events.emit(ready ? { type: 'backend-ready' } : { type: 'backend-down', detail });
  });
  const common = { sessions, limits, timing, metrics, clock, random, logger };
  const { ownership, tls } = options;
  const { connectMs, keepaliveMs, stalledMs, sweepMs } = timing;
  const peers = createPeerClient({ tls, connectMs, eventCharsMax: limits.eventCharsMax });
  const host = createSessionHost({
    tools: { ...common, upstream, ownership },
    self: cluster.self,
    cluster,
    askPeer: peers.ask,
    events,
  });
  const policies = (): GatewayPolicies => config.policies ?? DEFAULT_POLICIES;
  const front = { ...common, config, policies, cluster, events, peers, host };
  const handle = createRequestPath(front, () => state === 'listening' && upstream.ready());

  const listener = createListener({ ...common, address: config.listen, handle });
  const peerListener = createPeerListener({
    ...{ tls, keepaliveMs, stalledMs, clock, logger },
    address: config.peerListen,
    limits,
    serve: host.serve,
  });
  const { inUse } = host;
  const sweeper = createSweeper({ ...common, cluster, events, sweepMs, inUse });

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
    backendReady: upstream.ready,
    onBackendChange: upstream.onChange,
    onEvent: events.on,
  };
}
