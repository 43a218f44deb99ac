/** What one member runs with, whoever told it: the operator's file in Kubernetes, or flags without it. */
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import {
  readFileIfExists,
  replaceFile,
  systemClock,
  systemRandom,
  UsageError,
} from '../host/index.ts';
import { createChannel, services } from '../rpc/index.ts';
import { identityUri, openTlsDirectory, type TlsSource } from '../security/index.ts';
import { nodeId } from '../std/index.ts';
import { DEFAULT_POLICIES } from '../gateway/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import { parseRecovery, type Recovery } from './begin-again.ts';
import {
  readConfigFile,
  readPoliciesFile,
  runningPart,
  type RunningConfig,
  type SidecarConfig,
} from './config.ts';
import { takeDataFolder, type Taking } from './data-folder.ts';
import { openPodIdentity } from './identity/pod-identity.ts';
import type { Renewal } from './identity/renewal.ts';
import {
  durationFlag,
  isLoopback,
  planStandalone,
  splitAddress,
  type PeerAddress,
  type SidecarFlags,
  type StandalonePlan,
} from './options.ts';
import { watchPodAnnotations, type PodAnnotationsSource } from './pod-annotations.ts';
import {
  ensureStandaloneTls,
  STANDALONE_CLUSTER_ID,
  STANDALONE_SERVER_NAME,
} from './standalone-tls.ts';

export interface MemberPlan {
  readonly id: string;
  readonly clusterId: string;
  readonly tls: TlsSource & {
    /** Absent where certificates come as files. */
    renewal?(): Renewal | undefined;
    stop(): void;
  };
  /** Address to listen on. */
  readonly bind: string;
  readonly clusterPort: number;
  readonly advertise: PeerAddress;
  /** Who founds the cluster, and where to look for the others. */
  readonly voters: readonly string[];
  /** The cluster exists: without data this member waits to be let in. */
  readonly founded: boolean;
  /** The forced beginning to take part in, if there was one. */
  readonly recovery: Recovery | undefined;
  /** Who is let in as a learner, and when one is taken out again: the members see to it, or the operator does. */
  readonly learners: 'by-gossip' | 'by-operator';
  /** Where a voter is; undefined for a member that only gossip knows. */
  addressOf(id: string): PeerAddress | undefined;
  /** DNS name in the certificate of a member. */
  serverName(id: string): string;
  /** The same for the member at this address, as members tell it of themselves. */
  serverNameAt(address: PeerAddress): string;
  readonly dataDir: string;
  readonly consensus: SidecarConfig['consensus'];
  /** How long a learner may be dead before it is taken out of the configuration. */
  readonly learnerDeadAfterMs: number;
  readonly gossip: SidecarConfig['gossip'];
  readonly running: RunningConfig;
  /** What annotations of the own pod say; nothing without Kubernetes, unless there is a folder with them. */
  readonly annotations: PodAnnotationsSource;
  /** Where token files are that the policies name by a relative path. */
  readonly tokensDirectory: string | undefined;
  /** Whoever makes this file tells the member to leave, since its pod is being deleted. */
  readonly handOverFile: string | undefined;
  /** How long calls that run at the server may go on then, and whenever sessions are handed over; undefined: as the gateway has it. */
  readonly handOverMs: number | undefined;
  /** Undefined: health and metrics answer on the cluster port. */
  readonly metricsPort: number | undefined;
  /** Undefined: no MCP server behind this member. */
  readonly gateway:
    | {
        readonly port: number;
        readonly peerPort: number;
        readonly path: string;
        readonly backend: PeerAddress & { readonly path: string };
      }
    | undefined;
}

const DEFAULT_RUNNING: RunningConfig = {
  fencedMembers: [],
  gateway: {
    allowedOrigins: [],
    allowedHosts: [],
    limits: { bodyBytes: 4 * 2 ** 20, headerBytes: 16 * 2 ** 10, streamsPerSession: 16 },
    policies: DEFAULT_POLICIES,
  },
  sessions: {
    idleTimeoutMs: 8 * 3_600_000,
    max: 10_000,
    resume: { events: 256, bytes: 2 ** 20, replicas: 1 },
  },
};
const DEFAULT_GOSSIP = { probeIntervalMs: 200, probeTimeoutMs: 100, suspicionMs: 600, fanout: 3 };
const JOIN_TIMEOUT_MS = 10_000;
const LEARNER_DEAD_AFTER_MS = 600_000;

