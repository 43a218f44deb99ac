/** What must hold before a write is looked at: names agree, versions are current, the namespace takes objects. */
import type { StoredObject } from '../objects/index.ts';
import type { Api, ApiRequest } from './context.ts';
import type { ResourceDefinition } from './registry.ts';
import { badRequest, conflict, forbidden, invalid, modified, notFound } from './status.ts';

/** The name in the object, when there is one, must be the path's. */
export function checkName(object: StoredObject, request: ApiRequest): void {
  const name = object.metadata.name ?? '';
  if (name === '') object.metadata.name = request.name;
  else if (name !== request.name) {
    throw badRequest(
      `the name of the object (${name}) does not match the name on the URL (${request.name})`,
    );
  }
}

/** The namespace of the path is the object's; another one in the object is a mistake. */
export function checkNamespace(object: StoredObject, request: ApiRequest): void {
  if (!request.definition.namespaced) return;
  const namespace = object.metadata.namespace ?? '';
  if (namespace === '') object.metadata.namespace = request.namespace;
  else if (namespace !== request.namespace) {
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
}

/** A replacement that names a uid is for that object only. */
export function checkUid(
  definition: ResourceDefinition,
  live: StoredObject,
  object: StoredObject,
): void {
  const { uid = '' } = object.metadata;
  if (uid === '' || uid === live.metadata.uid) return;
  throw conflict(
    definition,
    live.metadata.name ?? '',
    `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`,
  );
}

/** A stale version is a Conflict; a missing one is refused where the kind insists. */
export function checkVersion(
  definition: ResourceDefinition,
  live: StoredObject,
  object: StoredObject,
): void {
  const name = live.metadata.name ?? '';
  const { resourceVersion = '' } = object.metadata;
  if (resourceVersion === '' || resourceVersion === '0') {
    if (definition.strategy.unconditionalUpdate) return;
    throw invalid({ group: definition.group, kind: definition.plural }, name, [
      {
        field: 'metadata.resourceVersion',
        reason: 'FieldValueInvalid',
        message: 'Invalid value: 0: must be specified for an update',
      },
    ]);
  }
  if (resourceVersion !== live.metadata.resourceVersion) throw modified(definition, name);
}

/** A namespaced object needs a namespace that exists and is not on its way out. */
export function requireNamespace(
  api: Api,
  definition: ResourceDefinition,
  object: StoredObject,
): void {
  if (!definition.namespaced) return;
  const { namespace = '', name = '' } = object.metadata;
  const found = api.store.get({ resource: 'namespaces', namespace: '', name: namespace });
  if (found === undefined) {
    throw notFound({ group: '', plural: 'namespaces', kind: 'Namespace' }, namespace);
  }
  if (found.metadata.deletionTimestamp !== undefined) {
    throw forbidden(
      definition,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
      [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    );
  }
}
