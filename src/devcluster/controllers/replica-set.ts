/** The ReplicaSet controller: as many pods as asked for. */
import { RESOURCES, type Outcome } from '../../kube/index.ts';
import { isPodOver, isPodReady, type Pod, type ReplicaSet } from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { createPodOwnerController, type OwnedPods } from './pod-owner.ts';
import { writeStatus } from './writes.ts';

export function createReplicaSetController(context: ControllerContext): RunningController {
  return createPodOwnerController(context, {
    name: 'replicaset',
    kind: 'ReplicaSet',
    owners: context.informers.replicaSets,
    reconcile: (set, pods) => reconcile(context, set, pods),
  });
}

async function reconcile(
  { client }: ControllerContext,
  set: ReplicaSet,
  pods: OwnedPods,
): Promise<Outcome> {
  const live = pods.kept.filter((pod) => !isPodOver(pod));
  const replicas = set.spec.replicas ?? 1;
  await pods.create(replicas - live.length);
  await pods.remove(inOrderOfDeletion(live).slice(0, Math.max(0, live.length - replicas)));
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
