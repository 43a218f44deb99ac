/** Puts the gateway together: the request path, the owner's side, the two listeners and the MCP server's probe. */
import type { Clock, Random } from '../std/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { createAdmission } from './admission/admission.ts';
import type { PolicyProblem } from './admission/problems.ts';
import { resolveLimits, resolveTiming, type GatewayConfig } from './config.ts';
import { createGatewayEvents, type GatewayEvent } from './events.ts';
import type { Ejection } from './core/outlier.ts';
import { createBalancing } from './health/balancing.ts';
import type { OpenBreaker } from './health/breakers.ts';
import { hedge } from './health/hedge.ts';
import { observeOutcomes } from './health/observe-outcomes.ts';
import { answerProbes, createProbe } from './health/probe.ts';
import type { ServeOwner } from './exchange.ts';
import { createHttpClient, plainConnector } from './http-client.ts';
import { createAskNode } from './interceptors/upstream.ts';
import { createListener } from './listener.ts';
import { createGatewayMetrics } from './metrics.ts';
import { createModernFront, createModernHost, type ModernHost } from './modern/modern.ts';
import type { HandedOver } from './owner/hand-over.ts';
import { createSessionHost, type SessionHost } from './owner/session-host.ts';
import { createPeerClient, type PeerClient } from './peer/peer-client.ts';
import { createPeerListener } from './peer/peer-listener.ts';
import { DEFAULT_POLICIES, type GatewayPolicies } from './policies.ts';
import type {
  Cluster,
  Ownership,
  PeerTls,
  Placements,
  ReviewToken,
  ServerUsage,
  Sessions,
} from './ports.ts';
import { createRequestPath, type Front } from './request-path.ts';
import { createSweeper } from './sweeper.ts';
import { createToolNames } from './tool-names.ts';
import { createUpstream, type Upstream } from './upstream.ts';

export interface GatewayOptions {
  readonly config: GatewayConfig;
  readonly tls: PeerTls;
  readonly sessions: Sessions;
  readonly placements: Placements;
  readonly cluster: Cluster;
  readonly ownership: Ownership;
  /** Absent where there is no Kubernetes; tokens of the provider `TokenReview` are refused then. */
  readonly reviewToken?: ReviewToken;
  /** Absent: quotas of the server's processor and memory stop nothing. */
  readonly usage?: ServerUsage;
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
  /** Pods that this front gives no new work for a while, and why. */
  readonly ejected: readonly Ejection[];
  /** Circuit breakers that are not closed. */
  readonly breakers: readonly OpenBreaker[];
  /** What of the policies in force cannot work as written. */
  readonly policyProblems: readonly PolicyProblem[];
  /** Tools of this pod's MCP server; undefined while no policy names any, or it has not told. */
  readonly tools: readonly string[] | undefined;
}

export interface Gateway {
  /** Listens on both ports and begins to probe the MCP server. Rejects when a port cannot be had. */
  start(): Promise<{ readonly port: number; readonly peerPort: number }>;
  /**
   * Gives every session to another pod, one by one, each once its running requests are done; resolves when nothing runs at this
   * pod's server any more, so that it may stop. It is not taken back. Twice is as good as once.
   */
  handOver(): Promise<HandedOver>;
  /**
   * `handOver`; then ends streams for their clients to resume elsewhere. Still answers, for others, whoever comes; `stop` when
   * it is done. Twice is as good as once.
   */
  drain(): Promise<void>;
  /**
   * Gives every session to another pod and takes none until `uncordon`; requests of clients are still forwarded. Resolves
   * when the sessions are gone. Twice is as good as once.
   */
  cordon(): Promise<void>;
  uncordon(): void;
  /** Stops at once; streams are cut. */
  stop(): Promise<void>;
  status(): GatewayStatus;
  backendReady(): boolean;
  onBackendChange(listener: (ready: boolean, detail: string) => void): () => void;
  onEvent(listener: (event: GatewayEvent) => void): () => void;
}

export function createGateway(options: GatewayOptions): Gateway {
  let state: 'new' | 'listening' | 'draining' | 'stopped' = 'new';
  let cordoned: AbortController | undefined;
  const parts = createParts(options, () => state === 'listening' && cordoned === undefined);
  const { upstream, host, modernHost, peers, balancing } = parts;
  const { listener, peerListener, sweeper } = parts;
  const place = (avoid: ReadonlySet<string>): string | undefined =>
    balancing.place({ forSession: true, avoid });
  const begin = (): boolean => {
    if (state !== 'listening') return false;
    state = 'draining';
    return true;
  };
  return {
    ...createLeave(parts, place, begin),
    async start() {
      upstream.start();
      const { port: peerPort } = await peerListener.start();
      const { port } = await listener.start();
      sweeper.start();
      balancing.start();
      parts.admission.start();
      state = 'listening';
      parts.logger.info('gateway listens', { port, peerPort });
      return { port, peerPort };
    },
    async cordon() {
      if (state !== 'listening' || cordoned !== undefined) return;
      cordoned = new AbortController();
      await host.drain(place, cordoned.signal);
    },
    uncordon() {
      if (state !== 'listening' || cordoned === undefined) return;
      cordoned.abort();
      cordoned = undefined;
      host.resume();
    },
    async stop() {
      if (state === 'stopped') return;
      state = 'stopped';
      // Clients first: nobody shall look elsewhere for what a client that is cut off has asked.
      await listener.stop();
      sweeper.stop();
      balancing.stop();
      parts.admission.stop();
      parts.toolNames.stop();
      host.stop();
      modernHost.stop();
      await peerListener.stop();
      await Promise.all([peers.stop(), upstream.stop()]);
    },
    status: () => ({
      listening: state === 'listening' || state === 'draining',
      draining: state === 'draining',
      backendReady: upstream.ready(),
      sessions: host.size,
      ...balancing.status(),
      policyProblems: parts.admission.problems(),
      tools: parts.toolNames.current(),
    }),
    backendReady: upstream.ready,
    onBackendChange: upstream.onChange,
    onEvent: parts.events.on,
  };
}

