/** What other objects are like when a McpCluster is about to be written: looked up for each one, none of it kept. */
import type { McpCluster } from '../../api/index.ts';
import { selectorLabels, selectorText } from '../../api/index.ts';
import { RESOURCES, type KubeClient, type ResourceType } from '../../kube/index.ts';
import type { Clock } from '../../std/index.ts';
import type { Caches } from '../caches.ts';
import {
  neededObjects,
  ownerOf,
  ownershipOf,
  planVolumes,
  rivals,
  type AdmissionFacts,
  type Claim,
  type ForeignFact,
  type NeededKind,
} from '../core/index.ts';
import { lookUpSpec } from '../spec-facts.ts';
import { rigidClaims } from '../storage-classes.ts';

export interface AdmissionOptions {
  readonly client: KubeClient;
  readonly caches: Pick<Caches, 'clusters'>;
  readonly clock: Clock;
}

const TYPES: Readonly<Record<NeededKind, ResourceType>> = {
  StatefulSet: RESOURCES.statefulSets,
  Service: RESOURCES.services,
  ConfigMap: RESOURCES.configMaps,
  Secret: RESOURCES.secrets,
  ServiceAccount: RESOURCES.serviceAccounts,
  PodDisruptionBudget: RESOURCES.podDisruptionBudgets,
  EndpointSlice: RESOURCES.endpointSlices,
  NetworkPolicy: RESOURCES.networkPolicies,
  CronJob: RESOURCES.cronJobs,
  PersistentVolumeClaim: RESOURCES.persistentVolumeClaims,
  Job: RESOURCES.jobs,
};

/** `before` is undefined for a new cluster; only what the kind of write is judged by is looked up. */
export async function lookAround(
  cluster: McpCluster,
  before: McpCluster | undefined,
  options: AdmissionOptions,
): Promise<AdmissionFacts> {
  const [spec, foreign, rigid] = await Promise.all([
    lookUpSpec(cluster, options),
    before === undefined ? foreignObjects(cluster, options) : [],
    before === undefined ? [] : claimsThatCannotGrow(cluster, before, options),
  ]);
  return { ...spec, foreign, rigid, others: options.caches.clusters.list() };
}

async function foreignObjects(
  cluster: McpCluster,
  { client, caches }: AdmissionOptions,
): Promise<readonly ForeignFact[]> {
  const { namespace } = cluster.metadata;
  const owner = ownerOf(cluster);
  const rivalling = rivals(cluster, caches.clusters.list());
  const found = await Promise.all(
    neededObjects(cluster).map(async ({ kind, name }): Promise<readonly ForeignFact[]> => {
      if (rivalling.some((one) => one.kind === kind && one.name === name)) return [];
      const live = await client.get(TYPES[kind], { namespace, name });
      if (live === undefined) return [];
      const holder = live.metadata.ownerReferences?.find(({ controller }) => controller);
      // What a cluster of the same name left behind is on its way out.
      if (holder?.kind === owner.kind && holder.name === owner.name) return [];
      const ownership = ownershipOf(live, owner);
      return ownership.kind === 'foreign' ? [{ kind, name, owner: ownership.owner }] : [];
    }),
  );
  return [...rivalling, ...found.flat()];
}

async function claimsThatCannotGrow(
  cluster: McpCluster,
  before: McpCluster,
  { client }: AdmissionOptions,
): ReturnType<typeof rigidClaims> {
  if (before.spec.storage.size === cluster.spec.storage.size) return [];
  const { namespace, name } = cluster.metadata;
  const labelSelector = selectorText(selectorLabels(name));
  const scope = { namespace, labelSelector };
  const { items } = await client.list<Claim>(RESOURCES.persistentVolumeClaims, scope);
  const { grow } = planVolumes(cluster, items, undefined);
  return rigidClaims(
    items.filter(({ metadata }) => grow.includes(metadata.name ?? '')),
    client,
  );
}
