/** Whether JSON fits the Go types of the built-in kinds, and Go's sentence when it does not. */
import { isObject } from './json.ts';
import { parseExactQuantity } from './quantity.ts';
import type { JsonSchema } from './types.ts';
import { childSchema, type Resolve } from './validate.ts';

const INT32_MAX = 2 ** 31 - 1;
const QUANTITY_ERROR =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

interface Place {
  /** Name of the innermost Go struct, and the JSON names from the root. */
  readonly struct: string;
  readonly path: readonly string[];
}

/** The first member that Go could not decode, in document order; undefined when everything fits. */
export function goTypeProblem(
  value: unknown,
  schema: JsonSchema,
  resolve: Resolve,
  place: Place = { struct: '', path: [] },
): string | undefined {
  if (value === null) return undefined;
  const node = resolve(schema);
  if (node['x-kubernetes-preserve-unknown-fields'] === true) return undefined;
  if (isQuantity(node)) return quantityProblem(value);
  if (isIntOrString(node)) return undefined;
  const expected = goType(schema, node);
  if (!fits(value, node)) {
    const where =
      place.path.length === 0 ? 'value' : `struct field ${place.struct}.${place.path.join('.')}`;
    return `json: cannot unmarshal ${jsonKind(value, node)} into Go ${where} of type ${expected}`;
  }
  if (Array.isArray(value)) {
    return firstOf(value, (item) => goTypeProblem(item, node.items ?? {}, resolve, place));
  }
  if (!isObject(value)) {
    return node.format === 'byte' ? base64Problem(value as string) : undefined;
  }
  const isMap = node.properties === undefined;
  const struct = isMap ? place.struct : structName(schema);
  return firstOf(Object.keys(value), (key) => {
    const child = childSchema(node, key);
    const inner = isMap ? place : { struct, path: [...place.path, key] };
    return child === undefined ? undefined : goTypeProblem(value[key], child, resolve, inner);
  });
}

function firstOf<T>(
  items: readonly T[],
  check: (item: T) => string | undefined,
): string | undefined {
  for (const item of items) {
    const problem = check(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Quantities are published as a choice of string and number. */
export function isQuantity(node: JsonSchema): boolean {
  return node.oneOf?.some(({ type }) => type === 'number') === true && node.format === undefined;
}

function isIntOrString(node: JsonSchema): boolean {
  return node.format === 'int-or-string';
}

function quantityProblem(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text === 'string' && parseExactQuantity(text) !== undefined) return undefined;
  return QUANTITY_ERROR;
}

function base64Problem(value: string): string | undefined {
  const bad = value.search(/[^A-Za-z0-9+/=\r\n]/);
  if (bad >= 0) return `illegal base64 data at input byte ${bad}`;
  return value.replaceAll(/[\r\n]/g, '').length % 4 === 0
    ? undefined
    : `illegal base64 data at input byte ${value.length - (value.length % 4)}`;
}

function fits(value: unknown, node: JsonSchema): boolean {
  switch (node.type ?? '') {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'number':
      return typeof value === 'number';
    case 'integer':
      return (
        Number.isInteger(value) &&
        (node.format !== 'int32' || Math.abs(value as number) <= INT32_MAX)
      );
    default:
      return true;
  }
}

function jsonKind(value: unknown, node: JsonSchema): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return node.type === 'integer' ? `number ${value}` : 'number';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function referenceName(schema: JsonSchema): string | undefined {
  return (schema.$ref ?? schema.allOf?.[0]?.$ref)?.split('/').at(-1);
}

/** `StatefulSetSpec`, from a reference or from the kind itself. */
function structName(schema: JsonSchema): string {
  return (
    referenceName(schema)?.split('.').at(-1) ??
    schema['x-kubernetes-group-version-kind']?.[0]?.kind ??
    ''
  );
}

function goType(schema: JsonSchema, node: JsonSchema): string {
  switch (node.type ?? '') {
    case 'integer':
      return node.format ?? 'int64';
    case 'boolean':
      return 'bool';
    case 'number':
      return 'float64';
    case 'array':
      return `[]${goType(node.items ?? {}, { ...node.items, ...(referenceName(node.items ?? {}) && { type: 'object' }) })}`;
    case 'object': {
      const name = referenceName(schema);
      if (name !== undefined) return `v1.${name.split('.').at(-1)}`;
      const item = isObject(node.additionalProperties) ? node.additionalProperties : {};
      return `map[string]${goType(item, item)}`;
    }
    default:
      return 'string';
  }
}
