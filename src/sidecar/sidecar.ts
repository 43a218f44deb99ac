/** One member of a cluster, put together: the only place that sees log, store, gossip, sessions and gateway side by side. */
import { serveAdmin } from '../admin/index.ts';
import { createGateway, type Gateway } from '../gateway/index.ts';
import { createGossip, type Membership } from '../gossip/index.ts';
import {
  createLifecycle,
  systemClock,
  systemRandom,
  UsageError,
  type Lifecycle,
} from '../host/index.ts';
import { createRaftNode, type RaftNode } from '../raft/index.ts';
import { createRpcServer } from '../rpc/index.ts';
import { certificateClusterId } from '../security/index.ts';
import { createSessions, type Sessions } from '../sessions/index.ts';
import { createLeaderLink, createStore, serveLeases, type StoreNode } from '../store/index.ts';
import { createMetrics, type Logger, type Metrics } from '../telemetry/index.ts';
import { createAdminMember } from './admin-member.ts';
import { createClusterView, type ClusterView } from './cluster-view.ts';
import { publishFacts } from './cluster-facts.ts';
import { createEventHub } from './events.ts';
import { createHealthHandler, listenHealth, type Readiness } from './health.ts';
import type { PeerAddress, SidecarFlags } from './options.ts';
import { createOwnership, type Ownership } from './ownership.ts';
import { planMember, type MemberPlan } from './plan.ts';
import { createReplicatedConfig } from './replicated-config.ts';

const clock = systemClock;
const random = systemRandom;

export interface RunningSidecar {
  /** Hands sessions and leadership on, then stops every part. */
  stop(): Promise<void>;
}

/** The parts of a member that others refer to while it runs. */
interface Parts {
  readonly raft: RaftNode;
  readonly store: StoreNode;
  readonly membership: Membership;
  readonly ownership: Ownership;
  readonly sessions: Sessions;
  readonly view: ClusterView;
  readonly gateway: Gateway | undefined;
}

/**
 * Starts a member; resolves when every port listens. Rejects with {@link UsageError} for a flag, a file, a folder or a
 * port that cannot be used; nothing runs then.
 */
export async function runSidecar(flags: SidecarFlags, logger: Logger): Promise<RunningSidecar> {
  const plan = await planMember(flags);
  const lifecycle = createLifecycle();
  lifecycle.add('TLS material', () => plan.tls.stop());
  try {
    return await startMember(plan, lifecycle, logger.child({ node: plan.id }));
  } catch (error) {
    await lifecycle.stop();
    throw asUsageError(error);
  }
}

async function startMember(
  plan: MemberPlan,
  lifecycle: Lifecycle,
  logger: Logger,
): Promise<RunningSidecar> {
  const metrics = createMetrics({ processMetrics: true });
  const instance = Buffer.from(random.bytes(8)).toString('hex');
  let parts: Parts | undefined;
  let draining = false;
  const readiness = (): Readiness => readinessOf(parts, draining);
  const health = createHealthHandler({
    readiness,
    raftStatus: () => (parts as Parts).raft.status(),
    metrics,
  });
  const rpcServer = createRpcServer({
    address: plan.bind,
    port: plan.clusterPort,
    tls: plan.tls,
    clusterId: plan.clusterId,
    logger,
    metrics,
    ...(plan.metricsPort === undefined ? { plainHttp: health } : {}),
  });
  parts = createParts({ plan, instance, rpcServer, lifecycle, logger, metrics });
  const { raft, store, membership, ownership, sessions, view, gateway } = parts;
  const events = createEventHub(clock);
  lifecycle.add('facts', publishFacts({ ...parts, events }));
  const config = createReplicatedConfig({ store, initial: plan.running, logger });
  serveAdmin(
    rpcServer,
    createAdminMember({
      plan,
      instance,
      parts,
      config,
      events,
      readiness,
      draining: () => draining,
    }),
  );

  await raft.start();
  lifecycle.add('raft', () => raft.stop());
  await rpcServer.listen();
  lifecycle.add('rpc server', () => rpcServer.stop());
  if (plan.metricsPort !== undefined) {
    const server = await listenHealth(health, plan.bind, plan.metricsPort);
    lifecycle.add('health', () => {
      server.close();
      server.closeAllConnections();
    });
  }
  await membership.start();
  lifecycle.add('gossip', () => membership.stop());
  config.start();
  lifecycle.add('configuration', () => config.stop());
  ownership.start();
  if (gateway !== undefined) await gateway.start();
  lifecycle.add(
    'load',
    keepLoadFresh(parts, plan.id, () => draining),
  );
  logger.info('member runs', { clusterId: plan.clusterId, voters: plan.voters, instance });
  return {
    async stop() {
      draining = true;
      await gateway?.drain();
      await ownership.stop();
      await membership.leave();
      await gateway?.stop();
      sessions.directory.stop();
      view.stop();
      for (const { name, error } of await lifecycle.stop()) {
        logger.warn('part did not stop in order', { part: name, error: String(error) });
      }
    },
  };
}

