/** Strategic merge patches: lists merge by the key that the schema names, `$` members direct the merge. */
import { isObject, jsonEqual, setMember } from './json.ts';
import { DEDUCED } from './shape.ts';
import type { CompiledSchema, JsonObject, JsonSchema } from './types.ts';
import { childSchema, type Resolve } from './validate.ts';

/** A patch that cannot be applied (400 BadRequest or 422); the message is the server's. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
}

const DELETE_FROM = '$deleteFromPrimitiveList/';
const ORDER = '$setElementOrder/';
const RETAIN_KEYS = '$retainKeys';

/**
 * `current` changed by a strategic merge patch, by patchMergeKey and patchStrategy of the schema and the directives
 * `$patch: replace|delete|merge`, `$retainKeys`, `$deleteFromPrimitiveList/…` and `$setElementOrder/…`. Throws
 * {@link PatchError} for a patch that does not fit.
 */
export function strategicMerge<T extends JsonObject>(
  schema: CompiledSchema,
  current: T,
  patch: JsonObject,
): T {
  return mergeMap(current, patch, schema.schema, schema.resolve) as T;
}

function mergeMap(
  current: JsonObject,
  patch: JsonObject,
  schema: JsonSchema,
  resolve: Resolve,
): JsonObject {
  const directive = patch['$patch'];
  if (directive === 'replace') return cleaned(without(patch, '$patch')) as JsonObject;
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw new PatchError(`invalid value for special key "$patch" in map: ${String(directive)}`);
  }
  const node = resolve(schema);
  const result: JsonObject = retained(current, patch);
  for (const [key, change] of Object.entries(patch)) {
    if (key === '$patch' || key === RETAIN_KEYS || key.startsWith(ORDER)) continue;
    if (key.startsWith(DELETE_FROM)) {
      deleteItems(result, key.slice(DELETE_FROM.length), change, patch);
      continue;
    }
    if (change === null) {
      delete result[key];
      continue;
    }
    const child = childSchema(node, key) ?? DEDUCED;
    const order = patch[ORDER + key];
    setMember(result, key, mergeMember(result[key], change, child, order, resolve));
  }
  for (const [key, order] of Object.entries(patch)) {
    const name = key.startsWith(ORDER) ? key.slice(ORDER.length) : undefined;
    if (name === undefined || Object.hasOwn(patch, name) || !Array.isArray(result[name])) continue;
    const child = resolve(childSchema(node, name) ?? DEDUCED);
    result[name] = ordered(result[name] as unknown[], order, child['x-kubernetes-patch-merge-key']);
  }
  return result;
}

/** With `$retainKeys`, only the members it names are kept. */
function retained(current: JsonObject, patch: JsonObject): JsonObject {
  const keys = patch[RETAIN_KEYS];
  if (!Array.isArray(keys)) return { ...current };
  return Object.fromEntries(Object.entries(current).filter(([key]) => keys.includes(key)));
}

function mergeMember(
  current: unknown,
  change: unknown,
  schema: JsonSchema,
  order: unknown,
  resolve: Resolve,
): unknown {
  const node = resolve(schema);
  if (Array.isArray(change)) {
    const strategies = strategiesOf(node, schema);
    if (!strategies.includes('merge')) return cleaned(change);
    const key = schema['x-kubernetes-patch-merge-key'] ?? node['x-kubernetes-patch-merge-key'];
    const list = Array.isArray(current) ? (current as unknown[]) : [];
    const merged =
      key === undefined
        ? mergeScalars(list, change)
        : mergeItems(list, change, { key, items: node.items ?? DEDUCED }, resolve);
    return Array.isArray(order)
      ? ordered(merged, order, key)
      : inPatchOrder(merged, { before: list, change, key });
  }
  if (!isObject(change)) return change;
  if (!isObject(current)) return mergeMap({}, change, schema, resolve);
  if (strategiesOf(node, schema).includes('replace')) return cleaned(change);
  return mergeMap(current, change, schema, resolve);
}

function strategiesOf(node: JsonSchema, schema: JsonSchema): string[] {
  const text = schema['x-kubernetes-patch-strategy'] ?? node['x-kubernetes-patch-strategy'] ?? '';
  return text.split(',');
}

