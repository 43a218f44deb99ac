/** Structured merging on typed values: field sets of values, comparison, merging, and removal of fields. */
import { isEmptySet, type FieldSet } from './field-set.ts';
import { isObject, jsonEqual, setMember } from './json.ts';
import { DEDUCED, itemElement, shapeOf, type Shape } from './shape.ts';
import type { JsonObject, JsonSchema } from './types.ts';
import type { Resolve } from './validate.ts';

/** A field set under construction. */
export interface MutableSet {
  own: boolean;
  children: Map<string, MutableSet>;
}

export function mutableSet(): MutableSet {
  return { own: false, children: new Map() };
}

export function insertPath(set: MutableSet, path: readonly string[]): void {
  let node = set;
  for (const element of path) {
    let child = node.children.get(element);
    if (child === undefined) {
      child = mutableSet();
      node.children.set(element, child);
    }
    node = child;
  }
  node.own = true;
}

/** Refused by the structure of a value: `.spec.ports: duplicate entries for key [port=80]`. */
export class TypedValueError extends Error {
  override readonly name = 'TypedValueError';
}

type ListShape = Shape & { kind: 'list' };

/** Items of a list by path element, in order; the last of duplicates counts. */
export function indexItems(
  shape: ListShape,
  items: readonly unknown[],
  resolve: Resolve,
): { elements: string[]; byElement: Map<string, unknown> } {
  const elements: string[] = [];
  const byElement = new Map<string, unknown>();
  for (const [i, item] of items.entries()) {
    const element = itemElement(shape, item, resolve);
    if (!element.ok) throw new TypedValueError(`element ${i}: ${element.error}`);
    elements.push(element.value);
    byElement.set(element.value, item);
  }
  return { elements, byElement };
}

/** The fields that a value sets: what its applier owns. */
export function fieldSetOf(value: unknown, schema: JsonSchema, resolve: Resolve): FieldSet {
  const set = mutableSet();
  collectFields(value, schema, resolve, set);
  return set;
}

function collectFields(
  value: unknown,
  schema: JsonSchema,
  resolve: Resolve,
  set: MutableSet,
): void {
  const shape = shapeOf(schema, value, resolve);
  if (shape.kind === 'leaf') {
    set.own = true;
    return;
  }
  if (value === null || value === undefined) return;
  const descend = (element: string, member: unknown, inner: JsonSchema, own: boolean): void => {
    const child = mutableSet();
    collectFields(member, inner, resolve, child);
    child.own ||= own;
    if (child.own || child.children.size > 0) set.children.set(element, child);
  };
  if (shape.kind === 'list') {
    const { byElement } = indexItems(shape, value as unknown[], resolve);
    for (const [element, item] of byElement) descend(element, item, shape.items, true);
    return;
  }
  for (const [key, member] of Object.entries(value as JsonObject)) {
    const isEmptyMap = isObject(member) && Object.keys(member).length === 0;
    const own = member === null || isEmptyMap || !shape.isField(key);
    descend(`f:${key}`, member, shape.member(key) ?? DEDUCED, own);
  }
}

/** What changed from one value to another, by path. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** Compares two values of one schema; a missing value is undefined. */
export function compareValues(
  old: unknown,
  value: unknown,
  schema: JsonSchema,
  resolve: Resolve,
): Comparison {
  const result = { added: mutableSet(), modified: mutableSet(), removed: mutableSet() };
  compareAt({ old, value, schema, path: [] }, resolve, result);
  return result;
}

interface Pair {
  readonly old: unknown;
  readonly value: unknown;
  readonly schema: JsonSchema;
  readonly path: readonly string[];
}

interface ComparisonResult {
  added: MutableSet;
  modified: MutableSet;
  removed: MutableSet;
}

