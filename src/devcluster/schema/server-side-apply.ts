/**
 * Field management: server-side apply, and the ownership that creates, updates and patches leave behind. The rules are
 * those of sigs.k8s.io/structured-merge-diff and of the API server's field manager, judged against a real one.
 */
import { err, ok, timeText, type Result } from '../../std/index.ts';
import {
  difference,
  EMPTY,
  formatPath,
  intersection,
  isEmptySet,
  pathsOf,
  recursiveDifference,
  setOf,
  union,
  type FieldSet,
} from './field-set.ts';
import { jsonEqual } from './json.ts';
import {
  capUpdateManagers,
  decodeManagers,
  encodeManagers,
  managerKey,
  putStripped,
  type Manager,
  type Managers,
} from './managed-fields.ts';
import {
  compareValues,
  fieldSetOf,
  mergeValues,
  removeFields,
  TypedValueError,
  withNamedFields,
  type Comparison,
} from './typed-value.ts';
import { applyProblem } from './apply-problems.ts';
import type {
  ApplyConflict,
  ApplyFailure,
  CompiledSchema,
  KubeObject,
  ManagedFieldsEntry,
} from './types.ts';
import { withZeroMembers } from './zero-value.ts';

interface FieldManagement {
  readonly schema: CompiledSchema;
  readonly manager: string;
  /** `status`, `scale`, …; absent on the main endpoint. */
  readonly subresource?: string;
  readonly now: Date;
  /**
   * Paths that this endpoint does not change, so that its managers do not own them: `[['status']]`. Default: `spec` for
   * the status subresource, and `status` for the main endpoint of schemas that have both.
   */
  readonly resetFields?: readonly (readonly string[])[];
}

export interface ApplyRequest extends FieldManagement {
  /** The stored object; undefined: the apply creates. */
  readonly live?: KubeObject;
  readonly applied: KubeObject;
  readonly force: boolean;
}

export interface UpdateRequest extends FieldManagement {
  /** The stored object; undefined: the object is created. */
  readonly live?: KubeObject;
  /** What will be stored, defaults applied, with managedFields as the client sent them. */
  readonly object: KubeObject;
}

/**
 * Server-side apply: the merged object with defaults and new managedFields. When nothing but a time would change, the
 * managedFields are those of the live object, so that the caller sees an equal object.
 */
export function serverSideApply(request: ApplyRequest): Result<KubeObject, ApplyFailure> {
  const { schema, applied } = request;
  if (applied.metadata.managedFields !== undefined) {
    return err({ kind: 'invalid', message: 'metadata.managedFields must be nil' });
  }
  const problem = applyProblem(applied, schema);
  if (problem !== undefined) return err({ kind: 'invalid', message: problem });
  try {
    return applyTo(request);
  } catch (error) {
    if (!(error instanceof TypedValueError)) throw error;
    return err({ kind: 'invalid', message: error.message });
  }
}

function applyTo(request: ApplyRequest): Result<KubeObject, ApplyFailure> {
  const { schema, applied, live } = request;
  const managers = liveManagers(request, live);
  const base = withoutManagedFields(live ?? emptyObject(applied));
  const key = managerKey(identityOf(request, 'Apply', applied.apiVersion));
  const last = managers.get(key);
  const config = withoutManagedFields(applied);
  const reset = resetSet(request);
  const fields = recursiveDifference(fieldSetOf(config, schema.schema, schema.resolve), reset);
  managers.set(key, {
    ...identityOf(request, 'Apply', applied.apiVersion),
    ...(last?.time !== undefined && { time: last.time }),
    fields,
  });
  let merged = mergeValues(base, config, schema.schema, schema.resolve) as KubeObject;
  merged = pruned(merged, managers, last, schema);
  const taken = takeOver(
    { old: base, value: merged, key, managers, force: request.force, reset },
    schema,
  );
  if (!taken.ok) return taken;
  const isChanged = live === undefined || !jsonEqual(base, merged);
  const own = managers.get(key);
  if (own !== undefined)
    putStripped(managers, key, isChanged ? { ...own, time: timeText(request.now) } : own);
  capUpdateManagers(managers);
  const result = isChanged ? schema.applyDefaults<KubeObject>(merged) : merged;
  return ok(withManagers(result, managers, live));
}

