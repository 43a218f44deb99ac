/** Defaults of structural schemas, and the nulls that they replace or that are dropped. */
import { isObject, setMember } from './json.ts';
import type { JsonObject, JsonSchema } from './types.ts';
import { childSchema, type Resolve } from './validate.ts';

/**
 * A copy of `value` with the defaults of `schema`. A null where null is not allowed gives way to the default, or is
 * dropped when there is none; list items are left alone.
 */
export function withDefaults(value: unknown, schema: JsonSchema, resolve: Resolve): unknown {
  const node = resolve(schema);
  if (Array.isArray(value)) {
    const { items } = node;
    return items === undefined ? value : value.map((item) => withDefaults(item, items, resolve));
  }
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    const child = childSchema(node, key);
    if (child === undefined) setMember(result, key, member);
    else if (member !== null || resolve(child).nullable === true) {
      setMember(result, key, withDefaults(member, child, resolve));
    }
  }
  for (const [key, property] of Object.entries(node.properties ?? {})) {
    const fallback = resolve(property).default;
    if (result[key] !== undefined || fallback === undefined) continue;
    setMember(result, key, withDefaults(structuredClone(fallback), property, resolve));
  }
  return result;
}
