/** Conditions as Kubernetes reads them: the time of transition moves only when the state does. */
import type { Condition, ConditionType } from './mcp-cluster.ts';

/** A condition before it is compared with the one written last. */
export interface ConditionDraft {
  readonly type: ConditionType;
  readonly status: Condition['status'];
  /** One CamelCase word. */
  readonly reason: string;
  readonly message: string;
}

/** `drafts` as conditions of `generation`: a state equal to the previous one keeps its time, others get `now`. */
export function mergeConditions(
  previous: readonly Condition[],
  drafts: readonly ConditionDraft[],
  stamp: { readonly generation: number; readonly now: string },
): readonly Condition[] {
  return drafts.map((draft) => {
    const before = previous.find((condition) => condition.type === draft.type);
    const lastTransitionTime =
      before?.status === draft.status ? before.lastTransitionTime : stamp.now;
    return { ...draft, observedGeneration: stamp.generation, lastTransitionTime };
  });
}
