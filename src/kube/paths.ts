/** URLs of the API: collection, object, subresource, and query parameters. */
import type { ResourceType } from './resources.ts';
import type { ListScope, ObjectRef, WriteOptions } from './types.ts';

/** The path of a collection; every namespace when `namespace` is absent. */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const within =
    type.namespaced && namespace !== undefined
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : '';
  return `${root}${within}/${type.plural}`;
}

/** The path of one object, or of a subresource of it. */
export function objectPath(type: ResourceType, ref: ObjectRef, subresource?: string): string {
  const base = `${collectionPath(type, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? base : `${base}/${subresource}`;
}

export type Query = Readonly<Record<string, string | undefined>>;

/** `?a=b&c=d` without the undefined ones; empty when nothing is left. */
export function queryString(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, value);
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

export function scopeQuery(scope: ListScope): Query {
  return { labelSelector: scope.labelSelector, fieldSelector: scope.fieldSelector };
}

/** Every write is `Strict`: a field the server does not know is an error, not a silent loss. */
export function writeQuery(options: WriteOptions): Query {
  return {
    fieldValidation: 'Strict',
    fieldManager: options.fieldManager,
    dryRun: options.dryRun === true ? 'All' : undefined,
  };
}
