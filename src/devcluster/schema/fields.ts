/** Reading members of raw JSON that may or may not be there, without a cast at each place. */
import { isObject } from './json.ts';
import type { JsonObject } from './types.ts';

/** The value at a path of member names, or undefined. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let node = value;
  for (const name of path) node = isObject(node) ? node[name] : undefined;
  return node;
}

/** The text at a path; anything else is the empty text. */
export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

/** The number at a path; anything else is 0. */
export function numberAt(value: unknown, ...path: readonly string[]): number {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : 0;
}

/** The list at a path; anything else is empty. */
export function listAt(value: unknown, ...path: readonly string[]): unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as unknown[]) : [];
}

/** The object at a path; anything else is empty. */
export function objectAt(value: unknown, ...path: readonly string[]): JsonObject {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
}
