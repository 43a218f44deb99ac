/** The Deployment controller: one ReplicaSet for each template, and a gradual move to the newest. */
import { RESOURCES, type Outcome } from '../../kube/index.ts';
import { timeText } from '../../std/index.ts';
import {
  controllerReference,
  planRollout,
  type Condition,
  type Deployment,
  type ReplicaSet,
} from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { templateHash } from './stateful-set.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import {
  createMissing,
  deleteExactly,
  isControlledBy,
  ownerKeys,
  refOf,
  writeStatus,
} from './writes.ts';

const HASH_LABEL = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';

export function createDeploymentController(context: ControllerContext): RunningController {
  const { informers } = context;
  return createWatchedController(context, {
    name: 'deployment',
    triggers: [
      onChangeOf(informers.deployments, (one) => [
        `${one.metadata.namespace}/${one.metadata.name}`,
      ]),
      onChangeOf(informers.replicaSets, (set) => ownerKeys(set, 'Deployment')),
    ],
    reconcile: (key) => reconcile(context, key),
  });
}

async function reconcile(context: ControllerContext, key: string): Promise<Outcome> {
  const { client, informers } = context;
  const deployment = informers.deployments.get(key);
  if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined)
    return SETTLED;
  const all = informers.replicaSets
    .list()
    .filter(
      (set) => isControlledBy(set, deployment) && set.metadata.deletionTimestamp === undefined,
    )
    .sort((a, b) => revisionOf(a) - revisionOf(b));
  const hash = templateHash(deployment.spec.template);
  const fresh = all.find(({ metadata }) => metadata.labels?.[HASH_LABEL] === hash);
  if (fresh === undefined) {
    if (deployment.spec.paused !== true)
      await createMissing(client, RESOURCES.replicaSets, replicaSetOf(deployment, hash, all));
    return SETTLED;
  }
  const old = all.filter((set) => set !== fresh);
  const plan = nextSizes(deployment, fresh, old);
  const changed = [
    ...old.map((set, index) => ({ set, size: plan.old[index] as number })),
    { set: fresh, size: plan.fresh },
  ].filter(({ set, size }) => (set.spec.replicas ?? 0) !== size);
  for (const { set, size } of deployment.spec.paused === true ? [] : changed) {
    await client.patch(RESOURCES.replicaSets, refOf(set), {
      type: 'merge',
      body: { spec: { replicas: size } },
    });
    const direction = size > (set.spec.replicas ?? 0) ? 'up' : 'down';
    const note = `Scaled ${direction} replica set ${set.metadata.name} from ${set.spec.replicas ?? 0} to ${size}`;
    context.event(deployment, 'Normal', 'ScalingReplicaSet', note);
  }
  await writeStatus(
    client,
    RESOURCES.deployments,
    deployment,
    statusOf(context, deployment, fresh, all),
  );
  for (const set of old.slice(
    0,
    Math.max(0, old.length - (deployment.spec.revisionHistoryLimit ?? 10)),
  ))
    if ((set.status?.replicas ?? 0) === 0 && set.spec.replicas === 0)
      await deleteExactly(client, RESOURCES.replicaSets, set);
  return SETTLED;
}

const revisionOf = ({ metadata }: ReplicaSet): number =>
  Number(metadata.annotations?.[REVISION] ?? 0);

const sizes = (set: ReplicaSet) => ({
  replicas: set.spec.replicas ?? 0,
  available: Math.min(set.spec.replicas ?? 0, set.status?.availableReplicas ?? 0),
});

function nextSizes(
  { spec }: Deployment,
  fresh: ReplicaSet,
  old: readonly ReplicaSet[],
): { fresh: number; old: number[] } {
  const replicas = spec.replicas ?? 1;
  if (spec.strategy?.type === 'Recreate') {
    // Every old pod must be gone, not just asked to go.
    const isEmpty = old.every(({ status }) => (status?.replicas ?? 0) === 0);
    return { fresh: isEmpty ? replicas : (fresh.spec.replicas ?? 0), old: old.map(() => 0) };
  }
  const { maxSurge = '25%', maxUnavailable = '25%' } = spec.strategy?.rollingUpdate ?? {};
  return planRollout({
    replicas,
    maxSurge,
    maxUnavailable,
    fresh: sizes(fresh),
    old: old.map(sizes),
  });
}

function replicaSetOf(
  deployment: Deployment,
  hash: string,
  all: readonly ReplicaSet[],
): ReplicaSet {
  const { template, selector } = deployment.spec;
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace as string,
      labels,
      annotations: { [REVISION]: String(Math.max(0, ...all.map(revisionOf)) + 1) },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas: 0,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

function statusOf(
  { clock }: ControllerContext,
  deployment: Deployment,
  fresh: ReplicaSet,
  all: readonly ReplicaSet[],
) {
  const sum = (field: 'replicas' | 'readyReplicas' | 'availableReplicas'): number =>
    all.reduce((total, set) => total + (set.status?.[field] ?? 0), 0);
  const replicas = deployment.spec.replicas ?? 1;
  const available = sum('availableReplicas');
  const isComplete =
    (fresh.status?.availableReplicas ?? 0) >= replicas && sum('replicas') === replicas;
  const now = timeText(clock.wall());
  const condition = (type: string, isTrue: boolean, reason: string): Condition => {
    const before = deployment.status?.conditions?.find((one) => one.type === type);
    const status = isTrue ? 'True' : 'False';
    const since = before?.status === status ? before.lastTransitionTime : undefined;
    return { type, status, reason, lastTransitionTime: since ?? now };
  };
  const isAvailable = available >= replicas;
  return {
    observedGeneration: deployment.metadata.generation ?? 1,
    replicas: sum('replicas'),
    updatedReplicas: fresh.status?.replicas ?? 0,
    readyReplicas: sum('readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, replicas - available),
    conditions: [
      condition(
        'Available',
        isAvailable,
        isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      ),
      condition('Progressing', true, isComplete ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated'),
    ],
  };
}
