/** What the structure of an applied configuration must not be; such an apply fails before anything is merged. */
import { isObject } from './json.ts';
import { itemElement, shapeOf } from './shape.ts';
import type { CompiledSchema, JsonSchema, KubeObject } from './types.ts';
import { formatPath } from './field-set.ts';

/** The message of the refusal, or undefined when the configuration can be applied. */
export function applyProblem(
  applied: KubeObject,
  { schema, resolve }: CompiledSchema,
): string | undefined {
  const problems: string[] = [];
  visit(applied, schema, []);
  if (problems.length === 0) return undefined;
  const groupVersion = applied.apiVersion.includes('/')
    ? applied.apiVersion
    : `/${applied.apiVersion}`;
  const { namespace = '', name = '' } = applied.metadata;
  const summary =
    problems.length === 1 ? problems[0] : `errors:\n${problems.map((p) => `  ${p}`).join('\n')}`;
  return `failed to create typed patch object (${namespace}/${name}; ${groupVersion}, Kind=${applied.kind}): ${summary}`;

  function visit(value: unknown, at: JsonSchema, path: readonly string[]): void {
    const shape = shapeOf(at, value, resolve);
    if (value === null) return;
    if (shape.kind === 'leaf') {
      const mismatch = typeMismatch(value, resolve(at));
      if (mismatch !== undefined) problems.push(`${formatPath(path)}: ${mismatch}`);
      return;
    }
    if (shape.kind === 'list') {
      const seen = new Set<string>();
      for (const [i, item] of (value as unknown[]).entries()) {
        const element = itemElement(shape, item, resolve);
        if (!element.ok) {
          problems.push(`${formatPath(path)}: element ${i}: ${element.error}`);
          continue;
        }
        if (seen.has(element.value)) {
          problems.push(
            `${formatPath(path)}: duplicate entries for key ${formatPath([element.value])}`,
          );
        }
        seen.add(element.value);
        visit(item, shape.items, [...path, element.value]);
      }
      return;
    }
    if (!isObject(value)) return;
    // The server stops looking at an object once it has met a member that is not declared.
    const unknown = Object.keys(value).filter((key) => shape.member(key) === undefined);
    if (unknown.length === 0 || path.length === 0) {
      for (const key of Object.keys(value).sort()) {
        const inner = shape.member(key);
        if (inner !== undefined) visit(value[key], inner, [...path, `f:${key}`]);
      }
    }
    const first = unknown.sort()[0];
    if (first !== undefined) {
      problems.push(`${formatPath([...path, `f:${first}`])}: field not declared in schema`);
    }
  }
}

/** `expected string, got …` with the value as Go prints it. */
function typeMismatch(value: unknown, node: JsonSchema): string | undefined {
  const got = goValue(value);
  switch (node['x-kubernetes-int-or-string'] === true ? '' : (node.type ?? '')) {
    case 'string':
      return typeof value === 'string'
        ? undefined
        : `expected string, got &value.valueUnstructured{Value:${got}}`;
    case 'integer':
    case 'number':
      return typeof value === 'number'
        ? undefined
        : `expected numeric (int or float), got ${goType(value)}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got &{${got}}`;
    case 'array':
      return Array.isArray(value) ? undefined : `expected list, got &{${got}}`;
    case 'object':
      return isObject(value) ? undefined : `expected map, got &{${got}}`;
    default:
      return undefined;
  }
}

function goValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (!isObject(value)) return String(value);
  const members = Object.keys(value).sort();
  return `map[${members.map((key) => `${key}:${goValue(value[key])}`).join(' ')}]`;
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isObject(value)) return 'map[string]interface {}';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
