/** Between what is stored and what a client of one group version sees. */
import type { StoredObject } from '../objects/index.ts';
import { apiVersionOf } from './decode.ts';
import { fromCoreEvent, toCoreEvent } from './kinds/event.ts';
import type { ResourceDefinition } from './registry.ts';

/** The object as the store keeps it: in the storage version; events of both groups as core/v1. */
export function toStored(definition: ResourceDefinition, object: StoredObject): StoredObject {
  if (definition.group === 'events.k8s.io') return toCoreEvent(object);
  if (definition.custom === undefined) return object;
  const version = definition.custom.storageVersion;
  return { ...object, apiVersion: apiVersionOf({ group: definition.group, version }) };
}

/** The object as clients of `definition` see it. */
export function fromStored(definition: ResourceDefinition, object: StoredObject): StoredObject {
  if (definition.group === 'events.k8s.io') return fromCoreEvent(object);
  if (definition.custom === undefined) return object;
  const apiVersion = apiVersionOf(definition);
  const current = object.apiVersion === apiVersion ? object : { ...object, apiVersion };
  // A definition may have gained defaults after the object was stored.
  return definition.custom.version.schema.applyDefaults(current);
}
