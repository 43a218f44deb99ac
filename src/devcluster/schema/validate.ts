/** Validation of values against OpenAPI schemas, with the order and the wording of the API server. */
import { matchesFormat } from './formats.ts';
import { canonicalJson, isObject, joinPath, jsonEqual, jsonType } from './json.ts';
import type { FieldProblem, JsonSchema } from './types.ts';

export type Resolve = (schema: JsonSchema) => JsonSchema;

/** Problems of `value` at `path` (`spec.ports[0]`, empty at the root). */
export function validateValue(
  value: unknown,
  schema: JsonSchema,
  path: string,
  resolve: Resolve,
): FieldProblem[] {
  const node = resolve(schema);
  if (value === null && node.nullable === true) return [];
  const problems: FieldProblem[] = [
    ...typeProblems(value, node, path),
    ...combinatorProblems(value, node, path, resolve),
  ];
  if (typeof value === 'string') problems.push(...stringProblems(value, node, path));
  if (typeof value === 'number') problems.push(...numberProblems(value, node, path));
  if (Array.isArray(value)) problems.push(...arrayProblems(value, node, path, resolve));
  problems.push(...enumProblems(value, node, path));
  if (isObject(value)) problems.push(...objectProblems(value, node, path, resolve));
  return problems;
}

function typeProblems(value: unknown, node: JsonSchema, path: string): FieldProblem[] {
  const expected =
    node['x-kubernetes-int-or-string'] === true ? ['integer', 'string'] : typesOf(node);
  if (expected.length === 0) return [];
  const actual = jsonType(value);
  if (expected.includes(actual) || (actual === 'integer' && expected.includes('number'))) return [];
  return [
    {
      field: path,
      reason: 'FieldValueTypeInvalid',
      message: `Invalid value: "${actual}": ${path} in body must be of type ${expected.join(',')}: "${actual}"`,
      value,
    },
  ];
}

function typesOf(node: JsonSchema): string[] {
  return node.type === undefined || node.type === '' ? [] : [node.type];
}

function invalid(path: string, value: unknown, sentence: string): FieldProblem {
  return {
    field: path,
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${canonicalJson(value)}: ${path} in body ${sentence}`,
    value,
  };
}

const patterns = new Map<string, RegExp | undefined>();

/** A Go pattern as a JavaScript one; undefined when JavaScript does not know its syntax. */
export function compilePattern(pattern: string): RegExp | undefined {
  if (!patterns.has(pattern)) {
    let compiled: RegExp | undefined;
    for (const flags of ['u', '']) {
      try {
        compiled ??= new RegExp(pattern.replaceAll('\\z', '$').replaceAll('\\A', '^'), flags);
      } catch {
        // Tried again without the u flag, which is stricter than Go about needless escapes.
      }
    }
    patterns.set(pattern, compiled);
  }
  return patterns.get(pattern);
}

function stringProblems(value: string, node: JsonSchema, path: string): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const length = Array.from(value).length;
  if (node.maxLength !== undefined && length > node.maxLength) {
    problems.push({
      field: path,
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${node.maxLength} bytes`,
      value,
    });
  }
  if (node.minLength !== undefined && length < node.minLength) {
    problems.push(invalid(path, value, `should be at least ${node.minLength} chars long`));
  }
  if (node.pattern !== undefined && compilePattern(node.pattern)?.test(value) === false) {
    problems.push(invalid(path, value, `should match '${node.pattern}'`));
  }
  if (node.format !== undefined && !matchesFormat(node.format, value)) {
    problems.push({
      field: path,
      reason: 'FieldValueTypeInvalid',
      message: `Invalid value: ${JSON.stringify(value)}: ${path} in body must be of type ${node.format}: ${JSON.stringify(value)}`,
      value,
    });
  }
  return problems;
}

