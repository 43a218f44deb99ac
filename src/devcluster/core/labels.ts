/** Label selectors: whether an object's labels satisfy one. */
import type { LabelSelector, ObjectMeta } from './kinds.ts';

type LabelSet = Readonly<Record<string, string>>;

/** Every pair of `wanted` is in `labels`; an empty selector selects everything. */
export function matchesLabels(wanted: LabelSet, labels: LabelSet = {}): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

/** A missing selector selects nothing, an empty one everything (as in the API of Kubernetes). */
export function matchesSelector(
  selector: LabelSelector | undefined,
  labels: LabelSet = {},
): boolean {
  if (selector === undefined) return false;
  if (!matchesLabels(selector.matchLabels ?? {}, labels)) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values }) =>
    matchesRequirement(labels[key], operator, values),
  );
}

/** One requirement of a selector on the value of a label; an operator that is none of selectors' is never met. */
export function matchesRequirement(
  value: string | undefined,
  operator: string,
  values: readonly string[] = [],
): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}

/** The reference of the controlling owner, when there is one. */
export function controllerOf(metadata: ObjectMeta) {
  return metadata.ownerReferences?.find((owner) => owner.controller === true);
}
