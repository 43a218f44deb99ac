/** PATCH: JSON, merge and strategic merge patches, and server-side apply. */
import type { StoredObject } from '../objects/index.ts';
import {
  jsonPatch,
  mergePatch,
  serverSideApply,
  strategicMerge,
  type JsonPatchOperation,
} from '../schema/index.ts';
import { requireCreate } from './authorize.ts';
import type { Answer, Api, ApiRequest } from './context.ts';
import { contentType, parseDocument, toObject } from './decode.ts';
import { clone, isObject, type JsonObject } from './json.ts';
import {
  ApiError,
  applyConflict,
  badRequest,
  invalid,
  notFound,
  unsupportedMediaType,
  unsupportedPatchType,
} from './status.ts';
import { problem } from './strategy.ts';
import { createObject, findLive, requireLive, updateObject, writeMode } from './write.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
const APPLY_PATCHES = ['application/apply-patch+yaml', 'application/apply-patch+json'];
const OPERATIONS_MAX = 10_000;

/** Changes an object by a patch of any of the four kinds; apply may create it. */
export async function patchResource(api: Api, request: ApiRequest): Promise<Answer> {
  const type = contentType(request);
  requireKnownType(type, request);
  const patch = parsePatch(await request.body());
  if (APPLY_PATCHES.includes(type)) return applyObject(api, request, patch);
  const live = requireLive(api, request);
  const patched = applyPatch(type, request, live, patch);
  const object = patchedObject(request, patched);
  const stored = updateObject(api, request, live, object, writeMode(request, 'PatchOptions'));
  return { kind: 'object', code: 200, object: stored };
}

function requireKnownType(type: string, request: ApiRequest): void {
  const strategic = request.definition.custom === undefined ? [STRATEGIC_PATCH] : [];
  const accepted = [JSON_PATCH, MERGE_PATCH, ...strategic, ...APPLY_PATCHES.slice(0, 1)];
  if (accepted.includes(type) || APPLY_PATCHES.includes(type)) return;
  throw request.definition.custom === undefined
    ? unsupportedPatchType()
    : unsupportedMediaType(accepted);
}

function parsePatch(body: Buffer): unknown {
  const value = parseDocument(body.toString('utf8'));
  if (typeof value !== 'object' || value === null) {
    throw badRequest('error decoding patch: the body is neither an object nor a list');
  }
  return value;
}

/** The patched object as plain JSON. */
export function applyPatch(
  type: string,
  request: ApiRequest,
  live: StoredObject,
  patch: unknown,
): JsonObject {
  const { definition } = request;
  const result = patchValue(type, request, live, patch);
  if (!isObject(result)) {
    throw badRequest(`the patch does not leave a ${definition.kind} object`);
  }
  return result;
}

function patchValue(
  type: string,
  request: ApiRequest,
  live: StoredObject,
  patch: unknown,
): unknown {
  const { definition } = request;
  if (type === JSON_PATCH) {
    if (!Array.isArray(patch)) {
      throw badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
    }
    if (patch.length > OPERATIONS_MAX) {
      throw badRequest(
        `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`,
      );
    }
    const result = jsonPatch(clone(live), patch as JsonPatchOperation[]);
    if (result.ok) return result.value;
    throw invalidPatch();
  }
  if (!isObject(patch)) throw badRequest('error decoding patch: the body is not an object');
  if (type === MERGE_PATCH || definition.schema === undefined)
    return mergePatch(clone(live), patch);
  try {
    return strategicMerge(definition.schema, clone(live), patch);
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}

/** A JSON patch that cannot be carried out is 422; the real server does not say which operation it was. */
function invalidPatch(): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'the server rejected our request due to an error in our request',
    reason: 'Invalid',
    details: {},
    code: 422,
  });
}

/** The patched JSON as an object; what does not fit its type is blamed on the patch. */
function patchedObject(request: ApiRequest, patched: JsonObject): StoredObject {
  try {
    return toObject(request, patched);
  } catch (error) {
    if (!(error instanceof ApiError) || error.body.reason !== 'BadRequest') throw error;
    const why = error.message.replace(/^.* cannot be handled as a \w+: /, '');
    const value = JSON.stringify(patched);
    throw invalid({ group: '', kind: '' }, '', [problem.invalid('patch', value, why)]);
  }
}

/** Server-side apply: merges by field ownership, then goes the way of every write. */
function applyObject(api: Api, request: ApiRequest, patch: unknown): Answer {
  const { definition, query } = request;
  if (!isObject(patch)) throw badRequest('error decoding YAML: the body is not an object');
  const manager = query.get('fieldManager') ?? '';
  if (manager === '') throw managerRequired();
  const applied = toObject(request, patch);
  if (applied.metadata.managedFields !== undefined && applied.metadata.managedFields !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
  applied.metadata.name ??= request.name;
  if (definition.namespaced) applied.metadata.namespace ??= request.namespace;
  const live = findLive(api, request);
  if (live === undefined && request.subresource !== '') throw notFound(definition, request.name);
  const { schema } = definition;
  if (schema === undefined) throw badRequest(`${definition.kind} has no schema to apply by`);
  const result = serverSideApply({
    schema,
    ...(live && { live: live as never }),
    applied: applied as never,
    manager,
    force: query.get('force') === 'true',
    ...(request.subresource !== '' && { subresource: request.subresource }),
    now: api.now(),
  });
  if (!result.ok) {
    if (result.error.kind === 'invalid') throw badRequest(result.error.message);
    throw applyConflict(result.error.message, result.error.conflicts);
  }
  const mode = { ...writeMode(request, 'PatchOptions'), manager, managed: true };
  const merged = clone(result.value) as unknown as StoredObject;
  if (live === undefined) {
    requireCreate(api, request);
    return { kind: 'object', code: 201, object: createObject(api, request, merged, mode) };
  }
  return { kind: 'object', code: 200, object: updateObject(api, request, live, merged, mode) };
}

function managerRequired(): ApiError {
  return invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
    {
      field: 'fieldManager',
      reason: 'FieldValueRequired',
      message: 'Required value: is required for apply patch',
    },
  ]);
}
