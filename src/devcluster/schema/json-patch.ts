/** JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386), with the API server's sentences for patches that do not fit. */
import { err, ok, type Result } from '../../std/index.ts';
import { isObject, jsonEqual, setMember } from './json.ts';
import type { JsonObject } from './types.ts';

export interface JsonPatchOperation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** More operations in one patch are refused, as on the server. */
const OPERATIONS_MAX = 10_000;

class PatchProblem extends Error {}

/** RFC 7386: nulls in `patch` remove, objects merge, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: JsonObject = {};
  if (isObject(target)) {
    for (const [key, member] of Object.entries(target)) {
      if (!Object.hasOwn(patch, key)) setMember(result, key, member);
    }
  }
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) continue;
    const old = isObject(target) && Object.hasOwn(target, key) ? target[key] : undefined;
    setMember(result, key, mergePatch(old, change));
  }
  return result;
}

/**
 * RFC 6902: the document after all operations, or the sentence of the first that failed (the server answers 422, or 413
 * for too many operations). `document` is not changed.
 */
export function jsonPatch(
  document: unknown,
  operations: readonly JsonPatchOperation[],
): Result<unknown, string> {
  if (operations.length > OPERATIONS_MAX) {
    return err(
      `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`,
    );
  }
  try {
    let result = structuredClone(document);
    for (const operation of operations) result = applyOperation(result, operation);
    return ok(result);
  } catch (error) {
    if (error instanceof PatchProblem) return err(error.message);
    throw error;
  }
}

function applyOperation(document: unknown, operation: JsonPatchOperation): unknown {
  const { op, path } = operation;
  switch (op) {
    case 'add':
      return add(document, path, operation.value);
    case 'remove':
      return remove(document, path, op);
    case 'replace':
      return replace(document, path, operation.value);
    case 'test':
      return test(document, path, operation.value);
    case 'move': {
      const value = find(document, operation.from ?? '', op);
      return add(remove(document, operation.from ?? '', op), path, value);
    }
    case 'copy':
      return add(document, path, structuredClone(find(document, operation.from ?? '', op)));
    default:
      throw new PatchProblem(`Unexpected kind: ${op}`);
  }
}

function tokensOf(pointer: string, op: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw missingPath(op, pointer);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function missingPath(op: string, path: string): PatchProblem {
  return new PatchProblem(
    `${op} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`,
  );
}

function missingKey(op: string, path: string): PatchProblem {
  return new PatchProblem(
    `${op} operation does not apply: doc is missing key: ${path}: missing value`,
  );
}

type Container = unknown[] | JsonObject;

/** The container that holds the last token of `path`, and that token. */
function locate(document: unknown, path: string, op: string): [Container, string] {
  const tokens = tokensOf(path, op);
  const last = tokens.pop() as string;
  let node = document;
  for (const token of tokens) {
    node = Array.isArray(node)
      ? node[indexIn(node, token, op, path, node.length - 1)]
      : isObject(node) && Object.hasOwn(node, token)
        ? node[token]
        : undefined;
  }
  if (!Array.isArray(node) && !isObject(node)) throw missingPath(op, path);
  return [node, last];
}

function indexIn(
  list: readonly unknown[],
  token: string,
  op: string,
  path: string,
  max: number,
): number {
  if (!/^-?\d+$/.test(token)) {
    throw new PatchProblem(
      `${op} operation does not apply: error in ${op} for path: '${path}': strconv.Atoi: parsing ${JSON.stringify(token)}: invalid syntax`,
    );
  }
  const index = Number(token) < 0 ? list.length + Number(token) : Number(token);
  if (index < 0 || index > max) {
    throw new PatchProblem(
      `${op} operation does not apply: error in ${op} for path: '${path}': Unable to access invalid index: ${token}: invalid index referenced`,
    );
  }
  return index;
}

function find(document: unknown, path: string, op: string): unknown {
  if (path === '') return document;
  const [container, token] = locate(document, path, op);
  if (Array.isArray(container)) {
    return container[indexIn(container, token, op, path, container.length - 1)];
  }
  if (!Object.hasOwn(container, token)) throw missingKey(op, path);
  return container[token];
}

function add(document: unknown, path: string, value: unknown): unknown {
  if (path === '') return value;
  const [container, token] = locate(document, path, 'add');
  if (!Array.isArray(container)) setMember(container, token, value);
  else if (token === '-') container.push(value);
  else container.splice(indexIn(container, token, 'add', path, container.length), 0, value);
  return document;
}

function remove(document: unknown, path: string, op: string): unknown {
  if (path === '') return null;
  const [container, token] = locate(document, path, op);
  if (Array.isArray(container)) {
    container.splice(indexIn(container, token, op, path, container.length - 1), 1);
  } else {
    if (!Object.hasOwn(container, token)) {
      throw new PatchProblem(
        `${op} operation does not apply: Unable to remove nonexistent key: ${token}: missing value`,
      );
    }
    delete container[token];
  }
  return document;
}

function replace(document: unknown, path: string, value: unknown): unknown {
  if (path === '') return value;
  const [container, token] = locate(document, path, 'replace');
  if (Array.isArray(container)) {
    container[indexIn(container, token, 'replace', path, container.length - 1)] = value;
  } else {
    if (!Object.hasOwn(container, token)) throw missingKey('replace', path);
    setMember(container, token, value);
  }
  return document;
}

/** An absent member equals null, as in the server's library. */
function test(document: unknown, path: string, expected: unknown = null): unknown {
  let actual: unknown;
  try {
    actual = find(document, path, 'test');
  } catch (error) {
    if (!(error instanceof PatchProblem) || expected !== null) throw error;
    actual = null;
  }
  if (!jsonEqual(actual ?? null, expected)) {
    throw new PatchProblem(`testing value ${path} failed: test failed`);
  }
  return document;
}
