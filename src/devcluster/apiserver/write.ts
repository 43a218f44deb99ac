/** How every object reaches the store: the same steps for create, replace, patch and apply, on every subresource. */
import { timeText } from '../../std/index.ts';
import type { ObjectKey, StoredObject } from '../objects/index.ts';
import { updateManagedFields, type FieldProblem } from '../schema/index.ts';
import type { Api, ApiRequest } from './context.ts';
import { generateName, newUid } from './identity.ts';
import { clone, equal } from './json.ts';
import { asGoWritesIt } from './protobuf/index.ts';
import {
  checkName,
  checkNamespace,
  checkUid,
  checkVersion,
  requireNamespace,
} from './preconditions.ts';
import type { ResourceDefinition } from './registry.ts';
import {
  alreadyExists,
  badRequest,
  invalid,
  invalidOption,
  methodNotAllowed,
  modified,
  notFound,
  unclassified,
} from './status.ts';
import { validateMetadata, validateMetadataUpdate } from './validation/metadata.ts';
import { fromStored, toStored } from './versions.ts';

const GENERATED_NAME_TRIES_MAX = 8;

export interface WriteMode {
  readonly manager: string;
  readonly dryRun: boolean;
  /** The caller (server-side apply) has already written metadata.managedFields. */
  readonly managed: boolean;
}

/** Which of `metav1`'s option kinds the query of a write is. */
export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

/** Reads `fieldManager` and `dryRun`; the manager defaults to the first word of the user agent. */
export function writeMode(request: ApiRequest, options: OptionsKind = 'UpdateOptions'): WriteMode {
  const dryRun = request.query.getAll('dryRun');
  if (dryRun.some((value) => value !== 'All' && value !== '')) {
    throw invalidOption(
      options,
      'dryRun',
      `Unsupported value: ${JSON.stringify(dryRun)}: supported values: "All"`,
    );
  }
  requireKnownValidation(request, options);
  const agent = (request.headers['user-agent'] ?? 'unknown').split('/')[0] ?? 'unknown';
  const manager = request.query.get('fieldManager') ?? '';
  if (manager.length > 128)
    throw badRequest('fieldManager: Too long: may not be more than 128 bytes');
  return {
    manager: manager === '' ? agent : manager,
    dryRun: dryRun.includes('All'),
    managed: false,
  };
}

function requireKnownValidation(request: ApiRequest, options: OptionsKind): void {
  const value = request.query.get('fieldValidation') ?? '';
  if (['', 'Ignore', 'Strict', 'Warn'].includes(value)) return;
  throw invalidOption(
    options,
    'fieldValidation',
    `Unsupported value: ${JSON.stringify(value)}: supported values: "", "Ignore", "Strict", "Warn"`,
  );
}

export function keyOf(definition: ResourceDefinition, namespace: string, name: string): ObjectKey {
  return { resource: definition.storage, namespace: definition.namespaced ? namespace : '', name };
}

/** The object a request names, in the request's version, or undefined. */
export function findLive(api: Api, request: ApiRequest): StoredObject | undefined {
  const { definition } = request;
  const stored = api.store.get(keyOf(definition, request.namespace, request.name));
  return stored === undefined ? undefined : fromStored(definition, stored);
}

/** Like {@link findLive}; throws NotFound. */
export function requireLive(api: Api, request: ApiRequest): StoredObject {
  const live = findLive(api, request);
  if (live === undefined) throw notFound(request.definition, request.name);
  return live;
}

