/**
 * Brings one cluster closer to its spec. Every step reads what is there and writes only a difference, so a process that
 * dies between any two writes is followed by one that goes on from there.
 */
import type { McpCluster } from '../api/index.ts';
import {
  KubeError,
  RESOURCES,
  type KubeClient,
  type Outcome,
  type ResourceType,
} from '../kube/index.ts';
import { RpcError } from '../rpc/index.ts';
import type { Clock, Random } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { ForeignObjectError, type Applier } from './applier.ts';
import type { Caches } from './caches.ts';
import { ensureCertificates, readCertificates } from './certificates.ts';
import {
  clientService,
  configMap,
  decideRollout,
  decideSize,
  disruptionBudget,
  endpointSlice,
  isTerminating,
  lackAuthVolumes,
  observeCluster,
  peerService,
  runningConfig,
  serviceAccount,
  specProblem,
  statefulSet,
  statusOf,
  type ClusterSize,
  type ClusterView,
  type DesiredObject,
  type Pod,
  type ReconcileProblem,
  type RequestStateKey,
  type RolloutStep,
  type StatefulSet,
} from './core/index.ts';
import type { Fleet, Watched } from './fleet.ts';
import { ensureNetworkPolicy } from './network-policy.ts';
import type { PodReplacer } from './pod-replacer.ts';
import { ensureRequestStateKey } from './request-state-key.ts';
import { currentRevision } from './revision.ts';
import type { ServerLogs } from './server-logs.ts';
import type { SpecFactsReader } from './spec-facts.ts';
import type { StatusWriter } from './status-writer.ts';

export interface ReconcilerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly fleet: Fleet;
  readonly applier: Applier;
  readonly statusWriter: StatusWriter;
  readonly replacer: PodReplacer;
  readonly serverLogs: ServerLogs;
  readonly specFacts: SpecFactsReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly sidecarImage: string;
  /** Namespace of the operator's own pod; undefined when it runs outside of Kubernetes. */
  readonly operatorNamespace: string | undefined;
}

/** Secrets are not watched: they are looked at this often. */
const RESYNC_MS = 60_000;
const RETRY_MS = 5_000;
const SOON_MS = 1_000;
/** While pods start, time alone turns silence into a problem. */
const MOVING_MS = 2_000;

const settledFor = (afterMs: number): Outcome => ({ kind: 'requeueAfter', afterMs });

export function createReconciler(options: ReconcilerOptions): (key: string) => Promise<Outcome> {
  return async (key) => {
    const cached = options.caches.clusters.get(key);
    if (cached === undefined || isTerminating(cached)) {
      const uid = options.fleet.forget(key);
      if (uid !== undefined) {
        options.statusWriter.forget(uid);
        options.specFacts.forget(uid);
      }
      return { kind: 'settled' };
    }
    return reconcile(options.statusWriter.withLatestStatus(cached), options);
  };
}

async function reconcile(cluster: McpCluster, options: ReconcilerOptions): Promise<Outcome> {
  const watched = options.fleet.watch(cluster);
  const { size, refusal } = await settleSize(cluster, options);
  const sized = { ...cluster, status: { ...cluster.status, voters: size.voters } };
  const written = cluster.spec.paused
    ? await onlyRead(sized, watched, options)
    : await writeObjects(sized, { size, watched }, options);

  const set = ownStatefulSet(cluster, options.caches);
  const pods = ownPods(cluster, set, options.caches);
  if (watched.tlsCheckedAt !== undefined) watched.monitor.follow(cluster, pods, watched.tls);
  const view = await observe(sized, { size, set, pods, watched, ...written }, options);
  const wasReported = cluster.status?.conditions !== undefined;
  // Silence of pods that were not asked yet must neither take them away from clients nor be reported.
  if (!view.isComplete && wasReported) return settledFor(SOON_MS);

  const foreignSlice = await collect(() =>
    ensureOwned(endpointSlice(cluster, view.members), RESOURCES.endpointSlices, options),
  );
  const step = decideRollout(view);
  let refusedConfig: ReconcileProblem | undefined;
  if (!cluster.spec.paused) {
    refusedConfig = await agreeOnConfiguration(cluster, { view, watched, pods }, options);
    if (step.kind === 'replace') await options.replacer.replace(sized, size, step.member);
  }
  const facts = await options.specFacts.of(cluster);
  const wrongSpec = specProblem(cluster, { ...facts, pods, reports: watched.monitor.reports() });
  const [problem] = [refusal, ...written.problems, foreignSlice, refusedConfig, wrongSpec].filter(
    (found) => found !== undefined,
  );
  const now = new Date(options.clock.wall()).toISOString().replace(/\.\d+Z$/, 'Z');
  const status = statusOf(cluster, { view, size, rollout: step, problem, now });
  await options.statusWriter.write(cluster, status);
  const moving = isMoving(view, step);
  watched.monitor.setBusy(moving);
  if (!moving) watched.settledKeyRevision = written.key?.revision;
  if (moving) return settledFor(MOVING_MS);
  // Every pod accepts the next key now: it may be signed with.
  if (written.key?.phase === 'Announced') return settledFor(SOON_MS);
  return settledFor(problem === undefined || problem.reason === 'Paused' ? RESYNC_MS : RETRY_MS);
}

