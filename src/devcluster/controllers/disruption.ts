/** The disruption controller: the status of PodDisruptionBudgets. */
import { RESOURCES, type Outcome } from '../../kube/index.ts';
import { timeText } from '../../std/index.ts';
import {
  budgetStatus,
  controllerOf,
  isPodOver,
  matchesSelector,
  type Condition,
  type Pod,
  type PodDisruptionBudget,
} from '../core/index.ts';
import { SETTLED, type ControllerContext, type RunningController } from './context.ts';
import { createWatchedController, onChangeOf } from './watched-controller.ts';
import { writeStatus } from './writes.ts';

export function createDisruptionController(context: ControllerContext): RunningController {
  const { informers } = context;
  const selects = (budget: PodDisruptionBudget, pod: Pod): boolean =>
    budget.metadata.namespace === pod.metadata.namespace &&
    matchesSelector(budget.spec.selector, pod.metadata.labels);
  const keyOf = ({ metadata }: PodDisruptionBudget): string =>
    `${metadata.namespace}/${metadata.name}`;
  const all = (): string[] => informers.budgets.list().map(keyOf);
  return createWatchedController(context, {
    name: 'disruption',
    triggers: [
      onChangeOf(informers.budgets, (budget) => [keyOf(budget)]),
      onChangeOf(informers.pods, (pod) =>
        informers.budgets
          .list()
          .filter((budget) => selects(budget, pod))
          .map(keyOf),
      ),
      onChangeOf(informers.statefulSets, all),
      onChangeOf(informers.replicaSets, all),
    ],
    async reconcile(key): Promise<Outcome> {
      const budget = informers.budgets.get(key);
      if (budget === undefined) return SETTLED;
      const pods = informers.pods.list().filter((pod) => selects(budget, pod) && !isPodOver(pod));
      const status = budgetStatus({
        minAvailable: budget.spec.minAvailable,
        maxUnavailable: budget.spec.maxUnavailable,
        pods,
        expected: expectedPods(context, pods),
      });
      await writeStatus(context.client, RESOURCES.podDisruptionBudgets, budget, {
        ...status,
        observedGeneration: budget.metadata.generation ?? 1,
        conditions: [conditionOf(context, budget, status.disruptionsAllowed > 0)],
      });
      return SETTLED;
    },
  });
}

/** What the controllers of the pods want together; a pod without one counts for itself. */
function expectedPods({ informers }: ControllerContext, pods: readonly Pod[]): number {
  const seen = new Set<string>();
  let total = 0;
  for (const pod of pods) {
    const owner = controllerOf(pod.metadata);
    const key = `${pod.metadata.namespace}/${owner?.name}`;
    const controller =
      owner?.kind === 'StatefulSet'
        ? informers.statefulSets.get(key)
        : owner?.kind === 'ReplicaSet'
          ? informers.replicaSets.get(key)
          : undefined;
    if (controller === undefined) total += 1;
    else if (!seen.has(owner?.uid ?? '')) total += controller.spec.replicas ?? 1;
    seen.add(owner?.uid ?? '');
  }
  return total;
}

function conditionOf(
  { clock }: ControllerContext,
  budget: PodDisruptionBudget,
  isAllowed: boolean,
): Condition {
  const before = budget.status?.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  const status = isAllowed ? 'True' : 'False';
  const since = before?.status === status ? before.lastTransitionTime : undefined;
  return {
    type: 'DisruptionAllowed',
    status,
    reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    lastTransitionTime: since ?? timeText(clock.wall()),
    observedGeneration: budget.metadata.generation ?? 1,
  };
}
