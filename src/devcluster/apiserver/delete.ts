/** DELETE: preconditions, grace periods, finalizers and propagation; of one object and of collections. */
import { timeText, unreachable } from '../../std/index.ts';
import type { StoredObject } from '../objects/index.ts';
import type { Answer, Api, ApiRequest } from './context.ts';
import { readOptions } from './decode.ts';
import { asObject, asText, clone, equal, type JsonObject } from './json.ts';
import { selectorOf } from './read.ts';
import type { ResourceDefinition } from './registry.ts';
import { badRequest, conflict, deleted, invalidOption, modified, notFound } from './status.ts';
import { fromStored, toStored } from './versions.ts';
import { keyOf, requireLive } from './write.ts';

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagation: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
}

export async function deleteResource(api: Api, request: ApiRequest): Promise<Answer> {
  const options = await readDeleteOptions(request);
  const { definition } = request;
  const live = requireLive(api, request);
  const result = deleteObject(api, definition, live, options);
  if (result.gone && !definition.strategy.returnsDeleted) {
    const status = deleted(definition, request.name, live.metadata.uid ?? '');
    return { kind: 'status', code: 200, object: status };
  }
  return { kind: 'object', code: 200, object: result.object };
}

/** Deletes whatever the selectors choose; answers with the list as it was. */
export async function deleteCollection(api: Api, request: ApiRequest): Promise<Answer> {
  const { definition } = request;
  const options = await readDeleteOptions(request);
  const selector = selectorOf(request);
  const namespace =
    definition.namespaced && request.namespace !== '' ? request.namespace : undefined;
  const listed = api.store.list(definition.storage, { namespace });
  const items = (listed.ok ? listed.value.items : [])
    .map((item) => fromStored(definition, item))
    .filter(selector);
  for (const item of items) deleteObject(api, definition, item, options);
  const resourceVersion = String(api.store.revision());
  return { kind: 'list', list: { items, metadata: { resourceVersion } } };
}

/** Deletes an object or starts to: `gone` tells which; `object` is its last state. */
export function deleteObject(
  api: Api,
  definition: ResourceDefinition,
  live: StoredObject,
  options: DeleteOptions,
): { object: StoredObject; gone: boolean } {
  checkPreconditions(definition, live, options);
  const next = clone(live);
  const marked = markDeleted(api, definition, next, live, options);
  if (marked === 'pending') return { object: live, gone: false };
  const finalizers = finalizersFor(next, options);
  if (finalizers.length > 0) next.metadata.finalizers = finalizers;
  else delete next.metadata.finalizers;
  const held = finalizers.length > 0 || definition.strategy.isHeld(next);
  if (held && next.metadata.deletionTimestamp === undefined)
    startDeletion(api, definition, next, 0);
  const stays = held || (next.metadata.deletionGracePeriodSeconds ?? 0) > 0;
  if (options.dryRun) return { object: next, gone: !stays };
  const key = keyOf(definition, live.metadata.namespace ?? '', live.metadata.name ?? '');
  if (!stays && marked === 'immediate')
    return { object: remove(api, definition, live), gone: true };
  if (stays && equal(next, live)) return { object: live, gone: false };
  const updated = api.store.update(
    key,
    toStored(definition, next),
    live.metadata.resourceVersion ?? '',
  );
  if (!updated.ok) throw modified(definition, key.name);
  const object = fromStored(definition, updated.value);
  return stays ? { object, gone: false } : { object: remove(api, definition, object), gone: true };
}

function remove(api: Api, definition: ResourceDefinition, live: StoredObject): StoredObject {
  const key = keyOf(definition, live.metadata.namespace ?? '', live.metadata.name ?? '');
  const removed = api.store.remove(key);
  if (!removed.ok) throw notFound(definition, key.name);
  return fromStored(definition, removed.value);
}

/**
 * Applies the kind's grace period. `immediate`: there is none; `graceful`: the deletion was marked or its period
 * shortened; `pending`: a deletion that is not slower is already under way.
 */
