/** The ReplicaSet controller: as many pods as asked for. */
import { RESOURCES, type Outcome } from '../../kube/index.ts';
import { isPodOver, isPodReady, podFromTemplate, type Pod } from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { createExpectations, type Expectations } from './expectations.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import { deleteExactly, isControlledBy, ownerKeys, writeStatus } from './writes.ts';

export function createReplicaSetController(context: ControllerContext): RunningController {
  const { informers, clock } = context;
  const expectations = createExpectations(clock);
  return createWatchedController(context, {
    name: 'replicaset',
    triggers: [
      onChangeOf(informers.replicaSets, (set) => [
        `${set.metadata.namespace}/${set.metadata.name}`,
      ]),
      onChangeOf(informers.pods, (pod) => ownerKeys(pod, 'ReplicaSet')),
    ],
    reconcile: (key) => reconcile(context, expectations, key),
  });
}

async function reconcile(
  context: ControllerContext,
  expectations: Expectations,
  key: string,
): Promise<Outcome> {
  const { client, informers } = context;
  const set = informers.replicaSets.get(key);
  if (set === undefined) expectations.forget(key);
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return SETTLED;
  const own = informers.pods.list().filter((pod) => isControlledBy(pod, set));
  const live = own.filter((pod) => pod.metadata.deletionTimestamp === undefined && !isPodOver(pod));
  const isFresh = expectations.areMet(key, {
    names: new Set(own.map(({ metadata }) => metadata.name as string)),
    liveUids: new Set(live.map(({ metadata }) => metadata.uid as string)),
  });
  if (!isFresh) return { kind: 'requeueAfter', afterMs: 50 };
  const replicas = set.spec.replicas ?? 1;
  for (let missing = replicas - live.length; missing > 0; missing--) {
    const pod = await client.create(RESOURCES.pods, podFromTemplate(set));
    expectations.created(key, pod.metadata.name as string);
    context.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  }
  for (const pod of inOrderOfDeletion(live).slice(0, Math.max(0, live.length - replicas))) {
    await deleteExactly(client, RESOURCES.pods, pod);
    expectations.deleted(key, pod.metadata.uid as string);
    context.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
  }
  const ready = live.filter(isPodReady).length;
  await writeStatus(client, RESOURCES.replicaSets, set, {
    replicas: live.length,
    fullyLabeledReplicas: live.length,
    readyReplicas: ready,
    availableReplicas: ready,
    observedGeneration: set.metadata.generation ?? 1,
  });
  return SETTLED;
}

/** Unscheduled, then not ready, then the youngest first. */
function inOrderOfDeletion(pods: readonly Pod[]): Pod[] {
  const rank = (pod: Pod): number =>
    pod.spec.nodeName === undefined ? 0 : isPodReady(pod) ? 2 : 1;
  return [...pods].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''),
  );
}