/**
 * Reads and checks everything before anything starts; a {@link UsageError} says what to do. It waits for the end of a process that
 * still has the data folder, and in Kubernetes for the pod's certificate, until the signal aborts.
 */
export async function planMember(flags: SidecarFlags, tools: PlanTools): Promise<MemberPlan> {
  const plan =
    flags.config === undefined
      ? await fromFlags(planStandalone(flags), flags.policies, tools)
      : await fromFile(flags, flags.config, tools);
  return {
    ...plan,
    annotations: await watchPodAnnotations(flags.podAnnotationsDir, tools),
    tokensDirectory: flags.tokensDir,
    handOverFile: flags.handOverFile,
    handOverMs: durationFlag('--hand-over-timeout', flags.handOverTimeout),
  };
}

type FixedPlan = Omit<
  MemberPlan,
  'annotations' | 'tokensDirectory' | 'handOverFile' | 'handOverMs'
>;

/** What it waits with, and where it counts. */
export interface PlanTools extends Taking {
  readonly metrics: Metrics;
}

async function fromFile(flags: SidecarFlags, path: string, tools: PlanTools): Promise<FixedPlan> {
  if (flags.policies !== undefined)
    throw new UsageError('--policies: the policies come with --config; leave one of them out');
  const { config, unknown } = await readConfigFile(path);
  if (unknown.length > 0) {
    tools.logger.warn('configuration holds fields that this version does not know', { unknown });
  }
  const name = flags.nodeId ?? process.env['POD_NAME'];
  if (name === undefined) throw new UsageError('--node-id is missing and $POD_NAME is not set');
  const id = nodeId(name);
  const { tlsDir, identityDir, sessionDbPath } = flags;
  if (sessionDbPath === undefined) throw new UsageError('--session-db-path is missing');
  const dataDir = join(sessionDbPath, `cluster-${id}`);
  await takeDataFolder(dataDir, tools);
  const peersHost = `${config.peerService}.${config.namespace}.svc`;
  const hostOf = (member: string): string => `${member}.${peersHost}`;
  const { ports, gateway, server } = config;
  const tls = await openTlsOfPod(
    { id, tlsDir, identityDir, sessionDbPath },
    { ...tools, clusterId: config.clusterId, peersHost },
  );
  return {
    id,
    clusterId: config.clusterId,
    tls,
    bind: '0.0.0.0',
    clusterPort: ports.peer,
    advertise: { host: hostOf(id), port: ports.peer },
    voters: config.voters,
    founded: config.founded === true,
    recovery: parseRecovery(flags.recovery),
    learners: 'by-operator',
    addressOf: (member) => ({ host: hostOf(member), port: ports.peer }),
    serverName: hostOf,
    serverNameAt: ({ host }) => host,
    dataDir,
    consensus: config.consensus,
    learnerDeadAfterMs: config.consensus.learnerDeadAfterMs ?? LEARNER_DEAD_AFTER_MS,
    gossip: config.gossip,
    running: runningPart(config),
    metricsPort: ports.metrics,
    gateway: {
      port: ports.gateway,
      peerPort: ports.gatewayPeer,
      path: gateway.path,
      backend: { host: '127.0.0.1', port: server.port, path: server.path },
    },
  };
}

async function fromFlags(
  plan: StandalonePlan,
  policiesFile: string | undefined,
  taking: Taking,
): Promise<FixedPlan> {
  const policies =
    policiesFile === undefined ? DEFAULT_POLICIES : await readPoliciesFile(policiesFile);
  const tls = await openTls(plan.tlsDir ?? (await standaloneTls(plan)));
  const dataDir = join(plan.dataRoot, `cluster-${plan.id}`);
  await takeDataFolder(dataDir, taking);
  const members = await membersOf(plan, tls, dataDir);
  return {
    id: plan.id,
    clusterId: STANDALONE_CLUSTER_ID,
    tls,
    bind: isIPv4(plan.advertise.host) ? plan.advertise.host : '127.0.0.1',
    clusterPort: plan.clusterPort,
    advertise: plan.advertise,
    voters: [...members.keys()],
    founded: false,
    recovery: undefined,
    learners: 'by-gossip',
    addressOf: (member) => members.get(member),
    serverName: () => STANDALONE_SERVER_NAME,
    serverNameAt: () => STANDALONE_SERVER_NAME,
    dataDir,
    consensus: plan.consensus,
    learnerDeadAfterMs: plan.consensus.learnerDeadAfterMs ?? LEARNER_DEAD_AFTER_MS,
    gossip: DEFAULT_GOSSIP,
    running: { ...DEFAULT_RUNNING, gateway: { ...DEFAULT_RUNNING.gateway, policies } },
    metricsPort: plan.metricsPort,
    gateway: plan.gateway && {
      port: plan.gateway.port,
      peerPort: plan.gateway.peerPort,
      path: '/mcp',
      backend: {
        host: plan.gateway.upstream.hostname,
        port: Number(plan.gateway.upstream.port || 80),
        path: plan.gateway.upstream.pathname,
      },
    },
  };
}

