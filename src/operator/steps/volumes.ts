/**
 * Lets volumes grow: each claim is patched, then the StatefulSet is deleted without its pods and made anew with the larger
 * template, which cannot be changed in place. Whoever dies in between is followed by one that makes it.
 */
import { selectorLabels, selectorText, type McpCluster } from '../../api/index.ts';
import { KubeError, RESOURCES } from '../../kube/index.ts';
import {
  isTerminating,
  planVolumes,
  rigidProblem,
  type Claim,
  type ReconcileProblem,
  type StatefulSet,
} from '../core/index.ts';
import { rigidClaims } from '../storage-classes.ts';
import { collect, type Subject, type Tools } from './tools.ts';

export interface Volumes {
  /** Claims whose volumes are not as large yet as they ask for. */
  readonly pending: number;
  readonly problem?: ReconcileProblem;
  /** The StatefulSet is on its way out: it is made anew when it is gone. */
  readonly remaking: boolean;
}

const SETTLED: Volumes = { pending: 0, remaking: false };

/** What is refused is told, and stops nothing else. */
export async function growVolumes(
  subject: Subject,
  set: StatefulSet | undefined,
  tools: Tools,
): Promise<Volumes> {
  let volumes = SETTLED;
  const problem = await collect(async () => {
    volumes = await oneStep(subject, set, tools);
  });
  return problem === undefined ? volumes : { ...SETTLED, problem };
}

/** Claims are not watched: they are looked at once for each size, and until all have it. */
async function oneStep(
  { cluster, watched }: Subject,
  set: StatefulSet | undefined,
  tools: Tools,
): Promise<Volumes> {
  const { size } = cluster.spec.storage;
  if (set === undefined || isTerminating(set) || watched.volumesSettledAt === size) return SETTLED;
  const claims = await claimsOf(cluster, tools);
  const plan = planVolumes(cluster, claims, set);
  const growing = claims.filter(({ metadata }) => plan.grow.includes(metadata.name ?? ''));
  const [rigid] = await rigidClaims(growing, tools.client);
  if (rigid !== undefined) return { ...SETTLED, problem: rigidProblem(cluster, rigid) };
  for (const claim of plan.grow) {
    const problem = await grow(cluster, claim, tools);
    if (problem !== undefined) return { ...SETTLED, problem };
  }
  if (plan.remake) await forget(cluster, set, tools);
  const pending = plan.grow.length + plan.pending.length;
  if (pending === 0 && !plan.remake) watched.volumesSettledAt = size;
  return { pending, remaking: plan.remake };
}

async function claimsOf({ metadata }: McpCluster, { client }: Tools): Promise<readonly Claim[]> {
  const { namespace, name } = metadata;
  const labelSelector = selectorText(selectorLabels(name));
  const { items } = await client.list<Claim>(RESOURCES.persistentVolumeClaims, {
    namespace,
    labelSelector,
  });
  return items;
}

async function grow(
  cluster: McpCluster,
  name: string,
  { client, logger }: Tools,
): Promise<ReconcileProblem | undefined> {
  const { namespace } = cluster.metadata;
  const { size } = cluster.spec.storage;
  const body = { spec: { resources: { requests: { storage: size } } } };
  try {
    const ref = { namespace, name };
    await client.patch(RESOURCES.persistentVolumeClaims, ref, { type: 'merge', body });
    logger.info('volume grows', { namespace, claim: name, size });
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeError) || (error.status !== 403 && error.status !== 422))
      throw error;
    return {
      reason: 'VolumeNotExpandable',
      message: `spec.storage.size: ${name}: ${error.message}`,
    };
  }
}

async function forget(
  cluster: McpCluster,
  { metadata: { uid } }: StatefulSet,
  { client, recorder }: Tools,
): Promise<void> {
  const { namespace, name } = cluster.metadata;
  await client.delete(
    RESOURCES.statefulSets,
    { namespace, name },
    { propagationPolicy: 'Orphan', ...(uid === undefined ? {} : { preconditions: { uid } }) },
  );
  recorder.record({
    regarding: cluster,
    type: 'Normal',
    reason: 'GrowingVolumes',
    action: 'Update',
    note: `volumes grow to ${cluster.spec.storage.size}; the StatefulSet is made anew around its pods`,
  });
}
