/** `metav1.LabelSelector`: whether labels match it, and what is wrong with it. */
import type { FieldProblem } from '../../schema/index.ts';
import { asObject, asObjects, asText, isObject } from '../json.ts';
import { problem } from '../strategy.ts';
import { validateLabels } from './metadata.ts';

const OPERATORS = ['DoesNotExist', 'Exists', 'In', 'NotIn'];

/** A predicate on labels. An absent selector matches nothing, an empty one everything. */
export function labelSelectorOf(
  selector: unknown,
): (labels: Readonly<Record<string, string>>) => boolean {
  if (!isObject(selector)) return () => false;
  const wanted = Object.entries(asObject(selector['matchLabels']));
  const expressions = asObjects(selector['matchExpressions']);
  return (labels) =>
    wanted.every(([key, value]) => labels[key] === value) &&
    expressions.every((one) => {
      const value = labels[asText(one['key'])];
      const values: unknown[] = Array.isArray(one['values']) ? one['values'] : [];
      switch (one['operator']) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        default:
          return value === undefined;
      }
    });
}

/** Problems of a selector at `field`. */
export function validateLabelSelector(selector: unknown, field: string): FieldProblem[] {
  if (!isObject(selector)) return [];
  return [
    ...validateLabels(selector['matchLabels'], `${field}.matchLabels`),
    ...asObjects(selector['matchExpressions']).flatMap((one, index) => {
      const place = `${field}.matchExpressions[${index}]`;
      const operator = asText(one['operator']);
      const values = Array.isArray(one['values']) ? one['values'] : [];
      if (!OPERATORS.includes(operator)) {
        return [problem.invalid(`${place}.operator`, operator, 'not a valid selector operator')];
      }
      const needsValues = operator === 'In' || operator === 'NotIn';
      if (needsValues && values.length === 0) {
        return [
          problem.required(
            `${place}.values`,
            "must be specified when `operator` is 'In' or 'NotIn'",
          ),
        ];
      }
      if (!needsValues && values.length > 0) {
        return [
          problem.forbidden(
            `${place}.values`,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
          ),
        ];
      }
      return [];
    }),
  ];
}
