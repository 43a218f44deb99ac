/** What can be said about a rule before it runs: its syntax, its variables, and the fields of self that it names. */
import type { ASTNode } from '@marcbachmann/cel-js';
import { compileExpression, escapeName } from './cel.ts';
import { isObject } from './json.ts';
import type { JsonSchema } from './types.ts';

/** The sentence of the server's refusal, or undefined when the expression may be evaluated on values of `schema`. */
export function expressionProblem(
  source: string,
  schema: JsonSchema,
  expected: { readonly type: 'bool' | 'string'; readonly isOldOptional: boolean },
): string | undefined {
  const compiled = compileExpression(source, expected.isOldOptional);
  const wanted = expected.type;
  if (!compiled.ok) return `compilation failed: ERROR: <input>:1:1: ${compiled.error}`;
  const { type, ast } = compiled.value;
  if (type !== 'dyn' && type !== wanted) return `cel expression must evaluate to a ${wanted}`;
  const { missing, result } = checkFields(ast, schema);
  if (missing !== undefined) {
    return `compilation failed: ERROR: <input>:1:1: undefined field '${missing}'`;
  }
  const celType = result === undefined ? undefined : (CEL_TYPES[result.type ?? ''] ?? undefined);
  return celType === undefined || celType === wanted
    ? undefined
    : `cel expression must evaluate to a ${wanted}`;
}

const CEL_TYPES: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'bool',
  integer: 'int',
  number: 'double',
  array: 'list',
  object: 'object',
};

interface FieldCheck {
  /** A field that the schema does not declare. */
  readonly missing: string | undefined;
  /** Schema of the result when the whole expression is a selection. */
  readonly result: JsonSchema | undefined;
}

function checkFields(node: ASTNode, schema: JsonSchema): FieldCheck {
  let missing: string | undefined;
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (isNode(value)) {
      schemaOf(value);
      visit(value.args);
    }
  };
  /** Schema of what a chain of selections on self gives; undefined: not known. */
  const schemaOf = (value: ASTNode): JsonSchema | undefined => {
    if (value.op === 'id')
      return value.args === 'self' || value.args === 'oldSelf' ? schema : undefined;
    if (value.op !== '.' && value.op !== '.?') return undefined;
    const [receiver, name] = value.args;
    const owner = schemaOf(receiver);
    if (owner === undefined) return undefined;
    return memberSchema(owner, name);
  };
  const memberSchema = (owner: JsonSchema, name: string): JsonSchema | undefined => {
    if (isObject(owner.additionalProperties)) return owner.additionalProperties;
    const isRoot = owner === schema && ['apiVersion', 'kind', 'metadata'].includes(name);
    if (isRoot || owner.type !== 'object' || owner['x-kubernetes-embedded-resource'] === true) {
      return undefined;
    }
    const key = Object.keys(owner.properties ?? {}).find((own) => escapeName(own) === name);
    if (key === undefined) missing ??= name;
    return key === undefined ? undefined : owner.properties?.[key];
  };
  visit(node);
  return { missing, result: schemaOf(node) };
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}