function markDeleted(
  api: Api,
  definition: ResourceDefinition,
  next: StoredObject,
  live: StoredObject,
  options: DeleteOptions,
): 'immediate' | 'graceful' | 'pending' {
  const { metadata } = live;
  const grace = definition.strategy.gracePeriodSeconds(live, options.gracePeriodSeconds);
  if (metadata.deletionTimestamp === undefined) {
    if (grace === undefined) return 'immediate';
    startDeletion(api, definition, next, grace);
    return 'graceful';
  }
  const current = metadata.deletionGracePeriodSeconds ?? 0;
  if (current === 0) return 'immediate';
  if (options.gracePeriodSeconds === undefined || options.gracePeriodSeconds >= current)
    return 'pending';
  const before = Date.parse(metadata.deletionTimestamp);
  const period = options.gracePeriodSeconds;
  next.metadata.deletionTimestamp = timeText(new Date(before - (current - period) * 1000));
  next.metadata.deletionGracePeriodSeconds = period;
  return 'graceful';
}

function startDeletion(
  api: Api,
  definition: ResourceDefinition,
  object: StoredObject,
  graceSeconds: number,
): void {
  const at = new Date(api.now().getTime() + graceSeconds * 1000);
  object.metadata.deletionTimestamp = timeText(at);
  object.metadata.deletionGracePeriodSeconds = graceSeconds;
  const { generation } = object.metadata;
  if (generation !== undefined && generation > 0) object.metadata.generation = generation + 1;
  definition.strategy.markDeleting(object);
}

/** Orphan and Foreground are carried out by the garbage collector; the finalizer is how it learns of them. */
function finalizersFor(object: StoredObject, options: DeleteOptions): string[] {
  const current = object.metadata.finalizers ?? [];
  const others = current.filter((one) => one !== ORPHAN && one !== FOREGROUND);
  switch (options.propagation) {
    case 'Orphan':
      return [...others, ORPHAN];
    case 'Foreground':
      return [...others, FOREGROUND];
    case 'Background':
      return others;
    case undefined:
      return current;
    default:
      return unreachable(options.propagation);
  }
}

function checkPreconditions(
  definition: ResourceDefinition,
  live: StoredObject,
  { uid, resourceVersion }: DeleteOptions,
): void {
  const { metadata } = live;
  const name = metadata.name ?? '';
  // Here the real server names the kind where it otherwise names the resource.
  const target = { ...definition, plural: definition.kind };
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(
      target,
      name,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      target,
      name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
  }
}

/** Options come as a body or as query parameters; the body wins. */
async function readDeleteOptions(request: ApiRequest): Promise<DeleteOptions> {
  return deleteOptions(await readOptions(request), request.query);
}

/** Reads `DeleteOptions`. Throws BadRequest for values that are none. */
export function deleteOptions(body: JsonObject, query: URLSearchParams): DeleteOptions {
  const grace = body['gracePeriodSeconds'] ?? query.get('gracePeriodSeconds') ?? undefined;
  const gracePeriodSeconds = grace === undefined ? undefined : Number(grace);
  if (gracePeriodSeconds !== undefined && !Number.isInteger(gracePeriodSeconds)) {
    throw badRequest(`gracePeriodSeconds: Invalid value: ${JSON.stringify(grace)}: not an integer`);
  }
  const preconditions = asObject(body['preconditions']);
  const dryRun = Array.isArray(body['dryRun']) ? body['dryRun'] : query.getAll('dryRun');
  return {
    gracePeriodSeconds:
      gracePeriodSeconds !== undefined && gracePeriodSeconds < 0 ? 1 : gracePeriodSeconds,
    propagation: propagationOf(body, query),
    uid: asText(preconditions['uid']) || undefined,
    resourceVersion: asText(preconditions['resourceVersion']) || undefined,
    dryRun: dryRun.includes('All'),
  };
}

function propagationOf(body: JsonObject, query: URLSearchParams): DeleteOptions['propagation'] {
  const orphan = body['orphanDependents'] ?? query.get('orphanDependents') ?? undefined;
  if (orphan !== undefined) return String(orphan) === 'true' ? 'Orphan' : 'Background';
  const policy = asText(body['propagationPolicy']) || (query.get('propagationPolicy') ?? '');
  if (policy === '') return undefined;
  if (policy === 'Background' || policy === 'Foreground' || policy === 'Orphan') return policy;
  throw invalidOption(
    'DeleteOptions',
    'propagationPolicy',
    `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
  );
}
