/** CEL rules of a schema: found and compiled once, run over a value and its predecessor. */
import { err, ok, type Result } from '../../std/index.ts';
import { compileExpression, optionalOf, toCel, type Expression } from './cel.ts';
import { canonicalJson, isObject, joinPath, jsonType } from './json.ts';
import type {
  FieldProblem,
  FieldProblemReason,
  JsonObject,
  JsonSchema,
  ValidationRule,
} from './types.ts';
import { childSchema, type Resolve } from './validate.ts';

/** A rule with its programs. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: Expression;
  readonly message?: Expression;
  /** True for rules that mention oldSelf: they run only when there is an old value (or optionalOldSelf). */
  readonly isTransition: boolean;
}

export type CompiledRules = WeakMap<JsonSchema, readonly CompiledRule[]>;

const TRANSITION = /\boldSelf\b/;

/** Compiles the rule, or says why not (the part after `compilation failed: `). */
export function compileRule(rule: ValidationRule): Result<CompiledRule, string> {
  const program = compileExpression(rule.rule, rule.optionalOldSelf);
  if (!program.ok) return err(program.error);
  const message =
    rule.messageExpression === undefined
      ? undefined
      : compileExpression(rule.messageExpression, rule.optionalOldSelf);
  if (message !== undefined && !message.ok) return err(message.error);
  return ok({
    rule,
    program: program.value.evaluate,
    ...(message !== undefined && { message: message.value.evaluate }),
    isTransition: TRANSITION.test(rule.rule),
  });
}

/** True when the schema has a rule anywhere. */
export function hasRules(schema: JsonSchema): boolean {
  const children = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.items === undefined ? [] : [schema.items]),
    ...(isObject(schema.additionalProperties) ? [schema.additionalProperties] : []),
  ];
  return (schema['x-kubernetes-validations']?.length ?? 0) > 0 || children.some(hasRules);
}

interface Walk {
  readonly resolve: Resolve;
  readonly compiled: CompiledRules;
}

/** Problems that the rules find in `value`; `old` is undefined at create. */
export function ruleProblems(
  value: unknown,
  old: unknown,
  schema: JsonSchema,
  path: string,
  walk: Walk,
): FieldProblem[] {
  const node = walk.resolve(schema);
  if (value === null || value === undefined) return [];
  const own = (node['x-kubernetes-validations'] ?? []).flatMap((rule, i) => {
    const compiled = rulesOf(node, walk.compiled)[i];
    return compiled === undefined ? [] : oneRule(compiled, rule, { value, old, node, path, walk });
  });
  return [...own, ...childProblems(value, old, node, path, walk)];
}

function rulesOf(node: JsonSchema, cache: CompiledRules): readonly CompiledRule[] {
  let compiled = cache.get(node);
  if (compiled === undefined) {
    compiled = (node['x-kubernetes-validations'] ?? []).map((rule) => {
      const result = compileRule(rule);
      // A rule that does not compile is refused with its CRD; one that comes here anyway fails every object.
      return result.ok
        ? result.value
        : { rule, program: () => err(result.error), isTransition: false };
    });
    cache.set(node, compiled);
  }
  return compiled;
}

function childProblems(
  value: unknown,
  old: unknown,
  node: JsonSchema,
  path: string,
  walk: Walk,
): FieldProblem[] {
  const { items } = node;
  if (Array.isArray(value) && items !== undefined) {
    const oldItems = Array.isArray(old) ? (old as unknown[]) : [];
    return value.flatMap((item: unknown, i) =>
      ruleProblems(item, correlated(item, oldItems, node), items, `${path}[${i}]`, walk),
    );
  }
  if (!isObject(value)) return [];
  const names = [...Object.keys(node.properties ?? {}), ...Object.keys(value).sort()];
  return [...new Set(names)].flatMap((key) => {
    const child = childSchema(node, key);
    if (child === undefined || value[key] === undefined) return [];
    const oldMember = isObject(old) ? old[key] : undefined;
    // A member that the schema does not name is a key of a map.
    const isDeclared = Object.hasOwn(node.properties ?? {}, key);
    const inner = isDeclared ? joinPath(path, key) : `${path}[${key}]`;
    return ruleProblems(value[key], oldMember, child, inner, walk);
  });
}

