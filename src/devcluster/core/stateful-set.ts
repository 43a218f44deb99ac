/** What a StatefulSet does next: the rules of the StatefulSet controller as a function of what there is. */
import type { Pod } from './kinds.ts';
import { isPodOver, isPodReady } from './pod-status.ts';
import type { StatefulSet, StatefulSetStatus } from './workload-kinds.ts';

export const REVISION_LABEL = 'controller-revision-hash';

export type StatefulSetAction =
  | { readonly kind: 'create'; readonly ordinal: number; readonly revision: string }
  | { readonly kind: 'delete'; readonly pod: Pod; readonly why: 'scale' | 'update' | 'ended' };

export interface StatefulSetInput {
  readonly set: StatefulSet;
  /** The set's own pods. */
  readonly pods: readonly Pod[];
  readonly currentRevision: string;
  readonly updateRevision: string;
}

/** The ordinal in a pod's name, or undefined when it is not a name of this set. */
export function ordinalOf(set: StatefulSet, podName: string): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const rest = podName.slice(prefix.length);
  return podName.startsWith(prefix) && /^(0|[1-9]\d*)$/.test(rest) ? Number(rest) : undefined;
}

const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;
const revisionOf = (pod: Pod): string | undefined => pod.metadata.labels?.[REVISION_LABEL];
/** Running, ready, and not on its way out. */
const isHealthy = (pod: Pod): boolean =>
  pod.status?.phase === 'Running' && isPodReady(pod) && !isTerminating(pod);

/** The steps to take now, in order; with OrderedReady at most one. */
export function planStatefulSet(input: StatefulSetInput): StatefulSetAction[] {
  const { set } = input;
  if (set.metadata.deletionTimestamp !== undefined) return [];
  const isOrdered = set.spec.podManagementPolicy !== 'Parallel';
  const start = set.spec.ordinals?.start ?? 0;
  const replicas = set.spec.replicas ?? 1;
  const byOrdinal = new Map<number, Pod>();
  for (const pod of input.pods) {
    const ordinal = ordinalOf(set, pod.metadata.name as string);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }
  const actions: StatefulSetAction[] = [];
  const wanted = Array.from({ length: replicas }, (_, index) => start + index);
  for (const ordinal of wanted) {
    const pod = byOrdinal.get(ordinal);
    const action = replicaAction(input, ordinal, pod);
    if (action !== undefined) actions.push(action);
    // The next ordinal comes only when this one is up.
    if (isOrdered && (action !== undefined || pod === undefined || !isHealthy(pod))) return actions;
  }
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => ordinal < start || ordinal >= start + replicas)
    .sort(([a], [b]) => b - a);
  for (const [, pod] of condemned) {
    if (!isTerminating(pod)) actions.push({ kind: 'delete', pod, why: 'scale' });
    if (isOrdered) return actions;
  }
  if (actions.length > 0) return actions;
  return rollingUpdate(input, wanted, byOrdinal);
}

function replicaAction(
  input: StatefulSetInput,
  ordinal: number,
  pod: Pod | undefined,
): StatefulSetAction | undefined {
  if (pod === undefined)
    return { kind: 'create', ordinal, revision: revisionForNewPod(input, ordinal) };
  if (isPodOver(pod) && !isTerminating(pod)) return { kind: 'delete', pod, why: 'ended' };
  return undefined;
}

/** Below the partition a pod comes back as it was; everywhere else as it shall be. */
function revisionForNewPod(input: StatefulSetInput, ordinal: number): string {
  const { updateStrategy, ordinals } = input.set.spec;
  const start = ordinals?.start ?? 0;
  if (updateStrategy?.type === 'OnDelete') return input.updateRevision;
  const partition = updateStrategy?.rollingUpdate?.partition ?? 0;
  return ordinal < start + partition ? input.currentRevision : input.updateRevision;
}

/** From the highest ordinal down to the partition: one old pod at a time, and only while all above are healthy. */
function rollingUpdate(
  input: StatefulSetInput,
  wanted: readonly number[],
  byOrdinal: ReadonlyMap<number, Pod>,
): StatefulSetAction[] {
  const { updateStrategy, ordinals } = input.set.spec;
  if (updateStrategy?.type === 'OnDelete') return [];
  const floor = (ordinals?.start ?? 0) + (updateStrategy?.rollingUpdate?.partition ?? 0);
  for (const ordinal of wanted.filter((one) => one >= floor).reverse()) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) return [];
    if (revisionOf(pod) !== input.updateRevision && !isTerminating(pod))
      return [{ kind: 'delete', pod, why: 'update' }];
    if (!isHealthy(pod)) return [];
  }
  return [];
}

/** The status after what is there now. A finished rolling update makes the new revision the current one. */
export function statefulSetStatus(input: StatefulSetInput): StatefulSetStatus {
  const { set, pods, updateRevision } = input;
  const own = pods.filter((pod) => !isPodOver(pod));
  const live = own.filter((pod) => !isTerminating(pod));
  const ready = own.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod)).length;
  const updated = live.filter((pod) => revisionOf(pod) === updateRevision).length;
  const replicas = set.spec.replicas ?? 1;
  const isRolling = set.spec.updateStrategy?.type !== 'OnDelete';
  const isComplete =
    isRolling && updated === replicas && own.length === replicas && ready === replicas;
  const currentRevision = isComplete ? updateRevision : input.currentRevision;
  return {
    observedGeneration: set.metadata.generation ?? 1,
    replicas: own.length,
    readyReplicas: ready,
    availableReplicas: ready,
    currentReplicas: live.filter((pod) => revisionOf(pod) === currentRevision).length,
    updatedReplicas: updated,
    currentRevision,
    updateRevision,
    collisionCount: set.status?.collisionCount ?? 0,
  };
}
