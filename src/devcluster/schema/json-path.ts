/** The part of kubectl's JSONPath that printer columns use: members, indexes, `[*]`, slices and `[?(@.x=="y")]`. */
import { isObject, jsonEqual } from './json.ts';

type Step = (value: unknown) => unknown[];

const cache = new Map<string, readonly Step[]>();

/** All values at `path` (`.status.conditions[?(@.type=="Ready")].status`); none when something is missing. */
export function evaluateJsonPath(path: string, root: unknown): unknown[] {
  let steps = cache.get(path);
  if (steps === undefined) {
    steps = parseSteps(path.replace(/^\{(.*)\}$/s, '$1').replace(/^\$/, ''));
    cache.set(path, steps);
  }
  return steps.reduce<unknown[]>((values, step) => values.flatMap(step), [root]);
}

/** True when `path` has the syntax of a simple JSONPath. */
export function isJsonPath(path: string): boolean {
  try {
    parseSteps(path);
    return path.startsWith('.');
  } catch {
    return false;
  }
}

const MEMBER = /^\.?((?:[A-Za-z0-9_$-]|\\.)+)/;
const RECURSIVE = /^\.\.((?:[A-Za-z0-9_$-]|\\.)+)/;
const QUOTED = /^\.?\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/;
const INDEX = /^\[(-?\d+)\]/;
const SLICE = /^\[(-?\d*):(-?\d*)\]/;
const WILDCARD = /^(?:\[\*\]|\.\*)/;
const FILTER =
  /^\[\?\(\s*@([^=!<>\s)]*)\s*(?:(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|[^)\s]+)\s*)?\)\]/;

function parseSteps(text: string): Step[] {
  const steps: Step[] = [];
  let rest = text;
  while (rest !== '' && rest !== '.') {
    const [length, step] = parseStep(rest);
    steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function parseStep(text: string): [number, Step] {
  let match = WILDCARD.exec(text);
  if (match !== null) return [match[0].length, childrenOf];
  match = QUOTED.exec(text);
  if (match !== null) return [match[0].length, member(unescaped(match[1] ?? match[2] ?? ''))];
  match = INDEX.exec(text);
  if (match !== null) return [match[0].length, index(Number(match[1]))];
  match = SLICE.exec(text);
  if (match !== null) return [match[0].length, slice(match[1], match[2])];
  match = FILTER.exec(text);
  if (match !== null) return [match[0].length, filter(match[1] ?? '', match[2], match[3])];
  match = RECURSIVE.exec(text);
  if (match !== null) return [match[0].length, recursive(unescaped(match[1] as string))];
  match = MEMBER.exec(text);
  if (match !== null) return [match[0].length, member(unescaped(match[1] as string))];
  throw new SyntaxError(`not a JSON path: ${text}`);
}

function unescaped(name: string): string {
  return name.replaceAll(/\\(.)/g, '$1');
}

function childrenOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

function member(name: string): Step {
  return (value) => (isObject(value) && Object.hasOwn(value, name) ? [value[name]] : []);
}

function recursive(name: string): Step {
  const step: Step = (value) => [
    ...member(name)(value),
    ...childrenOf(value).flatMap((child) => step(child)),
  ];
  return step;
}

function index(position: number): Step {
  return (value) => {
    const item: unknown = Array.isArray(value) ? value.at(position) : undefined;
    return item === undefined ? [] : [item];
  };
}

function slice(from = '', to = ''): Step {
  return (value) =>
    Array.isArray(value)
      ? value.slice(from === '' ? 0 : Number(from), to === '' ? undefined : Number(to))
      : [];
}

function literal(text: string): unknown {
  if (/^['"]/.test(text)) return text.slice(1, -1);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function filter(path: string, operator: string | undefined, operand: string | undefined): Step {
  const steps = parseSteps(path);
  const expected = operand === undefined ? undefined : literal(operand);
  const matches = (item: unknown): boolean => {
    const values = steps.reduce<unknown[]>((all, step) => all.flatMap(step), [item]);
    if (operator === undefined) return values.length > 0;
    return values.length > 0 && compare(values[0], operator, expected);
  };
  return (value) => (Array.isArray(value) ? value.filter(matches) : []);
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  const [a, b] = [left as number, right as number];
  switch (operator) {
    case '==':
      return jsonEqual(left, right);
    case '!=':
      return !jsonEqual(left, right);
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    default:
      return a >= b;
  }
}
