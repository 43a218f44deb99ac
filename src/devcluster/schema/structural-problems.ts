/** What makes the schema of a custom resource not structural, or its defaults and rules wrong. */
import { expressionProblem } from './cel-check.ts';
import { canonicalJson, isObject } from './json.ts';
import { pruneValue } from './prune.ts';
import type { FieldProblem, FieldProblemReason, JsonSchema, ValidationRule } from './types.ts';
import { compilePattern, validateValue } from './validate.ts';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const REASONS = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
];

/** Members that only the structure itself may have, not the alternatives of anyOf, oneOf, allOf and not. */
const STRUCTURE_ONLY = [
  'type',
  'default',
  'additionalProperties',
  'nullable',
  'description',
  'title',
] as const;

interface Found {
  readonly problems: FieldProblem[];
  /** Path of the list around this place whose items have no identity; transition rules cannot be inside. */
  readonly uncorrelated?: string;
}

function add(found: Found, field: string, reason: FieldProblemReason, message: string): void {
  found.problems.push({ field, reason, message });
}

function required(found: Found, field: string, detail: string): void {
  add(found, field, 'FieldValueRequired', `Required value: ${detail}`);
}

function forbidden(found: Found, field: string, detail: string): void {
  add(found, field, 'FieldValueForbidden', `Forbidden: ${detail}`);
}

function invalid(found: Found, field: string, value: unknown, detail: string): void {
  const text = value === undefined ? 'null' : canonicalJson(value);
  add(found, field, 'FieldValueInvalid', `Invalid value: ${text}: ${detail}`);
}

function unsupported(found: Found, field: string, value: string, allowed: readonly string[]): void {
  const list = allowed.map((name) => JSON.stringify(name)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`;
  add(found, field, 'FieldValueNotSupported', message);
}

/** Problems of the schema of one version; `path` names it in the definition. */
export function schemaProblems(schema: JsonSchema, path: string): FieldProblem[] {
  const found: Found = { problems: [] };
  if (schema.type === undefined) required(found, `${path}.type`, 'must not be empty at the root');
  else if (schema.type !== 'object') {
    invalid(found, `${path}.type`, schema.type, 'must be object at the root');
  }
  const metadata = schema.properties?.['metadata'];
  const allowed = new Set(['name', 'generateName']);
  if (Object.keys(metadata?.properties ?? {}).some((name) => !allowed.has(name))) {
    const detail =
      'must not specify anything other than name and generateName, but metadata is implicitly specified';
    forbidden(found, `${path}.properties[metadata]`, detail);
  }
  visit(schema, path, found, 'root');
  return found.problems;
}

type Role = 'root' | 'field' | 'item' | 'map';

function visit(schema: JsonSchema, path: string, found: Found, role: Role): void {
  typeProblems(schema, path, found, role);
  shapeProblems(schema, path, found);
  if (schema.pattern !== undefined && compilePattern(schema.pattern) === undefined) {
    const detail = `must be a valid regular expression, but isn't: error parsing regexp: ${schema.pattern}`;
    invalid(found, `${path}.pattern`, schema.pattern, detail);
  }
  defaultProblems(schema, path, found);
  for (const [i, rule] of (schema['x-kubernetes-validations'] ?? []).entries()) {
    ruleProblems(rule, schema, `${path}.x-kubernetes-validations[${i}]`, found);
  }
  for (const key of ['anyOf', 'oneOf', 'allOf'] as const) {
    for (const [i, inner] of (schema[key] ?? []).entries()) {
      alternativeProblems(inner, schema, `${path}.${key}[${i}]`, found);
    }
  }
  if (schema.not !== undefined) alternativeProblems(schema.not, schema, `${path}.not`, found);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isMetadata = role === 'root' && name === 'metadata';
    if (!isMetadata) visit(property, `${path}.properties[${name}]`, found, 'field');
  }
  if (schema.items !== undefined) {
    const inner =
      schema['x-kubernetes-list-type'] === 'map' || found.uncorrelated !== undefined
        ? found
        : { ...found, uncorrelated: path };
    visit(schema.items, `${path}.items`, inner, 'item');
  }
  if (isObject(schema.additionalProperties)) {
    visit(schema.additionalProperties, `${path}.additionalProperties`, found, 'map');
  }
}