function mergeScalars(current: readonly unknown[], change: readonly unknown[]): unknown[] {
  const result = [...current];
  for (const item of change) {
    if (!result.some((other) => jsonEqual(other, item))) result.push(item);
  }
  return result;
}

interface KeyedList {
  readonly key: string;
  readonly items: JsonSchema;
}

function mergeItems(
  current: readonly unknown[],
  change: readonly unknown[],
  { key, items }: KeyedList,
  resolve: Resolve,
): unknown[] {
  if (change.some((item) => isObject(item) && item['$patch'] === 'replace')) {
    return change.flatMap((item) =>
      isObject(item) && item['$patch'] === 'replace' && Object.keys(item).length === 1
        ? []
        : [cleaned(without(item as JsonObject, '$patch'))],
    );
  }
  const result = [...current];
  for (const item of change) {
    if (!isObject(item) || item[key] === undefined) {
      throw new PatchError(`map: ${goMap(item)} does not contain declared merge key: ${key}`);
    }
    const at = result.findIndex((other) => isObject(other) && jsonEqual(other[key], item[key]));
    if (item['$patch'] === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (at < 0) result.push(mergeMap({}, item, items, resolve));
    else result[at] = mergeMap(result[at] as JsonObject, item, items, resolve);
  }
  return result;
}

function goMap(value: unknown): string {
  if (!isObject(value)) return String(value);
  const members = Object.keys(value).sort();
  return `map[${members.map((key) => `${key}:${goMap(value[key])}`).join(' ')}]`;
}

/** Items in the order that `$setElementOrder` gives; items it does not name stay behind their old neighbour. */
function ordered(list: unknown[], order: unknown, key: string | undefined): unknown[] {
  if (!Array.isArray(order)) return list;
  const rank = (item: unknown): number =>
    order.findIndex((wanted: unknown) =>
      key === undefined
        ? jsonEqual(wanted, item)
        : isObject(wanted) && isObject(item) && jsonEqual(wanted[key], item[key]),
    );
  const named = list.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const result: unknown[] = [];
  for (const item of list) {
    if (rank(item) >= 0) result.push(named.shift());
    else result.push(item);
  }
  return result;
}

/**
 * The order without `$setElementOrder`: items of the patch in its order, other items in theirs; where the old list does
 * not say which of two comes first, the patch's item does.
 */
function inPatchOrder(
  list: readonly unknown[],
  { before, change, key }: { before: unknown[]; change: unknown[]; key: string | undefined },
): unknown[] {
  const same = (a: unknown, b: unknown): boolean =>
    key === undefined ? jsonEqual(a, b) : isObject(a) && isObject(b) && jsonEqual(a[key], b[key]);
  const placeIn = (items: unknown[], item: unknown): number =>
    items.findIndex((other) => same(other, item));
  const patched = list
    .filter((item) => placeIn(change, item) >= 0)
    .sort((a, b) => placeIn(change, a) - placeIn(change, b));
  const kept = list.filter((item) => placeIn(change, item) < 0);
  const result: unknown[] = [];
  while (kept.length > 0 && patched.length > 0) {
    const [left, right] = [placeIn(before, kept[0]), placeIn(before, patched[0])];
    result.push(left >= 0 && right >= 0 && left < right ? kept.shift() : patched.shift());
  }
  return [...result, ...kept, ...patched];
}

function deleteItems(result: JsonObject, name: string, items: unknown, patch: JsonObject): void {
  const list = result[name];
  if (!Array.isArray(list) || !Array.isArray(items)) return;
  const kept = (list as unknown[]).filter(
    (item) => !items.some((gone: unknown) => jsonEqual(gone, item)),
  );
  if (kept.length === 0 && patch[name] === undefined) delete result[name];
  else result[name] = kept;
}

function without(object: JsonObject, key: string): JsonObject {
  const { [key]: _, ...rest } = object;
  return rest;
}

/** A patch's value as content: without nulls and directives. */
function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cleaned);
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    const isDirective = key === '$patch' || key === RETAIN_KEYS || /^\$\w+\//.test(key);
    if (member !== null && !isDirective) setMember(result, key, cleaned(member));
  }
  return result;
}