interface PartsOptions {
  readonly plan: MemberPlan;
  readonly instance: string;
  readonly rpcServer: ReturnType<typeof createRpcServer>;
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

function createParts(options: PartsOptions): Parts {
  const { plan, instance, rpcServer, lifecycle, logger, metrics } = options;
  const tools = { clock, random, logger, metrics };
  const identity = { tls: plan.tls, clusterId: plan.clusterId };
  let membership: Membership | undefined;
  const peers = {
    resolve: async (id: string): Promise<PeerAddress> => {
      const known = plan.addressOf(id);
      if (known !== undefined) return known;
      const member = membership?.members().find((candidate) => candidate.id === id);
      if (member === undefined) throw new Error(`no address of member ${id} is known`);
      return splitAddress(member.address);
    },
    serverName: (id: string) => plan.serverName(id),
  };
  const raft = createRaftNode({
    ...tools,
    ...identity,
    id: plan.id,
    voters: plan.voters,
    peers,
    dataDir: plan.dataDir,
    rpcServer,
    timing: plan.consensus,
  });
  const leaderLink = createLeaderLink({ ...identity, peers, clock, random });
  lifecycle.add('leader link', () => leaderLink.stop());
  const store = createStore({ ...tools, log: raft, leaderLink });
  lifecycle.add('store', () => store.stop());
  serveLeases(rpcServer, store);
  membership = createGossip({
    ...tools,
    ...identity,
    self: {
      id: plan.id,
      address: `${plan.advertise.host}:${plan.advertise.port}`,
      meta: { instance, ready: '0' },
    },
    seeds: async () => seedsOf(plan),
    peers: {
      resolve: async (address) => splitAddress(address),
      // Every certificate of a cluster is valid for each of its members' names.
      serverName: () => plan.serverName(plan.id),
    },
    rpcServer,
    config: plan.gossip,
  });
  followLearners(raft, membership, plan.voters);
  const sessions = createSessions({ store, config: plan.running.sessions, clock, metrics });
  const view = createClusterView({
    self: { node: plan.id, instance },
    membership,
    store,
    peerOf: (member) => ({
      host: splitAddress(member.address).host,
      port: plan.gateway?.peerPort ?? 0,
      serverName: plan.serverName(member.id),
    }),
    logger,
  });
  const ownership = createOwnership({ ...tools, nodeId: plan.id, instance, store });
  const gateway = plan.gateway && createMemberGateway(plan, { view, sessions, ownership }, tools);
  return { raft, store, membership, ownership, sessions, view, gateway };
}

function createMemberGateway(
  plan: MemberPlan,
  { view, sessions, ownership }: Pick<Parts, 'view' | 'sessions' | 'ownership'>,
  tools: Pick<Parameters<typeof createGateway>[0], 'clock' | 'random' | 'logger' | 'metrics'>,
): Gateway {
  const { port, peerPort, path, backend } = plan.gateway as NonNullable<MemberPlan['gateway']>;
  return createGateway({
    ...tools,
    config: {
      listen: { host: plan.bind, port },
      peerListen: { host: plan.bind, port: peerPort },
      path,
      backend,
      ...plan.running.gateway,
    },
    tls: { source: plan.tls, clusterId: plan.clusterId, certificateClusterId },
    sessions,
    cluster: view,
    ownership,
  });
}

function seedsOf(plan: MemberPlan): string[] {
  return plan.voters
    .filter((id) => id !== plan.id)
    .map((id) => plan.addressOf(id))
    .filter((address) => address !== undefined)
    .map(({ host, port }) => `${host}:${port}`);
}

/** Members beyond the voters get the log as soon as gossip knows them. */
function followLearners(raft: RaftNode, membership: Membership, voters: readonly string[]): void {
  let known = '';
  const update = (): void => {
    const learners = membership
      .members()
      .filter(({ id, state }) => !voters.includes(id) && state !== 'left' && state !== 'dead')
      .map(({ id }) => id);
    if (learners.join() === known) return;
    known = learners.join();
    raft.setLearners(learners);
  };
  membership.onChange(update);
  update();
}

/** Tells the others how loaded this member is and whether it takes sessions; returns the function that ends it. */
function keepLoadFresh(parts: Parts, id: string, draining: () => boolean): () => void {
  const { sessions, gateway, membership, ownership } = parts;
  let ready = '';
  let load = -1;
  const update = (): void => {
    const nextLoad = sessions.directory.counts().get(id) ?? 0;
    if (nextLoad !== load) membership.setLoad((load = nextLoad));
    const takesWork = gateway?.backendReady() === true && ownership.valid() && !draining();
    if ((takesWork ? '1' : '0') !== ready) {
      ready = takesWork ? '1' : '0';
      membership.setMeta({ ready });
    }
  };
  let cancel = (): void => undefined;
  const tick = (): void => {
    update();
    cancel = clock.schedule(LOAD_INTERVAL_MS, tick);
  };
  tick();
  const stops = [sessions.directory.onChange(update), gateway?.onBackendChange(update)];
  return () => {
    cancel();
    for (const stop of stops) stop?.();
  };
}
const LOAD_INTERVAL_MS = 100;

function readinessOf(parts: Parts | undefined, draining: boolean): Readiness {
  const no = (reason: string): Readiness => ({ ready: false, reason });
  if (parts === undefined) return no('starting');
  if (draining) return no('draining');
  if (parts.raft.status().leaderId === undefined) return no('the cluster has no leader');
  if (!parts.ownership.valid()) return no("this member's lease is not confirmed by the cluster");
  if (parts.gateway !== undefined && !parts.gateway.backendReady()) {
    return no('the MCP server does not answer');
  }
  return { ready: true, reason: '' };
}

function splitAddress(address: string): PeerAddress {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/** Errors that a person can mend become one line; the rest is a fault of ours. */
function asUsageError(error: unknown): unknown {
  const { code, address, port, name, message } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  if (code === 'EADDRINUSE') {
    return new UsageError(
      `port ${port} at ${address} is taken: stop what listens there, or choose another port`,
    );
  }
  if (code === 'EADDRNOTAVAIL') {
    return new UsageError(`this machine has no address ${address}: see --advertise-addr`);
  }
  if (name === 'WalError') return new UsageError(message);
  return error;
}