async function onlyRead(
  cluster: McpCluster,
  watched: Watched,
  options: ReconcilerOptions,
): Promise<Written> {
  await ensureTls(cluster, watched, options);
  const problem: ReconcileProblem = {
    reason: 'Paused',
    message: 'spec.paused is true: nothing is changed',
  };
  return { problems: [problem], statefulSetChanged: false };
}

/** The size to build, with the number of voters written down before anything is built with it. */
async function settleSize(
  cluster: McpCluster,
  options: ReconcilerOptions,
): Promise<{ size: ClusterSize; refusal?: ReconcileProblem }> {
  const set = ownStatefulSet(cluster, options.caches);
  const decision = decideSize(cluster, set?.spec?.replicas);
  if (cluster.status?.voters === undefined && !cluster.spec.paused) {
    const { voters } = decision.size;
    await options.statusWriter.record(cluster, { ...cluster.status, voters, phase: 'Creating' });
  }
  if (decision.kind === 'accepted') return { size: decision.size };
  const { reason, message } = decision;
  return { size: decision.size, refusal: { reason, message } };
}

interface Written {
  readonly problems: readonly ReconcileProblem[];
  readonly statefulSetChanged: boolean;
  /** The key that the servers share, if they ask for one. */
  readonly key?: RequestStateKey | undefined;
}

/** Everything a cluster needs, in the order in which pods need it; an object of somebody else does not stop the rest. */
async function writeObjects(
  cluster: McpCluster,
  { size, watched }: { size: ClusterSize; watched: Watched },
  options: ReconcilerOptions,
): Promise<Written> {
  const problems: ReconcileProblem[] = [];
  const attempt = async (write: () => Promise<unknown>): Promise<void> => {
    const problem = await collect(write);
    if (problem !== undefined) problems.push(problem);
  };
  await attempt(() => ensureTls(cluster, watched, options));
  for (const [type, desired] of [
    [RESOURCES.serviceAccounts, serviceAccount(cluster)],
    [RESOURCES.services, peerService(cluster)],
    [RESOURCES.services, clientService(cluster)],
    [RESOURCES.configMaps, configMap(cluster, size)],
    [RESOURCES.podDisruptionBudgets, disruptionBudget(cluster)],
  ] as const) {
    await attempt(() => ensureOwned(desired, type, options));
  }
  await attempt(() => ensureNetworkPolicy(cluster, options));
  let statefulSetChanged = false;
  let key: RequestStateKey | undefined;
  await attempt(async () => {
    key = await ensureRequestStateKey(cluster, watched.settledKeyRevision, options);
  });
  // Pods of ours must not start with somebody else's certificate or key.
  const lacksKey = cluster.spec.server.requestStateKey !== undefined && key === undefined;
  if (watched.tlsCheckedAt === undefined || lacksKey) return { problems, statefulSetChanged };
  await attempt(async () => {
    const { sidecarImage } = options;
    const desired = statefulSet(cluster, { sidecarImage, size, keyRevision: key?.revision });
    const result = await ensureOwned(desired, RESOURCES.statefulSets, options);
    statefulSetChanged = result !== 'unchanged';
  });
  return { problems, statefulSetChanged, key };
}

