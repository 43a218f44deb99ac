/** Creates the parts of a member and connects their ports; nothing listens or runs yet. */
import { createGateway, type Gateway } from '../gateway/index.ts';
import { createGossip, type Membership } from '../gossip/index.ts';
import { systemClock, systemRandom, type Lifecycle } from '../host/index.ts';
import { createRaftNode, type RaftNode } from '../raft/index.ts';
import type { RpcServer } from '../rpc/index.ts';
import { isMemberOf } from '../security/index.ts';
import {
  createPlacements,
  createSessions,
  type Placements,
  type Sessions,
} from '../sessions/index.ts';
import { createLeaderLink, createStore, serveLeases, type StoreNode } from '../store/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { createClusterView, type ClusterView } from './cluster-view.ts';
import { createDeathProof, type DeathProof } from './death-proof.ts';
import { problemsOf, type MemberProblem } from './member-problems.ts';
import { splitAddress, type PeerAddress } from './options.ts';
import type { Founding } from './founding.ts';
import { createOwnership, type Ownership } from './ownership.ts';
import type { MemberPlan } from './plan.ts';
import { createReplicatedConfig, type ReplicatedConfig } from './replicated-config.ts';
import { createServerUsage, type ServerUsageMeter } from './server-usage.ts';
import { clusterTokenReviewer } from './token-review.ts';
import { asUsageError } from './usage-errors.ts';

const clock = systemClock;
const random = systemRandom;

/** The parts of a member that others refer to while it runs. */
export interface Parts {
  readonly raft: RaftNode;
  readonly store: StoreNode;
  readonly membership: Membership;
  readonly ownership: Ownership;
  readonly sessions: Sessions;
  readonly config: ReplicatedConfig;
  readonly view: ClusterView;
  readonly deaths: DeathProof;
  /** Undefined when there is no MCP server behind this member. */
  readonly gateway: Gateway | undefined;
  /** What the MCP server beside this member uses; it measures while somebody asks. */
  readonly serverUsage: ServerUsageMeter | undefined;
  /** What is wrong with this member, the gravest first. */
  problems(): readonly MemberProblem[];
}

export interface PartsOptions {
  readonly plan: MemberPlan;
  readonly founding: Founding;
  readonly instance: string;
  readonly rpcServer: RpcServer;
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What a part needs stopped after everything that uses it is added to the life cycle here. */
export function createParts(options: PartsOptions): Parts {
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
    voters: options.founding.voters,
    peers,
    dataDir: plan.dataDir,
    rpcServer,
    timing: plan.consensus,
    onFatal: endProcess,
  });
  const leaderLink = createLeaderLink({ ...identity, peers, clock, random });
  lifecycle.add('leader link', () => leaderLink.stop());
  const store = createStore({ ...tools, log: raft, leaderLink });
  lifecycle.add('store', () => store.stop());
  serveLeases(rpcServer, store);
  membership = createMembership(options, tools);
  const config = createReplicatedConfig({ store, initial: plan.running, logger });
  const sessions = createSessions({ store, config: liveSessions(config), clock, metrics });
  lifecycle.add('sessions', () => sessions.directory.stop());
  const placements = createPlacements({ store, clock, metrics });
  lifecycle.add('placements', () => placements.stop());
  const deaths = createDeathProof(membership, logger);
  lifecycle.add('death proof', () => deaths.stop());
  const view = createClusterView({
    self: { node: plan.id, instance },
    membership,
    deaths,
    store,
    peerOf: (member) => ({
      host: splitAddress(member.address).host,
      // Members on one machine cannot all have the same port, so each tells its own.
      port: Number(member.meta['gatewayPeer'] ?? 0),
      serverName: plan.serverName(member.id),
    }),
  });
  lifecycle.add('cluster view', () => view.stop());
  const ownership = createOwnership({ ...tools, nodeId: plan.id, instance, store });
  const serverUsage =
    plan.gateway && createServerUsage({ ...tools, port: plan.gateway.backend.port });
  const parts = { view, sessions, placements, ownership, config, serverUsage };
  const gateway = plan.gateway && createMemberGateway(plan, parts, tools);
  const problems = (): readonly MemberProblem[] =>
    problemsOf(raft.status(), options.founding.lostData);
  const state = { raft, store, membership, ownership, sessions, config, view, deaths };
  return { ...state, serverUsage, gateway, problems };
}

function createMembership(
  { plan, instance, rpcServer }: PartsOptions,
  tools: Pick<Parameters<typeof createGossip>[0], 'clock' | 'random' | 'logger' | 'metrics'>,
): Membership {
  return createGossip({
    ...tools,
    tls: plan.tls,
    clusterId: plan.clusterId,
    self: {
      id: plan.id,
      address: `${plan.advertise.host}:${plan.advertise.port}`,
      meta: { instance, ready: '0', gatewayPeer: String(plan.gateway?.peerPort ?? 0) },
    },
    seeds: async () => seedsOf(plan),
    peers: {
      resolve: async (address) => splitAddress(address),
      serverName: (address) => plan.serverNameAt(splitAddress(address)),
    },
    rpcServer,
    config: plan.gossip,
  });
}

function createMemberGateway(
  plan: MemberPlan,
  {
    view,
    sessions,
    placements,
    ownership,
    config,
    serverUsage,
  }: Pick<Parts, 'view' | 'sessions' | 'ownership' | 'config' | 'serverUsage'> & {
    placements: Placements;
  },
  tools: Pick<Parameters<typeof createGateway>[0], 'clock' | 'random' | 'logger' | 'metrics'>,
): Gateway {
  const { port, peerPort, path, backend } = plan.gateway as NonNullable<MemberPlan['gateway']>;
  const reviewToken = clusterTokenReviewer(process.env, clock);
  return createGateway({
    ...tools,
    ...(reviewToken === undefined ? {} : { reviewToken }),
    config: {
      listen: { host: plan.bind, port },
      peerListen: { host: plan.bind, port: peerPort },
      path,
      backend,
      get allowedOrigins() {
        return config.current().gateway.allowedOrigins;
      },
      get allowedHosts() {
        return config.current().gateway.allowedHosts;
      },
      get limits() {
        return config.current().gateway.limits;
      },
      get policies() {
        return config.current().gateway.policies;
      },
      ...(plan.tokensDirectory === undefined ? {} : { tokensDirectory: plan.tokensDirectory }),
      ...(plan.handOverMs === undefined ? {} : { timing: { handOverMs: plan.handOverMs } }),
    },
    tls: {
      source: plan.tls,
      isPeer: (certificate) => isMemberOf(certificate, plan.clusterId),
    },
    sessions,
    placements,
    cluster: view,
    ownership,
    ...(serverUsage === undefined ? {} : { usage: serverUsage }),
  });
}

function seedsOf(plan: MemberPlan): string[] {
  return plan.voters
    .filter((id) => id !== plan.id)
    .map((id) => plan.addressOf(id))
    .filter((address) => address !== undefined)
    .map(({ host, port }) => `${host}:${port}`);
}

/** The agreed configuration as sessions read it: at each use, so that a change is in force at once. */
function liveSessions(config: ReplicatedConfig): Parameters<typeof createSessions>[0]['config'] {
  return {
    get idleTimeoutMs() {
      return config.current().sessions.idleTimeoutMs;
    },
    get max() {
      return config.current().sessions.max;
    },
    get resume() {
      return config.current().sessions.resume;
    },
  };
}

/** A log that cannot be trusted any more ends the process at once: in order to stop, parts would still use it. */
function endProcess(error: Error): void {
  queueMicrotask(() => {
    throw asUsageError(error);
  });
}
