/**
 * Sets of field paths as managedFields hold them: a trie of path elements written `f:name` (member), `k:{…}` (list item
 * by keys), `v:…` (item of a set) and `i:0` (item by index). Sets are values: operations make new ones.
 */
import { isObject } from './json.ts';
import type { JsonObject } from './types.ts';

export interface FieldSet {
  /** True when the path itself is in the set, not only paths below it. */
  readonly own: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const EMPTY: FieldSet = { own: false, children: new Map() };
const LEAF: FieldSet = { own: true, children: new Map() };

export function isEmptySet(set: FieldSet): boolean {
  return !set.own && set.children.size === 0;
}

function make(own: boolean, children: ReadonlyMap<string, FieldSet>): FieldSet {
  return own && children.size === 0 ? LEAF : { own, children };
}

/** The set of one path. */
export function setOf(...path: readonly string[]): FieldSet {
  return path.reduceRight(
    (inner: FieldSet, element) => make(false, new Map([[element, inner]])),
    LEAF,
  );
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b;
  if (isEmptySet(b)) return a;
  const children = new Map(a.children);
  for (const [element, other] of b.children) {
    const mine = children.get(element);
    children.set(element, mine === undefined ? other : union(mine, other));
  }
  return make(a.own || b.own, children);
}

function combine(
  a: FieldSet,
  b: FieldSet,
  own: (inA: boolean, inB: boolean) => boolean,
  inner: (a: FieldSet, b: FieldSet | undefined) => FieldSet,
): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [element, mine] of a.children) {
    const result = inner(mine, b.children.get(element));
    if (!isEmptySet(result)) children.set(element, result);
  }
  return make(own(a.own, b.own), children);
}

/** Paths that are in both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combine(
    a,
    b,
    (x, y) => x && y,
    (x, y) => (y === undefined ? EMPTY : intersection(x, y)),
  );
}

/** Paths of `a` that are not in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return combine(
    a,
    b,
    (x, y) => x && !y,
    (x, y) => (y === undefined ? x : difference(x, y)),
  );
}

/** Paths of `a` that neither are in `b` nor lie below a path of `b`. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  if (b.own) return EMPTY;
  return combine(
    a,
    b,
    (x) => x,
    (x, y) => (y === undefined ? x : recursiveDifference(x, y)),
  );
}

export function setsEqual(a: FieldSet, b: FieldSet): boolean {
  if (a.own !== b.own || a.children.size !== b.children.size) return false;
  for (const [element, mine] of a.children) {
    const other = b.children.get(element);
    if (other === undefined || !setsEqual(mine, other)) return false;
  }
  return true;
}

/** Every path of the set, elements in the order in which the server lists them. */
export function* pathsOf(set: FieldSet, prefix: readonly string[] = []): Generator<string[]> {
  if (set.own) yield [...prefix];
  for (const element of [...set.children.keys()].sort(byElement)) {
    yield* pathsOf(set.children.get(element) as FieldSet, [...prefix, element]);
  }
}

const KINDS = 'fkvi';

function byElement(a: string, b: string): number {
  const byKind = KINDS.indexOf(a[0] as string) - KINDS.indexOf(b[0] as string);
  if (byKind !== 0) return byKind;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The set in the FieldsV1 encoding. */
export function encodeFieldSet(set: FieldSet): JsonObject {
  const result: JsonObject = {};
  for (const element of [...set.children.keys()].sort(byElement)) {
    const child = set.children.get(element) as FieldSet;
    const inner = encodeFieldSet(child);
    result[element] = child.own && child.children.size > 0 ? { '.': {}, ...inner } : inner;
  }
  return result;
}

/** The set that FieldsV1 JSON stands for; what is not an object counts as a leaf. */
export function decodeFieldSet(json: unknown): FieldSet {
  const children = new Map<string, FieldSet>();
  if (!isObject(json)) return EMPTY;
  let own = false;
  for (const [element, inner] of Object.entries(json)) {
    if (element === '.') own = true;
    else {
      const child = decodeFieldSet(inner);
      children.set(element, isEmptySet(child) ? LEAF : child);
    }
  }
  return make(own, children);
}

/** A path as messages print it: `.spec.ports[port=80,protocol="TCP"].name`. */
export function formatPath(path: readonly string[]): string {
  return path.map(formatElement).join('');
}

function formatElement(element: string): string {
  const rest = element.slice(2);
  switch (element.slice(0, 1)) {
    case 'f':
      return `.${rest}`;
    case 'k': {
      const keys = JSON.parse(rest) as JsonObject;
      const parts = Object.keys(keys)
        .sort()
        .map((key) => `${key}=${JSON.stringify(keys[key])}`);
      return `[${parts.join(',')}]`;
    }
    case 'v':
      return `[=${rest}]`;
    default:
      return `[${rest}]`;
  }
}