function typeProblems(schema: JsonSchema, path: string, found: Found, role: Role): void {
  const { type } = schema;
  const isFree =
    schema['x-kubernetes-int-or-string'] === true ||
    schema['x-kubernetes-preserve-unknown-fields'] === true ||
    schema['x-kubernetes-embedded-resource'] === true;
  if (schema.$ref !== undefined) forbidden(found, `${path}.$ref`, '$ref is not supported');
  else if (type === undefined || type === '') {
    if (role === 'root' || isFree) return;
    const what = role === 'item' ? 'array items' : 'object fields';
    required(found, `${path}.type`, `must not be empty for specified ${what}`);
  } else if (!TYPES.includes(type)) unsupported(found, `${path}.type`, type, TYPES);
}

function shapeProblems(schema: JsonSchema, path: string, found: Found): void {
  if (schema.type === 'array' && schema.items === undefined) {
    required(found, `${path}.items`, 'must be specified');
  }
  if (schema.properties !== undefined && schema.additionalProperties !== undefined) {
    const detail = 'additionalProperties and properties are mutual exclusive';
    forbidden(found, `${path}.additionalProperties`, detail);
  }
  if (schema.uniqueItems === true) {
    const detail =
      'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    forbidden(found, `${path}.uniqueItems`, detail);
  }
  listProblems(schema, path, found);
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined && mapType !== 'atomic' && mapType !== 'granular') {
    unsupported(found, `${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']);
  }
  if (schema['x-kubernetes-embedded-resource'] !== true) return;
  if (
    Object.keys(schema.properties ?? {}).length === 0 &&
    schema['x-kubernetes-preserve-unknown-fields'] !== true
  ) {
    const detail =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    required(found, `${path}.properties`, detail);
  }
  if (schema.type === undefined) {
    required(found, `${path}.type`, 'must be object if x-kubernetes-embedded-resource is true');
  }
}

function listProblems(schema: JsonSchema, path: string, found: Found): void {
  const listType = schema['x-kubernetes-list-type'];
  if (listType === undefined) return;
  if (!['atomic', 'set', 'map'].includes(listType)) {
    unsupported(found, `${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']);
    return;
  }
  if (schema.type !== 'array') {
    invalid(
      found,
      `${path}.type`,
      schema.type,
      'must be array if x-kubernetes-list-type is specified',
    );
    return;
  }
  const items = schema.items ?? {};
  if (
    listType === 'set' &&
    items.type === 'object' &&
    items['x-kubernetes-map-type'] !== 'atomic'
  ) {
    invalid(
      found,
      `${path}.items.x-kubernetes-map-type`,
      items['x-kubernetes-map-type'],
      'must be atomic as item of a list with x-kubernetes-list-type=set',
    );
  }
  if (listType === 'map') listMapProblems(schema, items, path, found);
}

function listMapProblems(schema: JsonSchema, items: JsonSchema, path: string, found: Found): void {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  if (items.type !== 'object') {
    const detail = "must be object if parent array's x-kubernetes-list-type is map";
    invalid(found, `${path}.items.type`, items.type, detail);
    return;
  }
  if (keys.length === 0) {
    required(found, keysPath, 'must not be empty if x-kubernetes-list-type is map');
    return;
  }
  if (keys.some((key) => items.properties?.[key] === undefined)) {
    invalid(found, keysPath, keys, 'entries must all be names of item properties');
    return;
  }
  for (const key of keys) {
    const hasDefault = items.properties?.[key]?.default !== undefined;
    if (hasDefault || items.required?.includes(key) === true) continue;
    required(
      found,
      `${path}.items.properties[${key}].default`,
      'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
    );
  }
}

function defaultProblems(schema: JsonSchema, path: string, found: Found): void {
  if (schema.default === undefined) return;
  const resolve = (node: JsonSchema): JsonSchema => node;
  const unknownFields: string[] = [];
  pruneValue(schema.default, schema, '', { resolve, unknownFields });
  if (unknownFields.length > 0) {
    invalid(found, `${path}.default`, schema.default, 'must not have unknown fields');
    return;
  }
  for (const problem of validateValue(schema.default, schema, '', resolve)) {
    const suffix = problem.field === '' ? '' : `.${problem.field}`;
    found.problems.push({ ...problem, field: `${path}.default${suffix}` });
  }
}

function ruleProblems(rule: ValidationRule, schema: JsonSchema, path: string, found: Found): void {
  const source = rule.rule.trim();
  const isOldOptional = rule.optionalOldSelf === true;
  if (source === '') {
    required(found, `${path}.rule`, 'rule is not specified');
    return;
  }
  if (source.includes('\n') && !rule.message) {
    required(found, `${path}.message`, 'message must be specified if rule contains line breaks');
  }
  if (rule.reason !== undefined && !REASONS.includes(rule.reason)) {
    unsupported(found, `${path}.reason`, rule.reason, REASONS);
  }
  if (rule.fieldPath !== undefined && !isFieldPath(rule.fieldPath, schema)) {
    invalid(found, `${path}.fieldPath`, rule.fieldPath, 'must be a valid path');
  }
  if (rule.optionalOldSelf !== undefined && !/\boldSelf\b/.test(source)) {
    invalid(
      found,
      `${path}.optionalOldSelf`,
      rule.optionalOldSelf,
      'may not be set if oldSelf is not used in rule',
    );
  }
  if (found.uncorrelated !== undefined && /\boldSelf\b/.test(source)) {
    const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${found.uncorrelated}`;
    invalid(found, `${path}.rule`, rule.rule, detail);
  }
  const problem = expressionProblem(rule.rule, schema, { type: 'bool', isOldOptional });
  if (problem !== undefined) invalidRule(found, `${path}.rule`, rule, problem);
  if (rule.messageExpression === undefined) return;
  const message = expressionProblem(rule.messageExpression, schema, {
    type: 'string',
    isOldOptional,
  });
  if (message !== undefined) invalidRule(found, `${path}.messageExpression`, rule, message);
}

/** The value of such a problem is the whole rule, as Go prints it. */
function invalidRule(found: Found, field: string, rule: ValidationRule, detail: string): void {
  const text = JSON.stringify({
    Rule: rule.rule,
    Message: rule.message ?? '',
    MessageExpression: rule.messageExpression ?? '',
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? '',
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  });
  const escaped = text.replaceAll(
    /[<>&]/g,
    (sign) => `\\u00${(sign.codePointAt(0) as number).toString(16)}`,
  );
  add(found, field, 'FieldValueInvalid', `Invalid value: ${escaped}: ${detail}`);
}

function isFieldPath(path: string, schema: JsonSchema): boolean {
  const parts = [...path.matchAll(/\.([A-Za-z_][\w-]*)|\['([^']*)'\]/g)];
  if (parts.map(([text]) => text).join('') !== path) return false;
  let node: JsonSchema | undefined = schema;
  for (const [, dotted, quoted] of parts) {
    const name: string = dotted ?? quoted ?? '';
    node =
      node?.properties?.[name] ??
      (isObject(node?.additionalProperties) ? node.additionalProperties : undefined);
    if (node === undefined) return false;
  }
  return true;
}

function alternativeProblems(
  schema: JsonSchema,
  _parent: JsonSchema,
  path: string,
  found: Found,
): void {
  const isIntOrString = _parent['x-kubernetes-int-or-string'] === true;
  for (const key of STRUCTURE_ONLY) {
    if (schema[key] === undefined || (key === 'type' && isIntOrString)) continue;
    forbidden(found, `${path}.${key}`, 'must be empty to be structural');
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    alternativeProblems(property, schema, `${path}.properties[${name}]`, found);
  }
  if (schema.items !== undefined) alternativeProblems(schema.items, schema, `${path}.items`, found);
}