function isEmptyCollection(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

function compareAt(pair: Pair, resolve: Resolve, result: ComparisonResult): void {
  const { old, value, schema, path } = pair;
  const oldShape = shapeOf(schema, old, resolve);
  const newShape = shapeOf(schema, value, resolve);
  const shape = old === undefined || old === null ? newShape : oldShape;
  const isUnlike = old != null && value != null && oldShape.kind !== newShape.kind;
  if (shape.kind === 'leaf' || isUnlike || (isEmptyCollection(old) && isEmptyCollection(value))) {
    if (old === undefined) insertPath(result.added, path);
    else if (value === undefined) insertPath(result.removed, path);
    else if (!jsonEqual(old, value)) insertPath(result.modified, path);
    return;
  }
  for (const child of childPairs(pair, shape, resolve)) compareAt(child, resolve, result);
  if (old === undefined) insertPath(result.added, path);
  else if (value === undefined) insertPath(result.removed, path);
}

function childPairs(
  { old, value, path }: Pair,
  shape: Shape & { kind: 'list' | 'map' },
  resolve: Resolve,
): Pair[] {
  if (shape.kind === 'list') {
    const oldItems = indexItems(shape, (old as unknown[] | null) ?? [], resolve).byElement;
    const newItems = indexItems(shape, (value as unknown[] | null) ?? [], resolve).byElement;
    return [...new Set([...oldItems.keys(), ...newItems.keys()])].map((element) => ({
      old: oldItems.get(element),
      value: newItems.get(element),
      schema: shape.items,
      path: [...path, element],
    }));
  }
  const oldMap = (old as JsonObject | null) ?? {};
  const newMap = (value as JsonObject | null) ?? {};
  return [...new Set([...Object.keys(oldMap), ...Object.keys(newMap)])].map((key) => ({
    old: oldMap[key],
    value: newMap[key],
    schema: shape.member(key) ?? DEDUCED,
    path: [...path, `f:${key}`],
  }));
}

/** `config` merged into `live`: what both have comes from `config`, lists and maps as the schema says. */
export function mergeValues(
  live: unknown,
  config: unknown,
  schema: JsonSchema,
  resolve: Resolve,
): unknown {
  if (config === undefined) return live;
  if (live === undefined || live === null || config === null) return config;
  const shape = shapeOf(schema, config, resolve);
  const liveShape = shapeOf(schema, live, resolve);
  if (shape.kind === 'leaf' || liveShape.kind !== shape.kind) return config;
  if (isEmptyCollection(live) && isEmptyCollection(config)) return config;
  if (shape.kind === 'list') {
    return mergeItems(live as unknown[], config as unknown[], shape, resolve);
  }
  const result: JsonObject = {};
  const [liveMap, configMap] = [live as JsonObject, config as JsonObject];
  for (const key of new Set([...Object.keys(liveMap), ...Object.keys(configMap)])) {
    const inner = shape.member(key) ?? DEDUCED;
    setMember(result, key, mergeValues(liveMap[key], configMap[key], inner, resolve));
  }
  return result;
}

/**
 * Merges two lists of identified items. Items of `config` keep their order among themselves; items that only `live`
 * has stay where they were relative to the shared ones (the order of sigs.k8s.io/structured-merge-diff).
 */
function mergeItems(
  live: readonly unknown[],
  config: readonly unknown[],
  shape: ListShape,
  resolve: Resolve,
): unknown[] {
  const left = indexItems(shape, live, resolve);
  const right = indexItems(shape, config, resolve);
  const shared = right.elements.filter((element) => left.byElement.has(element));
  const merged = new Set<string>();
  const result: unknown[] = [];
  let nextShared = shared.shift();
  const take = (element: string): void => {
    merged.add(element);
    result.push(
      mergeValues(left.byElement.get(element), right.byElement.get(element), shape.items, resolve),
    );
  };
  let [l, r] = [0, 0];
  while (l < left.elements.length || r < right.elements.length) {
    const mine = left.elements[l];
    const theirs = right.elements[r];
    if (mine !== undefined && theirs !== undefined) {
      if (mine === theirs) {
        take(mine);
        [l, r] = [l + 1, r + 1];
        nextShared = shared.shift();
        continue;
      }
      if (right.byElement.has(mine) && nextShared !== undefined && nextShared !== mine) {
        l += 1;
        continue;
      }
    }
    if (mine !== undefined) {
      if (!right.byElement.has(mine)) {
        result.push(live[l]);
        l += 1;
        continue;
      }
      if (merged.has(mine)) l += 1;
    }
    if (theirs !== undefined) {
      take(theirs);
      r += 1;
      if (nextShared === theirs) nextShared = shared.shift();
    }
  }
  return result;
}

/** `value` without the paths of `remove`; undefined when nothing of a list is left, an empty map when nothing of a map is. */
export function removeFields(
  value: unknown,
  remove: FieldSet,
  schema: JsonSchema,
  resolve: Resolve,
): unknown {
  const shape = shapeOf(schema, value, resolve);
  if (shape.kind === 'leaf') return typeof value === 'object' ? undefined : value;
  if (isEmptyCollection(value)) return undefined;
  if (shape.kind === 'list') {
    const kept = (value as unknown[]).flatMap((item) => {
      const element = itemElement(shape, item, resolve);
      const subset = element.ok ? remove.children.get(element.value) : undefined;
      if (subset === undefined) return [item];
      return subset.own ? [] : [removeFields(item, subset, shape.items, resolve)];
    });
    return kept.length === 0 ? undefined : kept;
  }
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value as JsonObject)) {
    const subset = remove.children.get(`f:${key}`);
    if (subset === undefined || isEmptySet(subset)) setMember(result, key, member);
    else if (!subset.own) {
      const rest = removeFields(member, subset, shape.member(key) ?? DEDUCED, resolve);
      if (rest !== undefined) setMember(result, key, rest);
    }
  }
  return result;
}

/** The set in which every declared member that has paths below it is itself a member. */
export function withNamedFields(set: FieldSet, schema: JsonSchema, resolve: Resolve): FieldSet {
  if (set.children.size === 0) return set;
  const node = resolve(schema);
  const shape = node.type === 'array' ? shapeOf(schema, [], resolve) : shapeOf(schema, {}, resolve);
  const children = new Map<string, FieldSet>();
  for (const [element, child] of set.children) {
    const key = element.startsWith('f:') ? element.slice(2) : undefined;
    const inner = innerSchema(shape, key);
    const named = withNamedFields(child, inner, resolve);
    const isField = key !== undefined && shape.kind === 'map' && shape.isField(key);
    children.set(element, isField ? { own: true, children: named.children } : named);
  }
  return { own: set.own, children };
}

function innerSchema(shape: Shape, key: string | undefined): JsonSchema {
  if (shape.kind === 'list') return shape.items;
  return (shape.kind === 'map' && key !== undefined ? shape.member(key) : undefined) ?? DEDUCED;
}