/** `begin` says whether there is anything to leave. */
function createLeave(
  { host, modern, modernHost, listener, timing }: ReturnType<typeof createParts>,
  place: (avoid: ReadonlySet<string>) => string | undefined,
  begin: () => boolean,
): Pick<Gateway, 'handOver' | 'drain'> {
  let begun = false;
  const handOver = once(async () => {
    begun = begin();
    if (!begun) return { moved: 0, released: 0, cut: 0 };
    modern.drain();
    const [handedOver] = await Promise.all([host.drain(place), modernHost.drain()]);
    return handedOver;
  });
  const drain = once(async () => {
    await handOver();
    if (begun) await listener.drain(timing);
  });
  return { handOver, drain };
}

/** The same work for all who ask for it. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | undefined;
  return () => (begun ??= work());
}

/** Creates every part and connects them; nothing listens yet. */
function createParts(options: GatewayOptions, isListening: () => boolean) {
  const { config, sessions, cluster, ownership, tls, clock, random, reviewToken } = options;
  const logger = options.logger.child({ component: 'gateway' });
  const limits = resolveLimits(config);
  const timing = resolveTiming(config.timing);
  const metrics = createGatewayMetrics(options.metrics);
  const events = createGatewayEvents();
  const policies = (): GatewayPolicies => config.policies ?? DEFAULT_POLICIES;
  const { connectMs, keepaliveMs, stalledMs, sweepMs } = timing;

  const upstream = createUpstream({
    ...{ config, timing, clock },
    client: createHttpClient(plainConnector(connectMs, clock)),
    healthCheck: () => policies().health.healthCheck,
  });
  upstream.onChange((ready, detail) => {
    metrics.backendUp.set(ready ? 1 : 0);
    logger.info(ready ? 'MCP server answers' : 'MCP server does not answer', { detail });
    events.emit(ready ? { type: 'backend-ready' } : { type: 'backend-down', detail });
  });
  const common = { sessions, limits, timing, metrics, clock, random, logger };
  const peers = createPeerClient({ tls, connectMs, eventCharsMax: limits.eventCharsMax, clock });
  const host = createSessionHost({
    tools: { ...common, upstream, ownership },
    self: cluster.self,
    cluster,
    askPeer: peers.ask,
    events,
  });
  const { placements } = options;
  const admission = createAdmission({
    ...{ cluster, clock, logger, policies, sessions, usage: options.usage },
    askPeer: peers.ask,
    telemetry: options.metrics,
  });
  const modernHost = createModernHost({ ...common, upstream, cluster, placements, policies });
  const takesWork = (): boolean => isListening() && upstream.ready() && ownership.valid();
  const { serve, balancing, ask } = connectPods({
    ...common,
    ...{ cluster, peers, events, policies, upstream, host, modernHost, admission, takesWork },
  });
  const modern = createModernFront({
    ...common,
    ...{ cluster, placements, policies, balancing, ask, events },
    repeatableTools: modernHost.repeatableTools,
    isReady: (node) =>
      node === cluster.self.node
        ? takesWork()
        : cluster.members().some((member) => member.node === node && member.ready),
  });
  const handle = createRequestPath({
    ...common,
    ...{ reviewToken, config, policies, cluster, placements, events, admission, balancing, ask },
    askPeer: peers.ask,
    serveModern: modern.handle,
  });
  const listener = createListener({ ...common, address: config.listen, handle });
  const peerListener = createPeerListener({
    ...{ tls, keepaliveMs, stalledMs, clock, logger },
    address: config.peerListen,
    limits,
    serve,
  });
  const toolNames = createToolNames({ upstream, policies, clock });
  const { inUse } = host;
  const sweeper = createSweeper({ ...common, cluster, events, sweepMs, inUse });
  return {
    ...{ upstream, host, modernHost, modern, peers, admission, balancing },
    ...{ listener, peerListener, sweeper, toolNames, events, logger, timing },
  };
}

type PodTools = Pick<Front, 'admission' | 'cluster' | 'events' | 'policies' | 'sessions'> &
  Pick<Front, 'metrics' | 'clock' | 'random'> & {
    readonly host: SessionHost;
    readonly modernHost: ModernHost;
    readonly upstream: Upstream;
    readonly peers: PeerClient;
    readonly takesWork: () => boolean;
  };

/** The way to all pods, this one included, and who gets what. */
function connectPods(tools: PodTools): Pick<Front, 'ask' | 'balancing'> & { serve: ServeOwner } {
  const { cluster, sessions, clock } = tools;
  const { host, modernHost } = tools;
  const byEra: ServeOwner = (request, signal) =>
    request.op === 'stateless' || request.op === 'listen'
      ? modernHost.serve(request, signal)
      : host.serve(request, signal);
  const serve = answerProbes(tools.admission.guard(byEra), tools.upstream);
  const ask = createAskNode({ ...tools, self: cluster.self, serveHere: serve });
  const balancing = createBalancing({
    ...tools,
    sessions: () => sessions.directory.counts(),
    selfReady: tools.takesWork,
    probe: createProbe(ask),
  });
  return {
    serve,
    balancing,
    ask: hedge(observeOutcomes(ask, balancing, clock), { ...tools, balancing }),
  };
}
