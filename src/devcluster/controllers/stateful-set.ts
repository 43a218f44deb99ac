/** The StatefulSet controller: reads, asks the rules in `core`, and carries out what they say. */
import { createHash } from 'node:crypto';
import { isNotFound, RESOURCES, type Outcome } from '../../kube/index.ts';
import {
  controllerOf,
  controllerReference,
  matchesSelector,
  ordinalOf,
  planStatefulSet,
  statefulClaims,
  statefulPod,
  statefulSetStatus,
  type ControllerRevision,
  type PersistentVolumeClaim,
  type Pod,
  type PodTemplate,
  type StatefulSet,
  type StatefulSetAction,
} from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { createExpectations, type Expectations } from './expectations.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import {
  createMissing,
  deleteExactly,
  isControlledBy,
  ownerKeys,
  writeOwners,
  writeStatus,
} from './writes.ts';

const REVISION_HISTORY = 10;

export function createStatefulSetController(context: ControllerContext): RunningController {
  const { informers, clock } = context;
  const expectations = createExpectations(clock);
  return createWatchedController(context, {
    name: 'statefulset',
    triggers: [
      onChangeOf(informers.statefulSets, (set) => [
        `${set.metadata.namespace}/${set.metadata.name}`,
      ]),
      onChangeOf(informers.pods, (pod) => podKeys(context, pod)),
      onChangeOf(informers.claims, (claim) => claimKeys(context, claim)),
      onChangeOf(informers.revisions, (revision) => ownerKeys(revision, 'StatefulSet')),
    ],
    reconcile: (key) => reconcile(context, expectations, key),
  });
}

/** The owner's key; for an orphan, the sets that would adopt it. */
function podKeys({ informers }: ControllerContext, pod: Pod): string[] {
  if (controllerOf(pod.metadata) !== undefined) return ownerKeys(pod, 'StatefulSet');
  return informers.statefulSets
    .list()
    .filter((set) => isAdoptable(set, pod))
    .map((set) => `${set.metadata.namespace}/${set.metadata.name}`);
}

const isAdoptable = (set: StatefulSet, pod: Pod): boolean =>
  set.metadata.namespace === pod.metadata.namespace &&
  controllerOf(pod.metadata) === undefined &&
  pod.metadata.deletionTimestamp === undefined &&
  matchesSelector(set.spec.selector, pod.metadata.labels) &&
  ordinalOf(set, pod.metadata.name as string) !== undefined;

async function reconcile(
  context: ControllerContext,
  expectations: Expectations,
  key: string,
): Promise<Outcome> {
  const { client, informers } = context;
  const set = informers.statefulSets.get(key);
  if (set === undefined) {
    expectations.forget(key);
    return SETTLED;
  }
  if (set.metadata.deletionTimestamp !== undefined) return SETTLED;
  await adopt(context, set);
  const pods = informers.pods.list().filter((pod) => isControlledBy(pod, set));
  const isFresh = expectations.areMet(key, {
    names: new Set(pods.map(({ metadata }) => metadata.name as string)),
    liveUids: new Set(
      pods
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .map(({ metadata }) => metadata.uid as string),
    ),
  });
  if (!isFresh) return { kind: 'requeueAfter', afterMs: 50 };
  const revisions = await ownRevisions(context, set);
  const updateRevision = revisions.update.metadata.name as string;
  const input = {
    set,
    pods,
    currentRevision: set.status?.currentRevision ?? updateRevision,
    updateRevision,
  };
  for (const action of planStatefulSet(input))
    await carryOut({ context, expectations, key, set, revisions: revisions.all }, action);
  await createLostClaims(context, set, pods);
  await writeStatus(client, RESOURCES.statefulSets, set, statefulSetStatus(input));
  await pruneRevisions(
    context,
    set,
    revisions.all,
    new Set([input.currentRevision, input.updateRevision]),
  );
  return SETTLED;
}

async function adopt({ client, informers }: ControllerContext, set: StatefulSet): Promise<void> {
  for (const pod of informers.pods.list().filter((one) => isAdoptable(set, one)))
    await writeOwners(client, RESOURCES.pods, pod, [controllerReference(set)]);
}

interface Work {
  readonly context: ControllerContext;
  readonly expectations: Expectations;
  readonly key: string;
  readonly set: StatefulSet;
  readonly revisions: readonly ControllerRevision[];
}

