/** Pruning: removing the fields that a schema does not know, and saying which they were. */
import { isObject, joinPath, setMember } from './json.ts';
import type { JsonObject, JsonSchema } from './types.ts';
import type { Resolve } from './validate.ts';

export interface PruneOptions {
  readonly resolve: Resolve;
  /** Schema of the `metadata` of the object itself and of embedded resources. */
  readonly metadata?: JsonSchema;
  /** True at the root of an object: apiVersion, kind and metadata are known without being declared. */
  readonly isResourceRoot?: boolean;
  /** Names of members match whatever their case is (never: Kubernetes compares exactly). */
  readonly unknownFields: string[];
}

/** A copy of `value` without unknown fields; their paths are appended to `options.unknownFields`. */
export function pruneValue(
  value: unknown,
  schema: JsonSchema,
  path: string,
  options: PruneOptions,
): unknown {
  const node = options.resolve(schema);
  const inner = options.isResourceRoot === true ? { ...options, isResourceRoot: false } : options;
  if (Array.isArray(value)) {
    const items = node.items;
    if (items === undefined) return value;
    return value.map((item, i) => pruneValue(item, items, `${path}[${i}]`, inner));
  }
  if (!isObject(value) || isFree(node)) return value;
  const isResource =
    options.isResourceRoot === true || node['x-kubernetes-embedded-resource'] === true;
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    const child = knownMember(node, key, isResource, options);
    if (child === undefined) inner.unknownFields.push(joinPath(path, key));
    else setMember(result, key, pruneValue(member, child, joinPath(path, key), inner));
  }
  return result;
}

/** An object of which the schema says nothing: every member is kept. */
function isFree(node: JsonSchema): boolean {
  return (
    node.properties === undefined &&
    node.additionalProperties === undefined &&
    node['x-kubernetes-embedded-resource'] !== true &&
    node['x-kubernetes-preserve-unknown-fields'] === true
  );
}

const ANYTHING: JsonSchema = { 'x-kubernetes-preserve-unknown-fields': true };

function knownMember(
  node: JsonSchema,
  key: string,
  isResource: boolean,
  options: PruneOptions,
): JsonSchema | undefined {
  if (isResource && key === 'metadata') return options.metadata ?? ANYTHING;
  if (node.properties !== undefined && Object.hasOwn(node.properties, key)) {
    return node.properties[key];
  }
  if (isResource && (key === 'apiVersion' || key === 'kind')) return ANYTHING;
  if (isObject(node.additionalProperties)) return node.additionalProperties;
  const keepsRest =
    node.additionalProperties === true || node['x-kubernetes-preserve-unknown-fields'] === true;
  return keepsRest ? ANYTHING : undefined;
}
