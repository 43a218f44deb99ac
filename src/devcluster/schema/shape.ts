/** How a schema node takes part in merging and ownership: as a leaf, a list of some kind, or a map. */
import { ok, err, type Result } from '../../std/index.ts';
import { canonicalJson, isObject } from './json.ts';
import type { JsonSchema } from './types.ts';
import { childSchema, type Resolve } from './validate.ts';

export type Shape =
  | { readonly kind: 'leaf' }
  | {
      readonly kind: 'list';
      /** Names of the key members of a list-map; none for a set. */
      readonly keys?: readonly string[];
      readonly items: JsonSchema;
    }
  | {
      readonly kind: 'map';
      /** Schema of a member; undefined: not declared. */
      readonly member: (key: string) => JsonSchema | undefined;
      /** True for members that are declared by name (not entries of a map). */
      readonly isField: (key: string) => boolean;
    };

/** Nothing is known: objects merge member by member, lists are replaced whole. */
export const DEDUCED: JsonSchema = { 'x-kubernetes-preserve-unknown-fields': true };

const LEAF: Shape = { kind: 'leaf' };

/** The shape of `schema` for a value that is there; a null or absent value takes the shape the schema says. */
export function shapeOf(schema: JsonSchema, value: unknown, resolve: Resolve): Shape {
  const node = resolve(schema);
  if (node.type === 'array') return Array.isArray(value) || value == null ? listShape(node) : LEAF;
  if (node.type === 'object' || node.properties !== undefined || isFree(node)) {
    return isObject(value) || (value == null && !isFree(node)) ? mapShape(node) : LEAF;
  }
  return LEAF;
}

function isFree(node: JsonSchema): boolean {
  return node['x-kubernetes-preserve-unknown-fields'] === true;
}

function listShape(node: JsonSchema): Shape {
  const items = node.items ?? DEDUCED;
  switch (node['x-kubernetes-list-type'] ?? '') {
    case 'map':
      return { kind: 'list', keys: node['x-kubernetes-list-map-keys'] ?? [], items };
    case 'set':
      return { kind: 'list', items };
    default:
      return LEAF;
  }
}

const METADATA_OF_EMBEDDED = new Set(['apiVersion', 'kind', 'metadata']);

function mapShape(node: JsonSchema): Shape {
  if (node['x-kubernetes-map-type'] === 'atomic') return LEAF;
  const isEmbedded = node['x-kubernetes-embedded-resource'] === true;
  return {
    kind: 'map',
    member: (key) =>
      childSchema(node, key) ??
      (isFree(node) || node.additionalProperties === true ? DEDUCED : undefined),
    isField: (key) =>
      (node.properties !== undefined && Object.hasOwn(node.properties, key)) ||
      (isEmbedded && METADATA_OF_EMBEDDED.has(key)),
  };
}

/** The path element of a list item, or why it has none. */
export function itemElement(
  shape: Shape & { kind: 'list' },
  item: unknown,
  resolve: Resolve,
): Result<string, string> {
  if (shape.keys === undefined) {
    return item === null || typeof item === 'object'
      ? err('invalid type: set elements must be scalars')
      : ok(`v:${JSON.stringify(item)}`);
  }
  if (!isObject(item)) {
    return err('associative list with keys may not have non-map elements');
  }
  const properties = resolve(shape.items).properties ?? {};
  const keys: Record<string, unknown> = {};
  for (const key of shape.keys) {
    const value = item[key] ?? resolve(properties[key] ?? {}).default;
    if (value !== undefined) keys[key] = value;
  }
  if (Object.keys(keys).length === 0) {
    const names = shape.keys.map((key) => JSON.stringify(key)).join(' ');
    return err(
      `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
    );
  }
  return ok(`k:${canonicalJson(keys)}`);
}
