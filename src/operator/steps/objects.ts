/** Everything a cluster needs, in the order in which pods need it. */
import type { McpCluster } from '../../api/index.ts';
import { RESOURCES } from '../../kube/index.ts';
import {
  clientService,
  configMap,
  disruptionBudget,
  peerService,
  serviceAccount,
  statefulSet,
  trustMap,
  type ClusterView,
  volumeSizeOf,
  type ReconcileProblem,
  type RequestStateKey,
} from '../core/index.ts';
import type { Watched } from '../fleet.ts';
import { ensureNetworkPolicy } from '../network-policy.ts';
import { ensureRequestStateKey } from '../request-state-key.ts';
import { ownStatefulSet } from './look.ts';
import { collect, ensureOwned, type Subject, type Tools } from './tools.ts';
import { growVolumes } from './volumes.ts';

export interface Written {
  readonly problems: readonly ReconcileProblem[];
  readonly statefulSetChanged: boolean;
  /** Claims whose volumes are not as large yet as they ask for. */
  readonly growingVolumes?: number;
  /** The key that the servers share, if they ask for one. */
  readonly key?: RequestStateKey | undefined;
}

const RESYNC_MIN_MS = 60_000;
/** A look is two or three requests: so all clusters together make less than one a second. */
const RESYNC_MS_A_CLUSTER = 3_000;

/** Authorities lie in Secrets, which are not watched: they are looked at this often, less often among many clusters. */
export function resyncMs({ caches }: Pick<Tools, 'caches'>): number {
  return Math.max(RESYNC_MIN_MS, caches.clusters.list().length * RESYNC_MS_A_CLUSTER);
}

/** An object of somebody else does not stop the rest. */
export async function writeObjects(subject: Subject, tools: Tools): Promise<Written> {
  const { cluster, size, watched } = subject;
  const problems: ReconcileProblem[] = [];
  const attempt = async (write: () => Promise<unknown>): Promise<boolean> => {
    const problem = await collect(write);
    if (problem !== undefined) problems.push(problem);
    return problem === undefined;
  };
  await attempt(async () => {
    const pending = await ensureTls(cluster, watched, tools);
    if (pending !== undefined) problems.push(pending);
  });
  const hasAccount = await attempt(() =>
    ensureOwned(serviceAccount(cluster), RESOURCES.serviceAccounts, tools),
  );
  for (const [type, desired] of [
    [RESOURCES.services, peerService(cluster)],
    [RESOURCES.services, clientService(cluster)],
    [RESOURCES.configMaps, configMap(cluster, size)],
  ] as const) {
    await attempt(() => ensureOwned(desired, type, tools));
  }
  await attempt(() => ensureNetworkPolicy(cluster, tools));
  let statefulSetChanged = false;
  let key: RequestStateKey | undefined;
  await attempt(async () => {
    key = await ensureRequestStateKey(cluster, watched.settledKeyRevision, tools);
  });
  // Pods of ours must not start with somebody else's certificate, key or rights.
  const lacksKey = cluster.spec.server.requestStateKey !== undefined && key === undefined;
  if (watched.tlsCheckedAt === undefined || lacksKey || !hasAccount)
    return { problems, statefulSetChanged };
  const set = ownStatefulSet(cluster, tools.caches);
  const volumes = await growVolumes(subject, set, tools);
  if (volumes.problem !== undefined) problems.push(volumes.problem);
  if (volumes.remaking) return { problems, statefulSetChanged: true, key };
  // What else changed in the template goes on with volumes as they are.
  const volumeSize = volumes.problem === undefined ? undefined : volumeSizeOf(set);
  await attempt(async () => {
    const { sidecarImage } = tools;
    const keyRevision = key?.revision;
    const desired = statefulSet(cluster, { sidecarImage, size, keyRevision, volumeSize });
    const result = await ensureOwned(desired, RESOURCES.statefulSets, tools);
    statefulSetChanged = result !== 'unchanged';
  });
  return { problems, statefulSetChanged, key, growingVolumes: volumes.pending };
}

/** A paused cluster is only looked at. */
export async function onlyRead({ cluster, watched }: Subject, tools: Tools): Promise<Written> {
  await readTls(cluster, watched, tools);
  const problem: ReconcileProblem = {
    reason: 'Paused',
    message: 'spec.paused is true: nothing is changed',
  };
  return { problems: [problem], statefulSetChanged: false };
}

/** How many pods may be evicted follows from how many voters the quorum can spare now. */
export function writeBudget(
  cluster: McpCluster,
  view: ClusterView,
  tools: Tools,
): Promise<ReconcileProblem | undefined> {
  return collect(() =>
    ensureOwned(disruptionBudget(cluster, view), RESOURCES.podDisruptionBudgets, tools),
  );
}

/** Whom the members trust, for the pods to read, and our own certificate; what is wrong when that is not there yet. */
async function ensureTls(
  cluster: McpCluster,
  watched: Watched,
  tools: Tools,
): Promise<ReconcileProblem | undefined> {
  const { clock, signer, serving } = tools;
  const isFresh =
    watched.tlsCheckedAt !== undefined &&
    clock.monotonic() - watched.tlsCheckedAt < resyncMs(tools);
  let problem: ReconcileProblem | undefined;
  if (!isFresh || watched.trusted === undefined) {
    watched.trusted = await signer.trusted(cluster);
    const leaf = await watched.leaf.ensure(cluster, watched.trusted);
    if ('reason' in leaf) problem = leaf;
    else {
      watched.setTls(leaf.material);
      watched.trusted = leaf.material.ca;
      watched.tlsCheckedAt = clock.monotonic();
    }
  }
  // Looked at each time: somebody may have deleted it, and it is in a cache.
  const map = trustMap(cluster, { members: watched.trusted, operator: serving?.() });
  await ensureOwned(map, RESOURCES.configMaps, tools);
  return problem;
}

/** The certificate to ask members with while nothing may be written; without an authority there is none. */
async function readTls(cluster: McpCluster, watched: Watched, tools: Tools): Promise<void> {
  if (watched.tlsCheckedAt !== undefined) return;
  const { namespace, name } = trustMap(cluster, { members: '', operator: undefined }).metadata;
  const map = tools.caches.owned(RESOURCES.configMaps, namespace, name) as
    { readonly data?: Readonly<Record<string, string>> } | undefined;
  const leaf = await watched.leaf.ensure(cluster, map?.data?.['ca.crt'] ?? '');
  if ('reason' in leaf) return;
  watched.setTls(leaf.material);
  watched.tlsCheckedAt = tools.clock.monotonic();
}
