/** The garbage collector: objects follow their owners, in the background, in the foreground, or are let go. */
import {
  createController,
  isConflict,
  isNotFound,
  KubeError,
  type Outcome,
} from '../../kube/index.ts';
import type { OwnerReference } from '../core/index.ts';
import { BACKOFF, SETTLED, type ControllerContext, type RunningController } from './context.ts';
import type { GraphObject, ObjectGraph } from './object-graph.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

/** Keys are uids: an object that may have to go, or an owner that waits for its dependents. */
export function createGarbageCollector(
  context: ControllerContext,
  graph: ObjectGraph,
): RunningController {
  const controller = createController({
    name: 'garbage-collector',
    reconcile: (uid) => collect(context, graph, uid),
    workersMax: 4,
    backoff: BACKOFF,
    clock: context.clock,
    random: context.random,
    logger: context.logger,
    metrics: context.metrics,
  });
  let isStarted = false;
  graph.onChange((change) => {
    if (!isStarted) return;
    const { uid = '', ownerReferences = [], deletionTimestamp } = change.object.metadata;
    if (change.type === 'deleted') {
      for (const { object } of graph.dependentsOf(uid))
        controller.enqueue(object.metadata.uid ?? '');
      // An owner that is deleted in the foreground may have waited for this one.
      for (const owner of ownerReferences) controller.enqueue(owner.uid);
      return;
    }
    if (ownerReferences.length > 0 || deletionTimestamp !== undefined) controller.enqueue(uid);
    if (change.type === 'updated')
      for (const owner of change.old.metadata.ownerReferences ?? []) controller.enqueue(owner.uid);
  });
  return {
    start() {
      isStarted = true;
      controller.start();
      // What was left half done when the cluster ended.
      for (const { object } of graph.all()) {
        const { uid = '', ownerReferences = [], deletionTimestamp } = object.metadata;
        if (ownerReferences.length > 0 || deletionTimestamp !== undefined) controller.enqueue(uid);
      }
    },
    stop: () => controller.stop(),
  };
}

async function collect(
  context: ControllerContext,
  graph: ObjectGraph,
  uid: string,
): Promise<Outcome> {
  const found = graph.byUid(uid);
  if (found === undefined) return SETTLED;
  const { finalizers = [], deletionTimestamp, ownerReferences = [] } = found.object.metadata;
  try {
    if (deletionTimestamp !== undefined) {
      if (finalizers.includes(ORPHAN)) return await letGo(context, graph, found);
      if (finalizers.includes(FOREGROUND)) return await takeAlong(context, graph, found);
      return SETTLED;
    }
    if (ownerReferences.length > 0) await judge(context, graph, found);
    return SETTLED;
  } catch (error) {
    if (isNotFound(error) || isConflict(error)) return SETTLED;
    throw error;
  }
}

/** Without any living owner the object goes; dead ones among living are struck off. */
async function judge(
  context: ControllerContext,
  graph: ObjectGraph,
  found: GraphObject,
): Promise<void> {
  const owners = found.object.metadata.ownerReferences ?? [];
  const states = await Promise.all(owners.map((owner) => ownerState(context, graph, found, owner)));
  const isSolid = states.includes('alive');
  const isWaiting = states.includes('waiting');
  if (!states.includes('gone') && !isWaiting) return;
  if (!isSolid) return await remove(context, found, isWaiting ? 'Foreground' : 'Background');
  const living = owners.filter((_, index) => states[index] === 'alive');
  await writeMetadata(context, found, { ownerReferences: living });
}

type OwnerState = 'alive' | 'waiting' | 'gone' | 'unknown';

async function ownerState(
  { client }: ControllerContext,
  graph: ObjectGraph,
  found: GraphObject,
  owner: OwnerReference,
): Promise<OwnerState> {
  const known = graph.byUid(owner.uid);
  if (known !== undefined) {
    const { deletionTimestamp, finalizers = [] } = known.object.metadata;
    const isWaiting = deletionTimestamp !== undefined && finalizers.includes(FOREGROUND);
    return isWaiting ? 'waiting' : 'alive';
  }
  // The local copy may lag: only the server's word is good enough to delete something.
  const type = graph.typeOf(owner.apiVersion, owner.kind);
  if (type === undefined) return 'unknown';
  const { namespace } = found.object.metadata;
  const ref = {
    name: owner.name,
    ...(type.namespaced && namespace !== undefined ? { namespace } : {}),
  };
  const live = await client.get(type, ref);
  return live?.metadata.uid === owner.uid ? 'alive' : 'gone';
}

/** Foreground: dependents that block go first, then the owner's finalizer. */
async function takeAlong(
  context: ControllerContext,
  graph: ObjectGraph,
  found: GraphObject,
): Promise<Outcome> {
  const uid = found.object.metadata.uid as string;
  const dependents = graph.dependentsOf(uid);
  const blocking = dependents.filter(({ object }) =>
    object.metadata.ownerReferences?.some(
      (owner) => owner.uid === uid && owner.blockOwnerDeletion === true,
    ),
  );
  for (const one of dependents)
    if (one.object.metadata.deletionTimestamp === undefined) await judge(context, graph, one);
  if (blocking.length > 0) return { kind: 'requeueAfter', afterMs: 1000 };
  await dropFinalizer(context, found, FOREGROUND);
  return SETTLED;
}

/** Orphan: dependents forget the owner, then its finalizer goes. */
async function letGo(
  context: ControllerContext,
  graph: ObjectGraph,
  found: GraphObject,
): Promise<Outcome> {
  const { uid } = found.object.metadata;
  for (const one of graph.dependentsOf(uid as string)) {
    const others = (one.object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
    await writeMetadata(context, one, { ownerReferences: others });
  }
  await dropFinalizer(context, found, ORPHAN);
  return SETTLED;
}

async function dropFinalizer(
  context: ControllerContext,
  found: GraphObject,
  name: string,
): Promise<void> {
  const { finalizers = [], resourceVersion } = found.object.metadata;
  // With the version: another finalizer that came meanwhile must not be lost.
  await writeMetadata(context, found, {
    finalizers: finalizers.filter((one) => one !== name),
    resourceVersion,
  });
}

async function writeMetadata(
  { client }: ControllerContext,
  { type, object }: GraphObject,
  metadata: Record<string, unknown>,
): Promise<void> {
  const { name = '', namespace, uid } = object.metadata;
  const ref = { name, ...(namespace === undefined ? {} : { namespace }) };
  await client.patch(type, ref, { type: 'merge', body: { metadata: { uid, ...metadata } } });
}

async function remove(
  { client, logger }: ControllerContext,
  { type, object }: GraphObject,
  propagationPolicy: 'Foreground' | 'Background',
): Promise<void> {
  const { name = '', namespace, uid } = object.metadata;
  const ref = { name, ...(namespace === undefined ? {} : { namespace }) };
  logger.debug('object follows its owner', { kind: object.kind, namespace, name });
  try {
    await client.delete(type, ref, { propagationPolicy, preconditions: { uid: uid as string } });
  } catch (error) {
    if (!(error instanceof KubeError && error.status === 409)) throw error;
  }
}