async function carryOut(work: Work, action: StatefulSetAction): Promise<void> {
  const { context, expectations, key, set } = work;
  if (action.kind === 'delete') {
    const { pod } = action;
    if (action.why === 'scale') await releaseClaims(context, set, pod);
    await deleteExactly(context.client, RESOURCES.pods, pod);
    expectations.deleted(key, pod.metadata.uid as string);
    const what = `pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    const note = action.why === 'ended' ? `recreating failed ${what}` : `delete ${what} successful`;
    const isFailure = action.why === 'ended';
    context.event(
      set,
      isFailure ? 'Warning' : 'Normal',
      isFailure ? 'RecreatingFailedPod' : 'SuccessfulDelete',
      note,
    );
    return;
  }
  const revision = work.revisions.find(({ metadata }) => metadata.name === action.revision);
  const template = revision?.data?.spec?.template ?? set.spec.template;
  const pod = statefulPod(set, action.ordinal, { name: action.revision, template });
  const podName = pod.metadata.name as string;
  await createClaims(context, set, podName);
  try {
    if (!(await createMissing(context.client, RESOURCES.pods, pod))) return;
  } catch (error) {
    const note = `create Pod ${podName} in StatefulSet ${set.metadata.name} failed error: ${(error as Error).message}`;
    context.event(set, 'Warning', 'FailedCreate', note);
    throw error;
  }
  expectations.created(key, podName);
  context.event(
    set,
    'Normal',
    'SuccessfulCreate',
    `create Pod ${podName} in StatefulSet ${set.metadata.name} successful`,
  );
}

async function createClaims(
  context: ControllerContext,
  set: StatefulSet,
  podName: string,
): Promise<void> {
  for (const claim of statefulClaims(set, podName)) {
    const isNew = await createMissing(context.client, RESOURCES.persistentVolumeClaims, claim);
    const note = `create Claim ${claim.metadata.name} Pod ${podName} in StatefulSet ${set.metadata.name} success`;
    if (isNew) context.event(set, 'Normal', 'SuccessfulCreate', note);
  }
}

/** Claims that went with a pod's predecessor after the pod was there: down and up again in one moment. */
async function createLostClaims(
  context: ControllerContext,
  set: StatefulSet,
  pods: readonly Pod[],
): Promise<void> {
  for (const { metadata, status } of pods) {
    const isWaiting = status?.phase === 'Pending' && metadata.deletionTimestamp === undefined;
    if (isWaiting) await createClaims(context, set, metadata.name as string);
  }
}

/** Sets whose claims have such a name. */
function claimKeys({ informers }: ControllerContext, claim: PersistentVolumeClaim): string[] {
  const { name = '', namespace } = claim.metadata;
  return informers.statefulSets
    .list()
    .filter((set) => set.metadata.namespace === namespace)
    .filter((set) =>
      (set.spec.volumeClaimTemplates ?? []).some((template) =>
        name.startsWith(`${template.metadata.name}-${set.metadata.name}-`),
      ),
    )
    .map((set) => `${namespace}/${set.metadata.name}`);
}

/** With `whenScaled: Delete` the claims of a pod that goes for good go with it. */
async function releaseClaims(
  context: ControllerContext,
  set: StatefulSet,
  pod: Pod,
): Promise<void> {
  if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return;
  const owner = {
    apiVersion: 'v1',
    kind: 'Pod',
    name: pod.metadata.name as string,
    uid: pod.metadata.uid as string,
  };
  for (const wanted of statefulClaims(set, pod.metadata.name as string)) {
    const claim = context.informers.claims.get(`${set.metadata.namespace}/${wanted.metadata.name}`);
    if (claim === undefined) continue;
    const others = (claim.metadata.ownerReferences ?? []).filter(
      ({ uid }) => uid !== set.metadata.uid,
    );
    await writeOwners(context.client, RESOURCES.persistentVolumeClaims, claim, [...others, owner]);
  }
}

async function ownRevisions(
  context: ControllerContext,
  set: StatefulSet,
): Promise<{ all: ControllerRevision[]; update: ControllerRevision }> {
  const all = context.informers.revisions.list().filter((one) => isControlledBy(one, set));
  const name = `${set.metadata.name}-${templateHash(set.spec.template)}`;
  const newest = Math.max(0, ...all.map(({ revision }) => revision));
  const found = all.find(({ metadata }) => metadata.name === name);
  if (found !== undefined) {
    // An older template came back: it is the newest again.
    if (found.revision === newest) return { all, update: found };
    const ref = { namespace: set.metadata.namespace as string, name };
    const body = { revision: newest + 1 };
    await context.client.patch(RESOURCES.controllerRevisions, ref, { type: 'merge', body });
    return { all, update: { ...found, revision: newest + 1 } };
  }
  const update: ControllerRevision = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name,
      namespace: set.metadata.namespace as string,
      labels: {
        ...set.spec.template.metadata?.labels,
        'controller.kubernetes.io/hash': templateHash(set.spec.template),
      },
      ownerReferences: [controllerReference(set)],
    },
    data: { spec: { template: set.spec.template } },
    revision: newest + 1,
  };
  await createMissing(context.client, RESOURCES.controllerRevisions, update);
  return { all: [...all, update], update };
}

/** Ten characters that depend on nothing but the template. */
export function templateHash(template: PodTemplate): string {
  return createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10);
}

/** Old revisions that no pod uses are kept up to the set's limit. */
async function pruneRevisions(
  { client, informers }: ControllerContext,
  set: StatefulSet,
  revisions: readonly ControllerRevision[],
  inUse: ReadonlySet<string>,
): Promise<void> {
  const used = new Set(inUse);
  for (const pod of informers.pods.list())
    if (isControlledBy(pod, set)) used.add(pod.metadata.labels?.['controller-revision-hash'] ?? '');
  const unused = revisions
    .filter(({ metadata }) => !used.has(metadata.name as string) && metadata.uid !== undefined)
    .sort((a, b) => b.revision - a.revision);
  for (const revision of unused.slice(set.spec.revisionHistoryLimit ?? REVISION_HISTORY))
    await deleteExactly(client, RESOURCES.controllerRevisions, revision).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
}
