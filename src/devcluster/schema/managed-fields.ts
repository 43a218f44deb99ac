/** Managers and the fields they own: `metadata.managedFields` decoded, changed and encoded as the server does. */
import {
  decodeFieldSet,
  difference,
  encodeFieldSet,
  isEmptySet,
  setOf,
  union,
  type FieldSet,
} from './field-set.ts';
import type { ManagedFieldsEntry } from './types.ts';

/** Update entries an object may have before the oldest are merged into one. */
const UPDATE_MANAGERS_MAX = 10;
const OLD_UPDATES_MANAGER = 'ancient-changes';

/** One manager of an object. */
export interface Manager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time?: string;
  readonly fields: FieldSet;
}

/** Managers by identity: name, operation, subresource, and for updates the version. */
export type Managers = Map<string, Manager>;

export function managerKey(manager: Omit<Manager, 'fields' | 'time'>): string {
  const version = manager.operation === 'Apply' ? '' : manager.apiVersion;
  return JSON.stringify([manager.manager, manager.operation, version, manager.subresource]);
}

/** Undefined when an entry cannot be understood. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers {
  const managers: Managers = new Map();
  for (const entry of entries ?? []) {
    const { operation, apiVersion, time } = entry;
    if ((operation !== 'Apply' && operation !== 'Update') || apiVersion === undefined) continue;
    const manager: Manager = {
      manager: entry.manager ?? '',
      operation,
      apiVersion,
      subresource: entry.subresource ?? '',
      ...(time !== undefined && { time }),
      fields: decodeFieldSet(entry.fieldsV1),
    };
    managers.set(managerKey(manager), manager);
  }
  return managers;
}

/** The entries in the server's order: appliers first, then by time, name, version, subresource. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] {
  return [...managers.values()].sort(byEntry).map((manager) => ({
    ...(manager.manager !== '' && { manager: manager.manager }),
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time !== undefined && { time: manager.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: encodeFieldSet(manager.fields),
    ...(manager.subresource !== '' && { subresource: manager.subresource }),
  }));
}

function byEntry(a: Manager, b: Manager): number {
  const keys = ['operation', 'time', 'manager', 'apiVersion', 'subresource'] as const;
  for (const key of keys) {
    const [left, right] = [a[key] ?? '', b[key] ?? ''];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

const META = (name: string): FieldSet => setOf('f:metadata', `f:${name}`);

/** Fields that nobody owns: the server keeps them, or they say which object it is. */
const STRIPPED: FieldSet = [
  setOf('f:apiVersion'),
  setOf('f:kind'),
  setOf('f:metadata'),
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map(META),
].reduce(union);

/** The manager without the fields that nobody owns, put into `managers`, or taken out when none is left. */
export function putStripped(managers: Managers, key: string, manager: Manager): void {
  const fields = difference(manager.fields, STRIPPED);
  if (isEmptySet(fields)) managers.delete(key);
  else managers.set(key, { ...manager, fields });
}

/** Merges the oldest update entries into one when there are too many. */
export function capUpdateManagers(managers: Managers): void {
  const updaters = [...managers.entries()]
    .filter(([, { operation }]) => operation === 'Update')
    .sort(([keyA, a], [keyB, b]) => {
      const [left, right] = [`${a.time ?? ''} ${keyA}`, `${b.time ?? ''} ${keyB}`];
      return left < right ? -1 : 1;
    });
  let surplus = updaters.length - UPDATE_MANAGERS_MAX;
  const firstByVersion = new Map<string, string>();
  for (const [key, manager] of updaters) {
    if (surplus <= 0) return;
    const { apiVersion } = manager;
    const bucketKey = managerKey({
      manager: OLD_UPDATES_MANAGER,
      operation: 'Update',
      apiVersion,
      subresource: '',
    });
    const first = firstByVersion.get(apiVersion);
    if (first === undefined) {
      firstByVersion.set(apiVersion, key);
      continue;
    }
    const bucket = managers.get(bucketKey) ?? managers.get(first);
    if (bucket === undefined) continue;
    if (!managers.has(bucketKey)) managers.delete(first);
    managers.delete(key);
    managers.set(bucketKey, {
      ...manager,
      manager: OLD_UPDATES_MANAGER,
      subresource: '',
      fields: union(bucket.fields, manager.fields),
    });
    surplus -= 1;
  }
}
