/** Pods that Kubernetes cannot end, because their node does not answer, and that the cluster has fenced itself. */
import { isTerminating, type Pod } from './shapes.ts';
import type { ClusterView, MemberView } from './view.ts';

/** A node that answers has ended a pod this long after its time is over. */
export const STUCK_AFTER_MS = 5_000;

/** `deletionTimestamp` is the end of the grace period. */
export function isStuck(pod: Pod, ageMs: (instant: string) => number): boolean {
  return isTerminating(pod) && ageMs(pod.metadata.deletionTimestamp ?? '') >= STUCK_AFTER_MS;
}

/**
 * The pods that may be deleted by force: to be ended anyway, past their time, found dead by their peers, and without a lease,
 * so that whatever they may still do is refused. Only a cluster with a quorum can know the latter.
 */
export function fencedPods(
  view: ClusterView,
  ageMs: (instant: string) => number,
): readonly MemberView[] {
  if (!view.hasQuorum) return [];
  return view.members.filter(({ pod, lost }) => pod !== undefined && lost && isStuck(pod, ageMs));
}
