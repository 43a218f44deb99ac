/** Access to the generated data: schemas, discovery entries and Table columns of the built-in kinds. */
import kubernetesJson from './data/kubernetes.json' with { type: 'json' };
import type { JsonSchema, TableColumn } from './types.ts';

/** A built-in resource as discovery lists it. */
export interface BuiltinResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Names such as `status`, `scale`, with the kind that the subresource speaks. */
  readonly subresources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly group?: string;
    readonly version?: string;
    readonly verbs: readonly string[];
  }[];
}

/** The generated file. */
export interface KubernetesData {
  readonly attribution: string;
  /** Version of the server that it was taken from, such as `v1.35.4`. */
  readonly kubernetes: string;
  readonly resources: readonly BuiltinResource[];
  /** Table columns by `plural.group`. */
  readonly columns: Readonly<Record<string, readonly TableColumn[]>>;
  readonly schemas: Readonly<Record<string, JsonSchema>>;
}

const data = kubernetesJson as unknown as KubernetesData;
const REFERENCE = '#/components/schemas/';
const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** The generated data, as it is. */
export function kubernetesData(): KubernetesData {
  return data;
}

/** Every built-in resource that has a schema here. */
export function builtinResources(): readonly BuiltinResource[] {
  return data.resources;
}

/** Table columns of a built-in resource, or undefined. */
export function builtinColumns(group: string, plural: string): readonly TableColumn[] | undefined {
  return data.columns[`${plural}.${group}`];
}

const resolved = new Map<JsonSchema, JsonSchema>();

/** Follows references, and marks what the server keeps as it is (raw extensions, JSON values). */
export function resolveBuiltin(schema: JsonSchema): JsonSchema {
  const known = resolved.get(schema);
  if (known !== undefined) return known;
  const only = schema.allOf?.length === 1 ? schema.allOf[0] : undefined;
  const reference = schema.$ref ?? only?.$ref;
  let node = schema;
  if (reference !== undefined) {
    const name = reference.slice(REFERENCE.length);
    const { $ref: _ref, allOf: _allOf, description: _description, ...extensions } = schema;
    node = { ...resolveBuiltin(data.schemas[name] ?? {}), ...extensions };
  } else if (isRaw(schema)) {
    node = {
      ...schema,
      'x-kubernetes-preserve-unknown-fields': true,
      'x-kubernetes-map-type': 'atomic',
    };
  }
  resolved.set(schema, node);
  resolved.set(node, node);
  return node;
}

function isRaw(schema: JsonSchema): boolean {
  return (
    schema.properties === undefined &&
    schema.additionalProperties === undefined &&
    schema.items === undefined &&
    schema.oneOf === undefined &&
    schema.format === undefined &&
    (schema.type === undefined || schema.type === 'object')
  );
}

/** Schema of `metadata`. */
export function metadataSchema(): JsonSchema {
  return resolveBuiltin({ $ref: REFERENCE + OBJECT_META });
}