/** The old item that is the same one by the keys of a list-map; items of other lists have no old self. */
function correlated(item: unknown, oldItems: readonly unknown[], node: JsonSchema): unknown {
  const keys = node['x-kubernetes-list-map-keys'];
  if (node['x-kubernetes-list-type'] !== 'map' || keys === undefined || !isObject(item)) {
    return undefined;
  }
  return oldItems.find(
    (old) =>
      isObject(old) && keys.every((key) => canonicalJson(old[key]) === canonicalJson(item[key])),
  );
}

interface RuleInput {
  readonly value: unknown;
  readonly old: unknown;
  readonly node: JsonSchema;
  readonly path: string;
  readonly walk: Walk;
}

function oneRule(compiled: CompiledRule, rule: ValidationRule, input: RuleInput): FieldProblem[] {
  const { node, path, walk } = input;
  const optionalOld = rule.optionalOldSelf === true;
  if (compiled.isTransition && input.old === undefined && !optionalOld) return [];
  const self = toCel(path === '' ? rootOf(input.value) : input.value, node, walk.resolve);
  const oldSelf = oldValue(input, optionalOld);
  const result = compiled.program({ self, oldSelf });
  const field = ruleField(path, rule.fieldPath);
  const described = rule.message?.trim() ?? rule.rule.trim();
  if (!result.ok) {
    return [
      {
        field: path === '' ? '<nil>' : path,
        reason: 'FieldValueInvalid',
        message: `Invalid value: "${schemaType(node, input.value)}": ${result.error} evaluating rule: ${described}`,
      },
    ];
  }
  if (result.value === true) return [];
  const expressed = compiled.message?.({ self, oldSelf });
  const isMessage =
    expressed?.ok === true && typeof expressed.value === 'string' && expressed.value.trim() !== '';
  const message = isMessage
    ? expressed.value.trim()
    : (rule.message?.trim() ?? `failed rule: ${rule.rule.trim()}`);
  return [{ field, ...worded(rule.reason, shownValue(input) + message, message) }];
}

/** At the root a rule sees apiVersion, kind, and of metadata only the names. */
function rootOf(value: unknown): unknown {
  if (!isObject(value) || !isObject(value['metadata'])) return value;
  const { name, generateName } = value['metadata'];
  const metadata: JsonObject = {};
  if (name !== undefined) metadata['name'] = name;
  if (generateName !== undefined) metadata['generateName'] = generateName;
  return { ...value, metadata };
}

function oldValue({ old, node, path, walk }: RuleInput, isOptional: boolean): unknown {
  const converted =
    old === undefined ? undefined : toCel(path === '' ? rootOf(old) : old, node, walk.resolve);
  return isOptional ? optionalOf(converted) : converted;
}

function ruleField(path: string, fieldPath: string | undefined): string {
  const suffix = (fieldPath ?? '').replaceAll(/\['([^']*)'\]/g, '[$1]').replace(/^\./, '');
  const field =
    suffix === '' ? path : suffix.startsWith('[') ? path + suffix : joinPath(path, suffix);
  return field === '' ? '<nil>' : field;
}

function schemaType(node: JsonSchema, value: unknown): string {
  return node.type ?? jsonType(value);
}

/** A scalar stands in the sentence, anything larger does not. */
function shownValue({ node, value }: RuleInput): string {
  const type = schemaType(node, value);
  return type === 'object' || type === 'array' ? '' : `${JSON.stringify(value)}: `;
}

/** `shown` is the message with the value before it, for the reasons that print one. */
function worded(
  reason: string | undefined,
  shown: string,
  message: string,
): { reason: FieldProblemReason; message: string } {
  switch (reason ?? '') {
    case 'FieldValueRequired':
      return { reason: 'FieldValueRequired', message: `Required value: ${message}` };
    case 'FieldValueForbidden':
      return { reason: 'FieldValueForbidden', message: `Forbidden: ${message}` };
    case 'FieldValueDuplicate':
      return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${shown}` };
    default:
      return { reason: 'FieldValueInvalid', message: `Invalid value: ${shown}` };
  }
}
