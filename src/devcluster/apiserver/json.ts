/** Small tools for plain JSON values. */
import { isDeepStrictEqual } from 'node:util';

export type JsonObject = { [field: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value as an object; an empty one when it is something else. */
export const asObject = (value: unknown): JsonObject => (isObject(value) ? value : {});

/** The value as a list of objects; what is not an object is left out. */
export const asObjects = (value: unknown): JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : [];

export const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A deep copy that may be changed, whatever the original was. */
export const clone = <T>(value: T): T => structuredClone(value);

export const equal = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b);

/** Sets `field` when it is absent; an explicit null counts as absent, as it does for the real server. */
export function fill(object: JsonObject, field: string, value: unknown): void {
  if (object[field] === undefined || object[field] === null) object[field] = value;
}

/** The object at `field`, made when absent. */
export function child(object: JsonObject, field: string): JsonObject {
  fill(object, field, {});
  return asObject(object[field]);
}

/** The value at a dotted path such as `.spec.replicas`; undefined when a step is missing. */
export function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const step of path.split('.').filter((part) => part !== '')) {
    if (!isObject(value)) return undefined;
    value = value[step];
  }
  return value;
}

/** Sets the value at a dotted path, making the objects on the way. */
export function setValueAt(object: JsonObject, path: string, value: unknown): void {
  const steps = path.split('.').filter((part) => part !== '');
  const last = steps.pop();
  if (last === undefined) return;
  let place = object;
  for (const step of steps) place = child(place, step);
  place[last] = value;
}

export const specOf = (object: JsonObject): JsonObject => asObject(object['spec']);
export const statusOf = (object: JsonObject): JsonObject => asObject(object['status']);