/** Stores a new object; `object` is the caller's own copy. Returns what was (or, on dry run, would be) stored. */
export function createObject(
  api: Api,
  request: ApiRequest,
  object: StoredObject,
  mode: WriteMode,
): StoredObject {
  const { definition } = request;
  const { strategy } = definition;
  if (definition.custom?.terminating === true) throw methodNotAllowed();
  checkNamespace(object, request);
  const { metadata } = object;
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '') {
    throw unclassified('resourceVersion should not be set on objects to be created');
  }
  applyDefaults(definition, object);
  const managed = mode.managed ? object : trackUpdate(api, request, undefined, object, mode);
  stampNew(api, managed);
  if (hasStatus(definition)) setStatus(managed, strategy.initialStatus(managed));
  strategy.prepareForCreate(managed, api);
  requireNamespace(api, definition, managed);
  const generated = (metadata.name ?? '') === '' && (metadata.generateName ?? '') !== '';
  for (let tries = 1; ; tries += 1) {
    if (generated) {
      managed.metadata.name = generateName(managed.metadata.generateName ?? '', api.random);
    }
    refuseProblems(definition, managed, [
      ...validateMetadata(managed.metadata, definition),
      ...(definition.schema?.validate(managed) ?? []),
      ...strategy.validate(managed, undefined),
    ]);
    const name = managed.metadata.name ?? '';
    const key = keyOf(definition, managed.metadata.namespace ?? '', name);
    if (mode.dryRun && api.store.get(key) === undefined) return managed;
    const result = api.store.create(key, toStored(definition, managed));
    if (result.ok) return fromStored(definition, result.value);
    if (!generated || tries >= GENERATED_NAME_TRIES_MAX) throw alreadyExists(definition, name);
  }
}

/**
 * Replaces `live` by `object` (the caller's own copy, after patching). Only what the endpoint may change is taken:
 * everything but status on the main resource, only status on `/status`.
 */
export function updateObject(
  api: Api,
  request: ApiRequest,
  live: StoredObject,
  object: StoredObject,
  mode: WriteMode,
): StoredObject {
  const { definition } = request;
  checkName(object, request);
  checkNamespace(object, request);
  if (request.method === 'PUT') checkUid(definition, live, object);
  checkVersion(definition, live, object);
  applyDefaults(definition, object);
  let next = mode.managed ? object : trackUpdate(api, request, live, object, mode);
  keepSystemMetadata(next, live);
  if (request.subresource === 'status') next = onlyStatus(definition, next, live);
  else {
    if (hasStatus(definition)) setStatus(next, live['status']);
    definition.strategy.prepareForUpdate(next, live, api);
  }
  if (definition.strategy.generation) countGeneration(definition, next, live);
  refuseProblems(definition, next, [
    ...validateMetadata(next.metadata, definition),
    ...validateMetadataUpdate(next, live),
    ...(definition.schema?.validate(next, live) ?? []),
    ...definition.strategy.validate(next, live),
  ]);
  return commit(api, definition, live, next, mode.dryRun);
}

/** Writes a checked change; an object whose last finalizer went while being deleted goes with it. */
export function commit(
  api: Api,
  definition: ResourceDefinition,
  live: StoredObject,
  next: StoredObject,
  dryRun: boolean,
): StoredObject {
  const key = keyOf(definition, live.metadata.namespace ?? '', live.metadata.name ?? '');
  next.metadata.resourceVersion = live.metadata.resourceVersion ?? '';
  if (dryRun) return next;
  const grace = live.metadata.deletionGracePeriodSeconds ?? 0;
  const leaving = live.metadata.deletionTimestamp !== undefined && grace === 0;
  const held = (next.metadata.finalizers ?? []).length > 0 || definition.strategy.isHeld(next);
  if (leaving && !held) {
    const removed = api.store.remove(key, toStored(definition, next));
    if (!removed.ok) throw notFound(definition, key.name);
    return fromStored(definition, removed.value);
  }
  if (equal(live, next)) return live;
  const result = api.store.update(
    key,
    toStored(definition, next),
    live.metadata.resourceVersion ?? '',
  );
  if (!result.ok) throw modified(definition, key.name);
  return fromStored(definition, result.value);
}

