/** CEL expressions of `x-kubernetes-validations`: compiled once, evaluated on values converted by their schema. */
import { Environment, Optional, type ASTNode, type ParseResult } from '@marcbachmann/cel-js';
import { assert, err, ok, type Result } from '../../std/index.ts';
import { registerKubernetesLibrary } from './cel-library.ts';
import { isObject } from './json.ts';
import type { JsonSchema } from './types.ts';
import { childSchema, type Resolve } from './validate.ts';

const environments = new Map<string, Environment>();

/** Built at first use: registering the library takes longer than everything else that importing this folder does. */
function kubernetesEnvironment(oldSelf: 'dyn' | 'optional'): Environment {
  const known = environments.get(oldSelf);
  if (known !== undefined) return known;
  const environment = new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
  })
    .registerVariable('self', 'dyn')
    .registerVariable('oldSelf', oldSelf);
  registerKubernetesLibrary(environment);
  environments.set(oldSelf, environment);
  return environment;
}

/** Evaluates to a JavaScript value, or to the sentence that says why it could not. */
export type Expression = (values: { self: unknown; oldSelf?: unknown }) => Result<unknown, string>;

/** An expression that has passed the checks of the language. */
export interface CompiledExpression {
  readonly evaluate: Expression;
  /** Type of its result (`bool`, `string`, `dyn`, …). */
  readonly type: string;
  readonly ast: ASTNode;
}

/**
 * Compiles an expression; the error says what is wrong with its syntax or its types. With `isOldOptional`, oldSelf is an
 * optional value (`optionalOldSelf`).
 */
export function compileExpression(
  source: string,
  isOldOptional = false,
): Result<CompiledExpression, string> {
  let program: ParseResult;
  try {
    program = kubernetesEnvironment(isOldOptional ? 'optional' : 'dyn').parse(source);
  } catch (error) {
    return err(`Syntax error: ${summary(error)}`);
  }
  const checked = program.check();
  if (!checked.valid) return err(typeSentence(summary(checked.error)));
  const evaluate: Expression = (values) => {
    try {
      return ok(program(values));
    } catch (error) {
      return err(evaluationSentence(error));
    }
  };
  return ok({ evaluate, type: checked.type ?? 'dyn', ast: program.ast });
}

function typeSentence(text: string): string {
  const unknown = /^Unknown variable: (.*)$/.exec(text);
  return unknown === null ? text : `undeclared reference to '${unknown[1]}' (in container '')`;
}

function summary(error: unknown): string {
  const { summary: text, message } = error as { summary?: string; message: string };
  return text ?? message;
}

/** The library's sentence, in the words of the API server where they are known. */
function evaluationSentence(error: unknown): string {
  const text = summary(error);
  const bounds = /index out of bounds, index (-?\d+)/.exec(text);
  if (bounds !== null) return `index out of bounds: ${bounds[1]}`;
  if (text.startsWith('No such key: ')) return `no such key: ${text.slice(13)}`;
  if (/^(invalid duration|Invalid duration)/.test(text)) {
    return "type conversion error from 'string' to 'google.protobuf.Duration'";
  }
  if (/^no such overload|^found no matching overload/.test(text)) return 'no such overload';
  return text;
}

/** The library does not export its Duration: an expression makes one. Text that is no duration stays text. */
function toDuration(text: string): unknown {
  const made = compiled('duration(self)')({ self: text });
  return made.ok ? made.value : text;
}

const programs = new Map<string, Expression>();

function compiled(source: string): Expression {
  const known = programs.get(source);
  if (known !== undefined) return known;
  const result = compileExpression(source);
  assert(result.ok, `expression of ours does not compile: ${source}`);
  programs.set(source, result.value.evaluate);
  return result.value.evaluate;
}

/** A JSON value as CEL sees it: whole numbers are int, strings with a time format are times, names are escaped. */
export function toCel(value: unknown, schema: JsonSchema | undefined, resolve: Resolve): unknown {
  const node = schema === undefined ? {} : resolve(schema);
  if (typeof value === 'number') {
    return node.type === 'number' || !Number.isInteger(value) ? value : BigInt(value);
  }
  if (typeof value === 'string') return stringToCel(value, node.format);
  if (Array.isArray(value)) {
    return value.map((item: unknown) => toCel(item, node.items, resolve));
  }
  if (!isObject(value)) return value;
  const isStruct = node.properties !== undefined;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      isStruct ? escapeName(key) : key,
      toCel(member, childSchema(node, key), resolve),
    ]),
  );
}

function stringToCel(value: string, format: string | undefined): unknown {
  if (format === 'date-time' || format === 'date') {
    const time = new Date(value);
    return Number.isNaN(time.getTime()) ? value : time;
  }
  if (format === 'duration') return toDuration(value);
  return format === 'byte' ? new Uint8Array(Buffer.from(value, 'base64')) : value;
}

const RESERVED = new Set([
  'true',
  'false',
  'null',
  'in',
  'as',
  'break',
  'const',
  'continue',
  'else',
  'for',
  'function',
  'if',
  'import',
  'let',
  'loop',
  'package',
  'namespace',
  'return',
  'var',
  'void',
  'while',
]);

/** A property's name as rules write it: `foo-bar` is `foo__dash__bar`, `namespace` is `__namespace__`. */
export function escapeName(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

/** An optional value for rules with optionalOldSelf; undefined is none. */
export function optionalOf(value: unknown): unknown {
  return Optional.of(value);
}