/** The object with managedFields as create, update and the other patches leave them. */
export function updateManagedFields(request: UpdateRequest): KubeObject {
  const { live, object } = request;
  const sent = object.metadata.managedFields;
  const isReset = sent?.length === 1 && Object.keys(sent[0] ?? {}).length === 0;
  const isUntracked =
    live !== undefined &&
    (isReset || (decodeManagers(live.metadata.managedFields).size === 0 && !sent?.length));
  if (isUntracked) return withManagers(object, new Map(), undefined);
  const fromClient = request.subresource === undefined ? decodeManagers(sent) : new Map();
  const managers = fromClient.size > 0 ? fromClient : decodeManagers(live?.metadata.managedFields);
  trackUpdate(
    request,
    managers,
    withoutManagedFields(live ?? emptyObject(object)),
    withoutManagedFields(object),
  );
  capUpdateManagers(managers);
  return withManagers(object, managers, live);
}

function trackUpdate(
  request: FieldManagement,
  managers: Managers,
  old: KubeObject,
  object: KubeObject,
): void {
  const { schema } = request;
  const reset = resetSet(request);
  const compared = takeOver(
    { old, value: object, key: undefined, managers, force: true, reset },
    schema,
  );
  if (!compared.ok) return;
  const { added, modified } = compared.value;
  const taken = union(added, modified);
  if (isEmptySet(taken)) return;
  const identity = identityOf(request, 'Update', object.apiVersion);
  const key = managerKey(identity);
  const self: Manager = { ...identity, time: timeText(request.now), fields: taken };
  const stripped: Managers = new Map();
  putStripped(stripped, key, self);
  const own = stripped.get(key);
  if (own === undefined) return;
  managers.set(key, { ...own, fields: union(own.fields, managers.get(key)?.fields ?? EMPTY) });
}

interface TakeOver {
  readonly old: KubeObject;
  readonly value: KubeObject;
  /** The applying manager, which does not conflict with itself. */
  readonly key: string | undefined;
  readonly managers: Managers;
  readonly force: boolean;
  readonly reset: FieldSet;
}

/** Takes what changed away from the managers that owned it, or says with whom that would be a conflict. */
function takeOver(request: TakeOver, schema: CompiledSchema): Result<Comparison, ApplyFailure> {
  const { managers, key, reset } = request;
  const old = isBuiltin(schema)
    ? withZeroMembers(request.old, schema.schema, schema.resolve)
    : request.old;
  const value = isBuiltin(schema)
    ? withZeroMembers(request.value, schema.schema, schema.resolve)
    : request.value;
  const all = compareValues(old, value, schema.schema, schema.resolve);
  const comparison: Comparison = {
    added: recursiveDifference(all.added, reset),
    modified: recursiveDifference(all.modified, reset),
    removed: recursiveDifference(all.removed, reset),
  };
  const changed = union(comparison.modified, comparison.added);
  const conflicts: [Manager, FieldSet][] = [];
  for (const [other, manager] of managers) {
    if (other === key) continue;
    const disputed = intersection(manager.fields, changed);
    if (!isEmptySet(disputed)) conflicts.push([manager, disputed]);
  }
  if (!request.force && conflicts.length > 0) return err(conflictFailure(conflicts));
  for (const [other, manager] of [...managers]) {
    if (other === key) continue;
    const kept = difference(difference(manager.fields, changed), comparison.removed);
    if (isEmptySet(kept)) managers.delete(other);
    else managers.set(other, { ...manager, fields: kept });
  }
  return ok(comparison);
}

/** Removes what the manager applied before, applies no more, and nobody else claims. */
function pruned(
  merged: KubeObject,
  managers: Managers,
  last: Manager | undefined,
  { schema, resolve }: CompiledSchema,
): KubeObject {
  if (last === undefined || isEmptySet(last.fields)) return merged;
  const named = (set: FieldSet): FieldSet => withNamedFields(set, schema, resolve);
  const setOfValue = (value: unknown): FieldSet => named(fieldSetOf(value, schema, resolve));
  const remove = (set: FieldSet): KubeObject =>
    removeFields(merged, set, schema, resolve) as KubeObject;
  const mergedSet = setOfValue(merged);
  let result = remove(named(last.fields));
  const claimed = [...managers.values()].reduce((all, { fields }) => union(all, fields), EMPTY);
  result = remove(difference(mergedSet, union(setOfValue(result), named(claimed))));
  const dangling = difference(mergedSet, setOfValue(result));
  return remove(intersection(dangling, named(last.fields)));
}

