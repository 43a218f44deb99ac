/** What decoding JSON into the server's Go types and encoding it again does to a value. */
import { isQuantity } from './go-types.ts';
import { isObject, setMember } from './json.ts';
import { resolveBuiltin } from './kubernetes-data.ts';
import { canonicalQuantity } from './quantity.ts';
import type { JsonObject, JsonSchema } from './types.ts';
import { childSchema } from './validate.ts';

/** A copy of `value` without nulls and empty collections, with canonical quantities; `schema` is of a built-in type. */
export function normalized(value: unknown, schema: JsonSchema): unknown {
  const node = resolveBuiltin(schema);
  if (node['x-kubernetes-preserve-unknown-fields'] === true) return value;
  if (Array.isArray(value)) {
    return value.map((item) => normalized(item, node.items ?? {}));
  }
  if (!isObject(value)) return isQuantity(node) ? canonicalQuantity(value) : value;
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (member === null || member === undefined) continue;
    const child = childSchema(node, key);
    if (child === undefined) {
      setMember(result, key, member);
      continue;
    }
    const inner = normalized(member, child);
    const isKept = node.properties === undefined || node.required?.includes(key) === true;
    if (isKept || !isEmptyCollection(inner, child)) setMember(result, key, inner);
  }
  return result;
}

/** Empty lists and maps are left out by Go's encoder; an empty struct (`emptyDir: {}`) or raw JSON (`default: []`) is not. */
function isEmptyCollection(value: unknown, schema: JsonSchema): boolean {
  const { type, additionalProperties } = resolveBuiltin(schema);
  if (Array.isArray(value)) return value.length === 0 && type === 'array';
  const isMap = additionalProperties !== undefined;
  return isMap && isObject(value) && Object.keys(value).length === 0;
}
