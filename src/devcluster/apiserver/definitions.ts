/** The life of a CustomResourceDefinition: its names are accepted, it is established, and it takes its objects with it. */
import { timeText } from '../../std/index.ts';
import type { StoredObject } from '../objects/index.ts';
import { updateManagedFields, builtinSchema } from '../schema/index.ts';
import type { Api } from './context.ts';
import { deleteObject } from './delete.ts';
import {
  asObject,
  asObjects,
  asText,
  child,
  clone,
  equal,
  specOf,
  statusOf,
  type JsonObject,
} from './json.ts';
import { claimedNames, CRDS, storageOf } from './registry.ts';
import { fromStored } from './versions.ts';

const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';
const MANAGER = 'kube-apiserver';

/** Watches definitions and their objects; works in the order of the changes. */
export function startDefinitionController(api: Api): { stop(): void } {
  const cancels = new Map<string, () => void>();
  const settle = (name: string): void => {
    const crd = api.store.get({ resource: CRDS, namespace: '', name });
    if (crd === undefined) return;
    if (crd.metadata.deletionTimestamp !== undefined) {
      watchObjects(crd);
      removeObjects(api, crd);
    } else {
      establish(api, crd);
    }
  };
  // While a definition is leaving, each object that goes may be the last.
  const watchObjects = (crd: StoredObject): void => {
    const name = crd.metadata.name ?? '';
    if (cancels.has(name)) return;
    const { group, plural } = claimedNames(crd);
    const started = api.store.watch(storageOf(group, plural), api.store.toldRevision(), () =>
      settle(name),
    );
    if (started.ok) cancels.set(name, started.value);
  };
  const started = api.store.watch(CRDS, api.store.toldRevision(), (event) => {
    const { name } = event.key;
    if (event.type === 'DELETED') {
      cancels.get(name)?.();
      cancels.delete(name);
    } else settle(name);
  });
  const listed = api.store.list(CRDS);
  for (const crd of listed.ok ? listed.value.items : []) settle(crd.metadata.name ?? '');
  return {
    stop() {
      if (started.ok) started.value();
      for (const cancel of cancels.values()) cancel();
    },
  };
}

/** Accepts the names unless another definition of the group holds them. */
function establish(api: Api, crd: StoredObject): void {
  const names = asObject(specOf(crd)['names']);
  const conflict = nameConflict(api, crd);
  const established = isTrue(crd, 'Established') || conflict === undefined;
  const next = clone(crd);
  const status = child(next, 'status');
  if (conflict === undefined) status['acceptedNames'] = clone(names);
  const now = timeText(api.now());
  setCondition(status, now, {
    type: 'NamesAccepted',
    status: conflict === undefined ? 'True' : 'False',
    reason: conflict === undefined ? 'NoConflicts' : 'PluralConflict',
    message: conflict ?? 'no conflicts found',
  });
  setCondition(status, now, {
    type: 'Established',
    status: established ? 'True' : 'False',
    reason: established ? 'InitialNamesAccepted' : 'NotAccepted',
    message: established ? 'the initial names have been accepted' : 'not all names are accepted',
  });
  const stored = new Set(
    Array.isArray(status['storedVersions']) ? (status['storedVersions'] as string[]) : [],
  );
  for (const version of asObjects(specOf(crd)['versions'])) {
    if (version['storage'] === true) stored.add(asText(version['name']));
  }
  status['storedVersions'] = [...stored];
  if (!next.metadata.finalizers?.includes(CLEANUP)) {
    next.metadata.finalizers = [...(next.metadata.finalizers ?? []), CLEANUP];
  }
  if (!equal(next, crd)) write(api, crd, next);
}

function write(api: Api, crd: StoredObject, next: StoredObject): void {
  const schema = builtinSchema('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition');
  const tracked =
    schema === undefined
      ? next
      : updateManagedFields({
          schema,
          live: crd as never,
          object: next as never,
          manager: MANAGER,
          subresource: 'status',
          now: api.now(),
        });
  const key = { resource: CRDS, namespace: '', name: crd.metadata.name ?? '' };
  api.store.update(key, tracked as StoredObject, crd.metadata.resourceVersion ?? '');
}

function nameConflict(api: Api, crd: StoredObject): string | undefined {
  const own = claimedNames(crd);
  const listed = api.store.list(CRDS);
  const others = (listed.ok ? listed.value.items : []).filter(
    (other) => other.metadata.name !== crd.metadata.name && claimedNames(other).group === own.group,
  );
  const holder = others.find(
    (other) => claimedNames(other).kind === own.kind && isTrue(other, 'Established'),
  );
  return holder && `"${own.kind}" is already in use`;
}

function isTrue(crd: StoredObject, type: string): boolean {
  return asObjects(statusOf(crd)['conditions']).some(
    (one) => one['type'] === type && one['status'] === 'True',
  );
}

function setCondition(status: JsonObject, now: string, wanted: Record<string, string>): void {
  const conditions = asObjects(status['conditions']);
  const current = conditions.find((one) => one['type'] === wanted['type']);
  const { type, status: value, reason, message } = wanted;
  if (current === undefined) {
    status['conditions'] = [
      ...conditions,
      { type, status: value, lastTransitionTime: now, reason, message },
    ];
    return;
  }
  if (current['status'] !== value) {
    Object.assign(current, { status: value, lastTransitionTime: now, reason, message });
  }
}

/** Deletes the objects of a definition that is being deleted; with the last one the definition itself may go. */
function removeObjects(api: Api, crd: StoredObject): void {
  const { group, plural } = claimedNames(crd);
  const definition = api.registry.all().find((one) => one.group === group && one.plural === plural);
  const listed = api.store.list(storageOf(group, plural));
  const items = listed.ok ? listed.value.items : [];
  if (definition !== undefined) {
    for (const item of items.filter((one) => one.metadata.deletionTimestamp === undefined)) {
      deleteObject(api, definition, fromStored(definition, item), {
        gracePeriodSeconds: undefined,
        propagation: undefined,
        uid: undefined,
        resourceVersion: undefined,
        dryRun: false,
      });
    }
  }
  const left = api.store.list(storageOf(group, plural));
  if ((left.ok ? left.value.items.length : 0) > 0) return;
  const key = { resource: CRDS, namespace: '', name: crd.metadata.name ?? '' };
  const latest = api.store.get(key);
  if (latest === undefined) return;
  const finalizers = (latest.metadata.finalizers ?? []).filter((one) => one !== CLEANUP);
  if (finalizers.length === 0) api.store.remove(key);
  else if (latest.metadata.finalizers?.includes(CLEANUP)) {
    const next = { ...latest, metadata: { ...latest.metadata, finalizers } };
    api.store.update(key, next, latest.metadata.resourceVersion ?? '');
  }
}