async function standaloneTls(plan: StandalonePlan): Promise<string> {
  const hosts = [plan.advertise, ...plan.peers.values(), ...(plan.join ? [plan.join] : [])];
  const far = hosts.find(({ host }) => !isLoopback(host));
  if (far !== undefined) {
    throw new UsageError(
      `--tls-dir is missing: ${far.host} is another machine; give every member ca.crt, tls.crt and tls.key of one authority, ` +
        `valid for ${STANDALONE_SERVER_NAME} and with the URI mcpcluster://${STANDALONE_CLUSTER_ID}`,
    );
  }
  return ensureStandaloneTls(new Date(systemClock.wall()));
}

/** The voters: from the flags, from an earlier start, or from the member that `--join` names. */
async function membersOf(
  plan: StandalonePlan,
  tls: TlsSource,
  dataDir: string,
): Promise<ReadonlyMap<string, PeerAddress>> {
  if (plan.peers.size > 0) return plan.peers;
  const file = join(dataDir, 'voters.json');
  const known = await readFileIfExists(file);
  if (known !== undefined) return new Map(JSON.parse(known) as [string, PeerAddress][]);
  const voters = await askVoters(plan, tls);
  await replaceFile(file, JSON.stringify([...voters]));
  return voters;
}

async function askVoters(plan: StandalonePlan, tls: TlsSource): Promise<Map<string, PeerAddress>> {
  const seed = plan.join as PeerAddress;
  const channel = createChannel({
    resolve: async () => seed,
    tls,
    serverName: STANDALONE_SERVER_NAME,
    clusterId: STANDALONE_CLUSTER_ID,
    clock: systemClock,
    random: systemRandom,
  });
  try {
    const status = await channel
      .client(services.admin)
      .getStatus({}, { timeoutMs: JOIN_TIMEOUT_MS });
    const addresses = new Map(status.members.map(({ id, address }) => [id, address]));
    return new Map(
      status.voters.map((id) => {
        return [id, splitAddress(addresses.get(id) ?? '')];
      }),
    );
  } catch (error) {
    throw new UsageError(
      `--join ${seed.host}:${seed.port}: ${(error as Error).message}; start that member first`,
    );
  } finally {
    channel.close();
  }
}

async function openTls(directory: string): Promise<TlsSource & { stop(): void }> {
  return openTlsDirectory(directory).catch((error: unknown) => {
    throw new UsageError(`--tls-dir ${directory}: ${(error as Error).message}`);
  });
}

/** Certificates are asked of the operator, or given as files by whoever runs members in another way. */
async function openTlsOfPod(
  pod: {
    readonly id: string;
    readonly tlsDir: string | undefined;
    readonly identityDir: string | undefined;
    readonly sessionDbPath: string;
  },
  {
    clusterId,
    peersHost,
    signal,
    ...tools
  }: PlanTools & { readonly clusterId: string; readonly peersHost: string },
): Promise<MemberPlan['tls']> {
  const { id, tlsDir, identityDir, sessionDbPath } = pod;
  if (identityDir === undefined) {
    if (tlsDir !== undefined) return openTls(tlsDir);
    throw new UsageError('--identity-dir is missing: it comes with --config');
  }
  if (tlsDir !== undefined)
    throw new UsageError('--tls-dir and --identity-dir exclude each other; leave one of them out');
  const host = `${id}.${peersHost}`;
  return openPodIdentity({
    directory: identityDir,
    dataRoot: sessionDbPath,
    names: {
      dnsNames: [host, `${host}.cluster.local`, peersHost],
      uris: [identityUri({ clusterId, role: 'member', name: id })],
    },
    clock: tools.clock,
    random: systemRandom,
    logger: tools.logger,
    metrics: tools.metrics,
    ...(signal === undefined ? {} : { signal }),
  });
}