function liveManagers(request: FieldManagement, live: KubeObject | undefined): Managers {
  const managers = decodeManagers(live?.metadata.managedFields);
  if (live === undefined || managers.size > 0) return managers;
  // Fields of an object that nobody was recorded for belong to those who came before.
  const { resetFields: _, subresource: __, ...rest } = request;
  const before = { ...rest, manager: 'before-first-apply' };
  trackUpdate(before, managers, emptyObject(live), withoutManagedFields(live));
  return managers;
}

function identityOf(
  request: FieldManagement,
  operation: 'Apply' | 'Update',
  apiVersion: string,
): Omit<Manager, 'fields' | 'time'> {
  return {
    manager: request.manager,
    operation,
    apiVersion,
    subresource: request.subresource ?? '',
  };
}

function emptyObject({ apiVersion, kind }: KubeObject): KubeObject {
  return { apiVersion, kind, metadata: {} };
}

/** Built-in kinds are Go structs on the server; their schemas say which kind they are of. */
function isBuiltin({ schema }: CompiledSchema): boolean {
  return schema['x-kubernetes-group-version-kind'] !== undefined;
}

function resetSet({ resetFields, subresource, schema }: FieldManagement): FieldSet {
  const paths = resetFields ?? defaultResetFields(schema, subresource);
  return paths
    .map((path) => setOf(...path.map((name) => `f:${name}`)))
    .reduce((all, path) => union(all, path), EMPTY);
}

function defaultResetFields(
  { schema }: CompiledSchema,
  subresource: string | undefined,
): readonly (readonly string[])[] {
  const hasStatus = schema.properties?.['status'] !== undefined;
  if (!hasStatus) return [];
  if (subresource === 'status') return [['spec']];
  return subresource === undefined ? [['status']] : [];
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function withManagers(
  object: KubeObject,
  managers: Managers,
  live: KubeObject | undefined,
): KubeObject {
  const bare = withoutManagedFields(object);
  const entries = encodeManagers(managers);
  const old = live?.metadata.managedFields;
  if (live !== undefined && old !== undefined && jsonEqual(timeless(entries), timeless(old))) {
    // Only times would differ: as long as the rest is equal too, nothing is written.
    if (jsonEqual(withoutManagedFields(live), bare)) {
      return { ...bare, metadata: { ...bare.metadata, managedFields: old } };
    }
  }
  if (entries.length === 0) return bare;
  return { ...bare, metadata: { ...bare.metadata, managedFields: entries } };
}

function timeless(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  return entries.map((entry) => {
    const { time: _, ...rest } = entry;
    return rest;
  });
}

function conflictFailure(conflicts: readonly [Manager, FieldSet][]): ApplyFailure {
  const causes: ApplyConflict[] = [];
  const groups: string[] = [];
  let first = '';
  const sorted = conflicts
    .map(([manager, fields]) => ({
      name: describe(manager),
      paths: [...pathsOf(fields)].map(formatPath),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, paths } of sorted) {
    first ||= `conflict with ${name}: ${paths[0]}`;
    causes.push(...paths.map((field) => ({ field, message: `conflict with ${name}` })));
    groups.push(`conflicts with ${name}:`, ...paths.map((path) => `- ${path}`));
  }
  const message =
    causes.length === 1
      ? `Apply failed with 1 conflict: ${first}`
      : `Apply failed with ${causes.length} conflicts: ${groups.join('\n')}`;
  return { kind: 'conflict', message, conflicts: causes };
}

function describe({ manager, subresource, operation, apiVersion }: Manager): string {
  const name = `"${manager}"${subresource === '' ? '' : ` with subresource "${subresource}"`}`;
  return operation === 'Apply' ? name : `${name} using ${apiVersion}`;
}
