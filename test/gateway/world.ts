/** Several gateways in one process, each on its own loopback address with its own MCP server, over one agreed store. */
import { systemClock, systemRandom } from '../../src/host/index.ts';
import {
  createGateway,
  type Cluster,
  type Gateway,
  type GatewayConfig,
  type GatewayEvent,
  type GatewayOptions,
  type Member,
  type ReviewToken,
} from '../../src/gateway/index.ts';
import {
  identityUri,
  isMemberOf,
  createCertificateAuthority,
  issueCertificate,
  staticTls,
  type TlsMaterial,
  type TlsSource,
} from '../../src/security/index.ts';
import { createPlacements, createSessions, type Sessions } from '../../src/sessions/index.ts';
import { createStore, type StoreNode } from '../../src/store/index.ts';
import {
  createMetrics,
  silentLogger,
  type Logger,
  type Metrics,
} from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { createMemoryCluster, type MemoryCluster } from '../store/memory-log.ts';

export interface Pod {
  readonly node: string;
  readonly gateway: Gateway;
  readonly sessions: Sessions;
  readonly metrics: Metrics;
  readonly url: URL;
  /** Ends the gateway as a killed process would: at once, and its address refuses. */
  kill(): Promise<void>;
  /** Switches of what the other pods and this one's lease believe. */
  readonly belief: Belief;
}

export interface Belief {
  state: 'alive' | 'unsure' | 'gone';
  leaseValid: boolean;
  /** How often the gateway asked whether its lease is in force. */
  leaseChecks: number;
  /** What the others hear of the pod otherwise than is true. */
  told: Partial<Member>;
}

export interface World {
  readonly events: (GatewayEvent & { pod: string })[];
  readonly log: MemoryCluster;
  readonly tls: TlsSource;
  members(): readonly Member[];
  /** A certificate of this world's authority that names another cluster. */
  issueFor(clusterId: string): Promise<TlsMaterial>;
  pod(index: number): Pod;
  /** Starts pod `index` anew, as another incarnation. */
  restart(index: number): Promise<Pod>;
  /** Drains pod `index`, and starts it anew, as a rolling update does. */
  roll(index: number): Promise<Pod>;
  /** Tells every gateway that the cluster's view changed. */
  announce(): void;
  /** The pod that owns a session now, by the agreed record. */
  ownerOf(sessionId: string): Promise<Pod>;
  stop(): Promise<void>;
}

export interface WorldOptions {
  /** Port of the MCP server behind each pod. */
  readonly backends: readonly number[];
  readonly config?: Partial<GatewayConfig>;
  /** Of the gateways; silent when absent. */
  readonly logger?: Logger;
  readonly reviewToken?: ReviewToken;
  readonly idleTimeoutMs?: number;
  readonly sessionsMax?: number;
  readonly touchIntervalMs?: number;
  /** What the MCP servers use. */
  readonly usage?: GatewayOptions['usage'];
  /** Another address for a pod's peer port, for tests that stand in between. */
  readonly peerThrough?: (node: string, peer: Member['peer']) => Promise<Member['peer']>;
  /** False: do not wait until every MCP server answers. */
  readonly waitReady?: boolean;
  readonly resume?: { readonly events: number; readonly bytes: number; readonly replicas?: number };
}

const CLUSTER_ID = 'test-cluster';

/** Real certificates for the loopback addresses; one set for the whole test process. */
let tls: Promise<TestTls> | undefined;
function testTls(): Promise<TestTls> {
  tls ??= makeAuthority();
  return tls;
}

interface TestTls {
  issue(clusterId: string): Promise<TlsMaterial>;
}

/** Material of an authority of its own. */
export async function makeTls(clusterId: string): Promise<TlsSource> {
  return staticTls(await (await makeAuthority()).issue(clusterId));
}

async function makeAuthority(): Promise<TestTls> {
  const now = new Date();
  const authority = await createCertificateAuthority({
    commonName: 'test',
    validityDays: 1,
    now,
  });
  return {
    async issue(clusterId) {
      const leaf = await issueCertificate(authority, {
        commonName: 'pod',
        dnsNames: ['pod.test'],
        ipAddresses: [],
        uris: [identityUri({ clusterId, role: 'member', name: 'pod' })],
        validityDays: 1,
        now,
      });
      return { ca: authority.certificate, cert: leaf.certificate, key: leaf.key };
    },
  };
}

/** Addresses differ between worlds, so that test files may run at the same time. */
let nextWorld = process.pid % 200;