async function ensureTls(
  cluster: McpCluster,
  watched: Watched,
  options: ReconcilerOptions,
): Promise<void> {
  const { clock } = options;
  const checkedAt = watched.tlsCheckedAt;
  if (checkedAt !== undefined && clock.monotonic() - checkedAt < RESYNC_MS) return;
  const material = cluster.spec.paused
    ? await readCertificates(cluster, options.client)
    : await ensureCertificates(cluster, options);
  if (material === undefined) return;
  watched.setTls(material);
  watched.tlsCheckedAt = clock.monotonic();
}

function ensureOwned(desired: DesiredObject, type: ResourceType, options: ReconcilerOptions) {
  const { namespace, name } = desired.metadata;
  return options.applier.ensure(type, desired, options.caches.owned(type, namespace, name));
}

/** What the cluster is told about a write that was refused; anything that may pass by itself is thrown. */
async function collect(write: () => Promise<unknown>): Promise<ReconcileProblem | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    if (error instanceof ForeignObjectError) {
      return { reason: 'ForeignObject', message: error.message };
    }
    if (error instanceof KubeError && (error.status === 422 || error.status === 403)) {
      return { reason: 'Refused', message: error.message };
    }
    throw error;
  }
}

function ownStatefulSet(cluster: McpCluster, caches: Caches): StatefulSet | undefined {
  const set = caches.statefulSets.get(`${cluster.metadata.namespace}/${cluster.metadata.name}`);
  const owner = set?.metadata.ownerReferences?.find((reference) => reference.controller);
  return owner?.uid === cluster.metadata.uid ? set : undefined;
}

/** Pods of a cluster that was deleted and made again under the same name are not ours. */
function ownPods(
  cluster: McpCluster,
  set: StatefulSet | undefined,
  caches: Caches,
): readonly Pod[] {
  if (set === undefined) return [];
  return caches
    .podsOf(cluster)
    .filter(({ metadata }) =>
      metadata.ownerReferences?.some(({ uid }) => uid === set.metadata.uid),
    );
}

async function observe(
  cluster: McpCluster,
  seen: {
    readonly size: ClusterSize;
    readonly set: StatefulSet | undefined;
    readonly pods: readonly Pod[];
    readonly watched: Watched;
    readonly statefulSetChanged: boolean;
  },
  options: ReconcilerOptions,
): Promise<ClusterView> {
  const { size, set, pods, watched } = seen;
  const reports = watched.monitor.reports();
  return observeCluster(cluster, size, {
    pods,
    reports,
    logLines: await options.serverLogs.lines(pods, reports),
    updateRevision: seen.statefulSetChanged ? undefined : currentRevision(set),
    ageMs: (instant) => options.clock.wall() - Date.parse(instant),
  });
}

/** Gives the running members the part of the spec that needs no restart, once for each generation. */
async function agreeOnConfiguration(
  cluster: McpCluster,
  { view, watched, pods }: { view: ClusterView; watched: Watched; pods: readonly Pod[] },
  options: ReconcilerOptions,
): Promise<ReconcileProblem | undefined> {
  const { generation } = cluster.metadata;
  if (!view.hasQuorum || watched.configuredGeneration === generation) return undefined;
  const link = watched.monitor.link(view.leader ?? '');
  if (link === undefined || lackAuthVolumes(cluster, pods)) return undefined;
  try {
    await link.applyConfig(generation, JSON.stringify(runningConfig(cluster)));
    watched.configuredGeneration = generation;
    return undefined;
  } catch (error) {
    // The next round tries again; the members go on with what they have.
    const { message } = error as Error;
    options.logger.warn('members did not take the configuration', {
      cluster: cluster.metadata.name,
      generation,
      error: message,
    });
    return error instanceof RpcError && error.code === 'invalid-argument'
      ? { reason: 'ConfigurationRefused', message: `members refused the configuration: ${message}` }
      : undefined;
  }
}

function isMoving(view: ClusterView, step: RolloutStep): boolean {
  return (
    step.kind !== 'done' ||
    !view.hasQuorum ||
    view.members.some((member) => !member.ready || !member.caughtUp)
  );
}
