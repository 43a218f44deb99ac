/** What Go prints of a struct that nobody filled: members that are never left out (`spec: {}`, `replicas: 0`). */
import { isObject, setMember } from './json.ts';
import type { JsonObject, JsonSchema } from './types.ts';
import type { Resolve } from './validate.ts';

/** `value` with the members added that Go's encoder always writes; only for schemas of built-in kinds. */
export function withZeroMembers<T extends JsonObject>(
  value: T,
  schema: JsonSchema,
  resolve: Resolve,
): T {
  const node = resolve(schema);
  const result: JsonObject = { ...value };
  for (const [key, property] of Object.entries(node.properties ?? {})) {
    const inner = resolve(property);
    const member = result[key];
    const isStruct = isObject(property.default) && Object.keys(property.default).length === 0;
    if (isStruct && inner.properties !== undefined) {
      setMember(result, key, withZeroMembers(isObject(member) ? member : {}, property, resolve));
    } else if (member === undefined && isAlwaysWritten(property, node.required?.includes(key))) {
      setMember(result, key, property.default ?? null);
    }
  }
  return result as T;
}

function isAlwaysWritten(property: JsonSchema, required: boolean | undefined): boolean {
  const { default: fallback } = property;
  return required === true || fallback === '' || fallback === 0 || fallback === false;
}