export async function startWorld(options: WorldOptions): Promise<World> {
  const authority = await testTls();
  const source = staticTls(await authority.issue(CLUSTER_ID));
  const worldNumber = nextWorld++;
  const names = options.backends.map((_, index) => `pod-${index}`);
  const log = createMemoryCluster([...names, ...names.map((name) => `${name}#2`)]);
  // The second incarnation of a pod replays the whole log when it starts.
  for (const name of names) log.node(`${name}#2`).hold(true);
  const events: World['events'] = [];
  const members = new Map<string, Member>();
  const beliefs = new Map<string, Belief>();
  const listeners = new Set<() => void>();
  const pods: Pod[] = [];
  const stores: StoreNode[] = [];
  const stopPlacements: (() => void)[] = [];
  const announce = (): void => {
    for (const listener of listeners) listener();
  };

  const clusterFor = (node: string, instance: string): Cluster => ({
    self: { node, instance },
    members: () =>
      [...members.values()]
        .filter((member) => beliefs.get(member.node)?.state !== 'gone')
        .map((member) => ({ ...member, ...beliefs.get(member.node)?.told })),
    ownerState: (owner) => {
      const known = members.get(owner.node);
      if (known !== undefined && known.instance !== owner.instance) return 'gone';
      return beliefs.get(owner.node)?.state ?? 'gone';
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reportRefused: () => undefined,
  });

  const startPod = async (index: number, incarnation: number): Promise<Pod> => {
    const node = `pod-${index}`;
    const instance = `${node}#${incarnation}`;
    const host = `127.${Math.floor(worldNumber / 250)}.${worldNumber % 250}.${index + 1}`;
    const metrics = createMetrics();
    const logNode = log.node(incarnation === 1 ? node : instance);
    const store = createStore({
      log: logNode,
      leaderLink: { keepAlive: async () => ({ status: 'lease-not-found' }) },
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      metrics,
    });
    stores.push(store);
    logNode.hold(false);
    const sessions = createSessions({
      store,
      clock: systemClock,
      metrics,
      config: {
        idleTimeoutMs: options.idleTimeoutMs ?? 3_600_000,
        max: options.sessionsMax ?? 100,
        ...(options.touchIntervalMs === undefined
          ? {}
          : { touchIntervalMs: options.touchIntervalMs }),
        resume: options.resume ?? { events: 256, bytes: 1_048_576 },
      },
    });
    const placements = createPlacements({ store, clock: systemClock, metrics });
    stopPlacements.push(() => placements.stop());
    const belief: Belief = { state: 'alive', leaseValid: true, leaseChecks: 0, told: {} };
    beliefs.set(node, belief);
    const gateway = createGateway({
      config: {
        listen: { host, port: 0 },
        peerListen: { host, port: 0 },
        path: '/mcp',
        backend: { host: '127.0.0.1', port: options.backends[index] ?? 0, path: '/mcp' },
        allowedOrigins: [],
        allowedHosts: [],
        limits: { bodyBytes: 4_194_304, headerBytes: 16_384, streamsPerSession: 16 },
        ...options.config,
        timing: { retryMs: 100, probeDownMs: 20, ...options.config?.timing },
      },
      tls: { source, isPeer: (certificate) => isMemberOf(certificate, CLUSTER_ID) },
      sessions,
      placements,
      cluster: clusterFor(node, instance),
      ownership: {
        valid: () => {
          belief.leaseChecks += 1;
          return belief.leaseValid;
        },
      },
      clock: systemClock,
      random: systemRandom,
      logger: options.logger ?? silentLogger,
      ...(options.usage === undefined ? {} : { usage: options.usage }),
      ...(options.reviewToken === undefined ? {} : { reviewToken: options.reviewToken }),
      metrics,
    });
    gateway.onEvent((event) => events.push({ ...event, pod: node }));
    const { port, peerPort } = await gateway.start();
    const peer = { host, port: peerPort, serverName: 'pod.test' };
    members.set(node, {
      node,
      instance,
      get ready() {
        return !gateway.status().draining;
      },
      load: 0,
      peer: (await options.peerThrough?.(node, peer)) ?? peer,
    });
    announce();
    const url = new URL(`http://${host}:${port}/mcp`);
    return { node, gateway, sessions, metrics, url, belief, kill: () => gateway.stop() };
  };

  for (const index of options.backends.keys()) pods.push(await startPod(index, 1));
  const pod = (index: number): Pod => {
    const found = pods[index];
    if (found === undefined) throw new Error(`no pod ${index}`);
    return found;
  };
  await eventually(
    'every MCP server answers',
    () => options.waitReady === false || pods.every((each) => each.gateway.backendReady()),
  );
  const world: World = {
    events,
    log,
    pod,
    announce,
    tls: source,
    members: () => [...members.values()],
    issueFor: (clusterId) => authority.issue(clusterId),
    async restart(index) {
      await pod(index).kill();
      pods[index] = await startPod(index, 2);
      return pod(index);
    },
    async roll(index) {
      await pod(index).gateway.drain();
      return world.restart(index);
    },
    async ownerOf(sessionId) {
      const record = await pod(0).sessions.directory.refresh(sessionId);
      const found = pods.find((candidate) => candidate.node === record?.owner.node);
      if (found === undefined) throw new Error(`no owner of ${sessionId}`);
      return found;
    },
    async stop() {
      await Promise.all(pods.map((each) => each.kill()));
      for (const each of pods) each.sessions.directory.stop();
      for (const stop of stopPlacements) stop();
      await Promise.all(stores.map((store) => store.stop()));
    },
  };
  return world;
}
