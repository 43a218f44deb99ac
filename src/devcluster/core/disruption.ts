/** How many pods of a budget may be disrupted now. */
import type { IntOrString, Pod } from './kinds.ts';
import { isPodReady } from './pod-status.ts';
import { resolveAmount } from './rollout.ts';

export interface BudgetInput {
  readonly minAvailable?: IntOrString | undefined;
  readonly maxUnavailable?: IntOrString | undefined;
  /** The selected pods. */
  readonly pods: readonly Pod[];
  /** How many their controllers want; the number of pods when they have none. */
  readonly expected: number;
}

export interface BudgetStatus {
  readonly currentHealthy: number;
  readonly desiredHealthy: number;
  readonly disruptionsAllowed: number;
  readonly expectedPods: number;
}

/** Percentages are of the expected pods, rounded up (as Kubernetes does for both fields). */
export function budgetStatus(input: BudgetInput): BudgetStatus {
  const { pods, minAvailable, maxUnavailable } = input;
  // An absolute minimum counts the pods there are; everything else what is wanted.
  const isAbsolute = maxUnavailable === undefined && typeof minAvailable === 'number';
  const expectedPods = isAbsolute ? pods.length : input.expected;
  const desiredHealthy =
    maxUnavailable === undefined
      ? resolveAmount(minAvailable, expectedPods, 'up')
      : Math.max(0, expectedPods - resolveAmount(maxUnavailable, expectedPods, 'up'));
  const currentHealthy = pods.filter(
    (pod) => isPodReady(pod) && pod.metadata.deletionTimestamp === undefined,
  ).length;
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  return { currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods };
}