function numberProblems(value: number, node: JsonSchema, path: string): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const { multipleOf, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = node;
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) {
    problems.push(invalid(path, value, `should be a multiple of ${multipleOf}`));
  }
  if (maximum !== undefined && (exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    const bound = exclusiveMaximum === true ? 'less than' : 'less than or equal to';
    problems.push(invalid(path, value, `should be ${bound} ${maximum}`));
  }
  if (minimum !== undefined && (exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    const bound = exclusiveMinimum === true ? 'greater than' : 'greater than or equal to';
    problems.push(invalid(path, value, `should be ${bound} ${minimum}`));
  }
  return problems;
}

function enumProblems(value: unknown, node: JsonSchema, path: string): FieldProblem[] {
  if (node.enum === undefined || node.enum.some((allowed) => jsonEqual(allowed, value))) return [];
  const supported = node.enum.map((allowed) =>
    JSON.stringify(typeof allowed === 'string' ? allowed : canonicalJson(allowed)),
  );
  return [
    {
      field: path,
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${canonicalJson(value)}: supported values: ${supported.join(', ')}`,
      value,
    },
  ];
}

function tooMany(path: string, count: number, max: number): FieldProblem {
  return {
    field: path,
    reason: 'FieldValueTooMany',
    message: `Too many: ${count}: must have at most ${max} items`,
    value: count,
  };
}

function arrayProblems(
  value: readonly unknown[],
  node: JsonSchema,
  path: string,
  resolve: Resolve,
): FieldProblem[] {
  const { items, minItems, maxItems } = node;
  const problems =
    items === undefined
      ? []
      : value.flatMap((item, i) => validateValue(item, items, `${path}[${i}]`, resolve));
  if (minItems !== undefined && value.length < minItems) {
    problems.push(invalid(path, value.length, `should have at least ${minItems} items`));
  }
  if (maxItems !== undefined && value.length > maxItems) {
    problems.push(tooMany(path, value.length, maxItems));
  }
  return problems;
}

function objectProblems(
  value: Record<string, unknown>,
  node: JsonSchema,
  path: string,
  resolve: Resolve,
): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const keys = Object.keys(value);
  const { minProperties, maxProperties, additionalProperties, properties = {} } = node;
  if (minProperties !== undefined && keys.length < minProperties) {
    problems.push(invalid(path, keys.length, `should have at least ${minProperties} properties`));
  }
  if (maxProperties !== undefined && keys.length > maxProperties) {
    problems.push(tooMany(path, keys.length, maxProperties));
  }
  for (const key of keys.sort()) {
    if (Object.hasOwn(properties, key) || !isObject(additionalProperties)) continue;
    problems.push(...validateValue(value[key], additionalProperties, joinPath(path, key), resolve));
  }
  for (const [key, property] of Object.entries(properties)) {
    if (value[key] === undefined) continue;
    problems.push(...validateValue(value[key], property, joinPath(path, key), resolve));
  }
  for (const key of node.required ?? []) {
    if (value[key] !== undefined) continue;
    problems.push({
      field: joinPath(path, key),
      reason: 'FieldValueRequired',
      message: 'Required value',
    });
  }
  return problems;
}

/** anyOf, oneOf, allOf and not: the server names no field, and adds the problems of the nearest alternative. */
function combinatorProblems(
  value: unknown,
  node: JsonSchema,
  path: string,
  resolve: Resolve,
): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const fail = (sentence: string): number =>
    problems.push({
      field: '<nil>',
      reason: 'FieldValueInvalid',
      message: `Invalid value: "": "${path}" must ${sentence}`,
      value: '',
    });
  const tryAll = (schemas: JsonSchema[]): FieldProblem[][] =>
    schemas.map((schema) => validateValue(value, schema, path, resolve));
  if (node.anyOf !== undefined) {
    const results = tryAll(node.anyOf);
    if (!results.some((result) => result.length === 0)) {
      fail('validate at least one schema (anyOf)');
      problems.push(...(results[0] ?? []));
    }
  }
  if (node.oneOf !== undefined) {
    const results = tryAll(node.oneOf);
    const valid = results.filter((result) => result.length === 0).length;
    if (valid !== 1) {
      const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
      fail(`validate one and only one schema (oneOf). ${found}`);
      if (valid === 0) problems.push(...(results[0] ?? []));
    }
  }
  if (node.allOf !== undefined) {
    const results = tryAll(node.allOf);
    const valid = results.filter((result) => result.length === 0).length;
    problems.push(...results.flat());
    if (valid < node.allOf.length) {
      fail(`validate all the schemas (allOf)${valid === 0 ? '. None validated' : ''}`);
    }
  }
  if (node.not !== undefined && validateValue(value, node.not, path, resolve).length === 0) {
    fail('not validate the schema (not)');
  }
  return problems;
}

/** Duplicates in lists that the schema declares to be sets or maps. */
export function listTypeProblems(
  value: unknown,
  schema: JsonSchema,
  path: string,
  resolve: Resolve,
): FieldProblem[] {
  const node = resolve(schema);
  if (Array.isArray(value)) {
    const { items } = node;
    const inner =
      items === undefined
        ? []
        : value.flatMap((item, i) => listTypeProblems(item, items, `${path}[${i}]`, resolve));
    return [...duplicateProblems(value, node, path), ...inner];
  }
  if (!isObject(value)) return [];
  return Object.keys(value)
    .sort()
    .flatMap((key) => {
      const child = childSchema(node, key);
      return child === undefined
        ? []
        : listTypeProblems(value[key], child, joinPath(path, key), resolve);
    });
}

/** The schema of a member: its property, or additionalProperties. */
export function childSchema(node: JsonSchema, key: string): JsonSchema | undefined {
  if (node.properties !== undefined && Object.hasOwn(node.properties, key)) {
    return node.properties[key];
  }
  return isObject(node.additionalProperties) ? node.additionalProperties : undefined;
}

function duplicateProblems(
  value: readonly unknown[],
  node: JsonSchema,
  path: string,
): FieldProblem[] {
  const listType = node['x-kubernetes-list-type'];
  if (listType !== 'set' && listType !== 'map') return [];
  const keys = node['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Set<string>();
  const problems: FieldProblem[] = [];
  for (const [i, item] of value.entries()) {
    if (listType === 'map' && !isObject(item)) continue;
    const identity = canonicalJson(
      listType === 'set'
        ? item
        : Object.fromEntries(
            keys
              .map((key) => [key, (item as Record<string, unknown>)[key]])
              .filter(([, member]) => member !== undefined),
          ),
    );
    if (seen.has(identity)) {
      problems.push({
        field: `${path}[${i}]`,
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: ${identity}`,
        value: item,
      });
    }
    seen.add(identity);
  }
  return problems;
}
