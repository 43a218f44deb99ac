/** Local copies of everything the controllers look at, and which cluster each change belongs to. */
import {
  BACKUP_LABEL,
  MCP_CLUSTERS,
  CLUSTER_LABEL,
  MANAGED_BY_LABEL,
  MANAGER,
  type McpCluster,
} from '../api/index.ts';
import {
  createInformer,
  objectKey,
  RESOURCES,
  uniteInformers,
  type Informer,
  type KubeClient,
  type KubeResource,
  type ResourceType,
} from '../kube/index.ts';
import type { Clock, Random } from '../std/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import type { AnyObject, Job, Pod, StatefulSet } from './core/index.ts';

export interface CacheOptions {
  readonly client: KubeClient;
  /** Watched one by one, so that rights in these are enough; all at once when empty. */
  readonly namespaces: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Types of the objects that a cluster owns; Secrets are asked for by name instead, so that no right to list them is needed. */
const OWNED = [
  RESOURCES.configMaps,
  RESOURCES.cronJobs,
  RESOURCES.endpointSlices,
  RESOURCES.networkPolicies,
  RESOURCES.podDisruptionBudgets,
  RESOURCES.serviceAccounts,
  RESOURCES.services,
] as const;

export interface Caches {
  readonly clusters: Informer<KubeResource & McpCluster>;
  readonly statefulSets: Informer<StatefulSet>;
  /** The pods of one cluster. */
  podsOf(cluster: McpCluster): readonly Pod[];
  /** The pods that take the backups of one cluster, and those that restore it. */
  backupPodsOf(cluster: McpCluster): readonly Pod[];
  /** The Jobs of these. */
  jobsOf(cluster: McpCluster): readonly Job[];
  /** An object a cluster owns, by its type. */
  owned(type: ResourceType, namespace: string, name: string): KubeResource | undefined;
  /** Calls `listener` with the key of the cluster a change belongs to. */
  onChange(listener: (clusterKey: string) => void): void;
  readonly informers: readonly Informer[];
}

export function createCaches(options: CacheOptions): Caches {
  const { namespaces, ...rest } = options;
  const watch = <T extends KubeResource>(
    resource: ResourceType,
    selector: { readonly labelSelector?: string },
  ): Informer<T> => {
    const parts = { ...rest, ...selector, resource };
    if (namespaces.length === 0) return createInformer<T>(parts);
    return uniteInformers(
      new Map(
        namespaces.map((namespace) => [namespace, createInformer<T>({ ...parts, namespace })]),
      ),
    );
  };
  const labelSelector = `${MANAGED_BY_LABEL}=${MANAGER}`;
  const informer = <T extends KubeResource>(resource: ResourceType): Informer<T> =>
    watch<T>(resource, { labelSelector });
  const clusters = watch<KubeResource & McpCluster>(MCP_CLUSTERS, {});
  const statefulSets = informer<StatefulSet>(RESOURCES.statefulSets);
  const pods = informer<Pod>(RESOURCES.pods);
  const jobs = informer<Job>(RESOURCES.jobs);
  const owned = new Map<ResourceType, Informer<KubeResource>>(
    OWNED.map((type) => [type, informer(type)]),
  );
  owned.set(RESOURCES.statefulSets, statefulSets);
  owned.set(RESOURCES.jobs, jobs);
  const labelled = <T extends AnyObject>(
    all: readonly T[],
    { metadata }: McpCluster,
    label: string,
  ) =>
    all.filter(
      (one) =>
        one.metadata.namespace === metadata.namespace &&
        one.metadata.labels?.[label] === metadata.name,
    );
  return {
    clusters,
    statefulSets,
    podsOf: (cluster) => labelled(pods.list(), cluster, CLUSTER_LABEL),
    backupPodsOf: (cluster) => labelled(pods.list(), cluster, BACKUP_LABEL),
    jobsOf: (cluster) => labelled(jobs.list(), cluster, CLUSTER_LABEL),
    owned: (type, inNamespace, name) => owned.get(type)?.get(`${inNamespace}/${name}`),
    onChange(listener) {
      clusters.onChange(({ object }) => listener(objectKey(object)));
      for (const each of [pods, ...owned.values()] as Informer<KubeResource>[]) {
        each.onChange(({ object }) => {
          const cluster = object.metadata.labels?.[CLUSTER_LABEL];
          if (cluster !== undefined) listener(`${object.metadata.namespace}/${cluster}`);
        });
      }
    },
    informers: [clusters, pods, ...owned.values()] as unknown as readonly Informer[],
  };
}
