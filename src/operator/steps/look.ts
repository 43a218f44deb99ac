/** What there is of a cluster at this instant: its StatefulSet, its pods, and what their sidecars say. */
import type { McpCluster } from '../../api/index.ts';
import type { Caches } from '../caches.ts';
import { observeCluster, type ClusterView, type Pod, type StatefulSet } from '../core/index.ts';
import { currentRevision } from '../revision.ts';
import type { Subject, Tools } from './tools.ts';

export interface Seen {
  readonly set: StatefulSet | undefined;
  readonly pods: readonly Pod[];
}

/** Begins to ask the sidecars of all pods, as soon as there is a certificate to ask them with. */
export function look({ cluster, watched }: Subject, { caches }: Tools): Seen {
  const set = ownStatefulSet(cluster, caches);
  const pods = ownPods(cluster, set, caches);
  if (watched.tlsCheckedAt !== undefined) watched.monitor.follow(cluster, pods, watched.tls);
  return { set, pods };
}

/** Logs are read when `withLogs` is true, which may take as long as a node that does not answer. */
export async function observe(
  { cluster, size, watched }: Subject,
  seen: Seen & { readonly statefulSetChanged: boolean; readonly withLogs: boolean },
  { serverLogs, clock, refusedPods }: Tools,
): Promise<ClusterView> {
  const { set, pods } = seen;
  const reports = watched.monitor.reports();
  return observeCluster(cluster, size, {
    pods,
    reports,
    logLines: seen.withLogs ? await serverLogs.lines(pods, reports) : new Map(),
    refusals: refusalsOf(pods, refusedPods),
    updateRevision: seen.statefulSetChanged ? undefined : currentRevision(set),
    ageMs: (instant) => clock.wall() - Date.parse(instant),
    overdue: overduePods(watched.leaving, clock.monotonic()),
  });
}

function refusalsOf(
  pods: readonly Pod[],
  { reason }: Tools['refusedPods'],
): ReadonlyMap<string, string> {
  const uids = pods.map(({ metadata: { uid = '' } }) => uid);
  return new Map(
    uids.map((uid) => [uid, reason(uid) ?? ''] as const).filter(([, why]) => why !== ''),
  );
}

/** Longest wait for the sessions of a pod that goes for good; its gateway cuts what runs longer than ten seconds. */
const LEAVING_MAX_MS = 20_000;

const overduePods = (leaving: ReadonlyMap<string, number>, now: number): ReadonlySet<string> =>
  new Set([...leaving].filter(([, since]) => now - since >= LEAVING_MAX_MS).map(([uid]) => uid));

export function ownStatefulSet(cluster: McpCluster, caches: Caches): StatefulSet | undefined {
  const set = caches.statefulSets.get(`${cluster.metadata.namespace}/${cluster.metadata.name}`);
  const owner = set?.metadata.ownerReferences?.find((reference) => reference.controller);
  return owner?.uid === cluster.metadata.uid ? set : undefined;
}

/**
 * Pods of a cluster that was deleted and made again under the same name are not ours. Pods of nobody are: a StatefulSet is
 * made anew without them when its volumes grow, and takes them over.
 */
function ownPods(
  cluster: McpCluster,
  set: StatefulSet | undefined,
  caches: Caches,
): readonly Pod[] {
  return caches.podsOf(cluster).filter(({ metadata }) => {
    const owner = metadata.ownerReferences?.find((reference) => reference.controller);
    return owner === undefined || owner.uid === set?.metadata.uid;
  });
}