function applyDefaults(definition: ResourceDefinition, object: StoredObject): void {
  const filled = definition.schema?.applyDefaults(object) ?? object;
  if (filled !== object) replaceContent(object, clone(filled));
  definition.strategy.applyDefaults(object);
  // Events keep their empty times out of managedFields; their strategy adds them later.
  const isEvent = definition.kind === 'Event';
  if (!isEvent && definition.custom === undefined) {
    asGoWritesIt(object.apiVersion, object.kind, object);
  }
}

function replaceContent(object: StoredObject, content: StoredObject): void {
  for (const field of Object.keys(object)) if (!(field in content)) delete object[field];
  Object.assign(object, content);
}

/** The object with what this write owns in metadata.managedFields. */
export function trackUpdate(
  api: Api,
  request: ApiRequest,
  live: StoredObject | undefined,
  object: StoredObject,
  mode: WriteMode,
): StoredObject {
  const { schema } = request.definition;
  if (schema === undefined) return object;
  const tracked = updateManagedFields({
    schema,
    ...(live && { live: live as never }),
    object: object as never,
    manager: mode.manager,
    ...(request.subresource !== '' && { subresource: request.subresource }),
    now: api.now(),
  });
  return clone(tracked) as StoredObject;
}

function stampNew(api: Api, object: StoredObject): void {
  const { metadata } = object;
  metadata.uid = newUid(api.random);
  metadata.creationTimestamp = timeText(api.now());
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.resourceVersion;
  delete metadata['selfLink'];
  delete metadata.generation;
}

function setStatus(object: StoredObject, status: unknown): void {
  if (status === undefined) delete object['status'];
  else object['status'] = clone(status);
}

/** What a client leaves out of metadata but may not change is taken from the stored object. */
function keepSystemMetadata(next: StoredObject, live: StoredObject): void {
  const { metadata } = next;
  const kept = live.metadata;
  const fields = ['uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'];
  for (const field of fields) {
    const value = metadata[field];
    const clearing = field.startsWith('deletion');
    if (
      (clearing || value === undefined || value === null || value === '') &&
      kept[field] !== undefined
    ) {
      metadata[field] = kept[field];
    } else if (clearing && kept[field] === undefined) delete metadata[field];
  }
  delete metadata['selfLink'];
  if (kept.generation === undefined) delete metadata.generation;
  else metadata.generation = kept.generation;
}

/** `/status` may change status; built-in kinds also let labels and annotations through, custom resources nothing else. */
function onlyStatus(
  definition: ResourceDefinition,
  next: StoredObject,
  live: StoredObject,
): StoredObject {
  const result = clone(live);
  setStatus(result, next['status']);
  if (definition.custom === undefined) {
    const { managedFields: _ignored, ...metadata } = next.metadata;
    result.metadata = { ...metadata };
  }
  if (next.metadata.managedFields === undefined) delete result.metadata.managedFields;
  else result.metadata.managedFields = next.metadata.managedFields;
  definition.strategy.prepareForStatusUpdate(result, live);
  return result;
}

const hasStatus = (definition: ResourceDefinition): boolean =>
  definition.subresources.some((one) => one.name === 'status');

/** Status counts like everything else where it is not an endpoint of its own. */
function countGeneration(
  definition: ResourceDefinition,
  next: StoredObject,
  live: StoredObject,
): void {
  const counted = ({ metadata: _metadata, status, ...rest }: StoredObject): unknown =>
    hasStatus(definition) ? rest : { ...rest, status };
  const generation = live.metadata.generation ?? 0;
  next.metadata.generation = equal(counted(next), counted(live)) ? generation : generation + 1;
  if (next.metadata.generation === 0) delete next.metadata.generation;
}

function refuseProblems(
  definition: ResourceDefinition,
  object: StoredObject,
  problems: readonly FieldProblem[],
): void {
  if (problems.length === 0) return;
  const seen = new Map(problems.map((one) => [`${one.field} ${one.message}`, one]));
  throw invalid(definition, object.metadata.name ?? '', [...seen.values()]);
}
