/** The Kubernetes API as raw JSON over one pool of TLS connections. */
import { integerBetween } from '../std/index.ts';
import type { KubeConnection } from './connection.ts';
import { isNotFound, KubeError } from './errors.ts';
import { collectionPath, objectPath, queryString, scopeQuery, writeQuery } from './paths.ts';
import { apiVersionOf, type ResourceType } from './resources.ts';
import { createTransport, type Transport, type TransportOptions } from './transport.ts';
import type {
  ApplyOptions,
  DeleteOptions,
  KubeClient,
  KubeResource,
  ListScope,
  ObjectList,
  ObjectRef,
  PatchOptions,
  RequestOptions,
  WatchEnd,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './types.ts';
import { consumeWatch } from './watch-stream.ts';

export interface KubeClientOptions extends TransportOptions {
  /** Objects asked for in one page of a list; default 500. */
  readonly pageSizeMax?: number;
  /** A watch without event or bookmark for so long is dead; default 150 s (servers send a bookmark each minute). */
  readonly watchSilenceMaxMs?: number;
  /** The longest event of a watch; default 16 Mi characters. */
  readonly watchLineMax?: number;
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
} as const;
const APPLY_PATCH = 'application/apply-patch+yaml';
const WATCH_SECONDS = { min: 300, max: 600 } as const;

/** A client for one API server; share it in the process, so that its pool and its rate limit are shared. */
export function createKubeClient(
  connection: KubeConnection,
  options: KubeClientOptions,
): KubeClient {
  const transport = createTransport(connection, options);
  return {
    ...reads(transport, options),
    ...writes(transport),
    watch: (type, watchOptions, onEvent) => watch(transport, options, type, watchOptions, onEvent),
    raw: (method, path, rawOptions = {}) =>
      transport.send({
        method,
        path,
        idempotent: method === 'GET',
        signal: rawOptions.signal,
        ...(rawOptions.body === undefined ? {} : { body: JSON.stringify(rawOptions.body) }),
      }),
    close: () => connection.close(),
  };
}

function reads(transport: Transport, options: KubeClientOptions): Pick<KubeClient, 'get' | 'list'> {
  const pageSize = options.pageSizeMax ?? 500;
  return {
    async get<T extends KubeResource>(
      type: ResourceType,
      ref: ObjectRef,
      getOptions: RequestOptions & { readonly subresource?: string } = {},
    ): Promise<T | undefined> {
      const path = objectPath(type, ref, getOptions.subresource);
      try {
        const { signal } = getOptions;
        return parse<T>(await transport.send({ method: 'GET', path, idempotent: true, signal }));
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async list<T extends KubeResource>(
      type: ResourceType,
      scope: ListScope & RequestOptions = {},
    ): Promise<ObjectList<T>> {
      try {
        return await listPages<T>(transport, type, scope, pageSize);
      } catch (error) {
        // The continue token outlived the server's history: read everything at once instead.
        if (!(error instanceof KubeError && error.status === 410)) throw error;
        return listPages<T>(transport, type, scope, undefined);
      }
    },
  };
}

interface ListBody<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

async function listPages<T extends KubeResource>(
  transport: Transport,
  type: ResourceType,
  scope: ListScope & RequestOptions,
  pageSize: number | undefined,
): Promise<ObjectList<T>> {
  const path = collectionPath(type, scope.namespace);
  const items: T[] = [];
  let token: string | undefined;
  for (;;) {
    const query = queryString({
      ...scopeQuery(scope),
      limit: pageSize?.toString(),
      continue: token,
    });
    const { signal } = scope;
    const page = parse<ListBody<T>>(
      await transport.send({ method: 'GET', path: path + query, idempotent: true, signal }),
    );
    for (const item of page.items ?? []) items.push(completeItem(type, item));
    token = page.metadata?.continue;
    if (token === undefined || token === '') {
      return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
    }
  }
}

/** Items of a list come without `apiVersion` and `kind`. */
function completeItem<T extends KubeResource>(type: ResourceType, item: T): T {
  return withoutManagedFields({ ...item, apiVersion: apiVersionOf(type), kind: type.kind });
}

/** Field ownership is the server's book-keeping; it is often most of an object's size. */
export function withoutManagedFields<T extends KubeResource>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function writes(
  transport: Transport,
): Pick<KubeClient, 'create' | 'replace' | 'patch' | 'apply' | 'delete'> {
  return {
    create: async <T extends KubeResource>(
      type: ResourceType,
      object: T,
      options: WriteOptions = {},
    ): Promise<T> => {
      const { namespace, name } = object.metadata;
      const path =
        options.subresource === undefined
          ? collectionPath(type, namespace)
          : objectPath(type, refOf(namespace, name), options.subresource);
      return send<T>(transport, 'POST', path, object, options, { idempotent: false });
    },
    replace: async <T extends KubeResource>(
      type: ResourceType,
      object: T,
      options: WriteOptions = {},
    ): Promise<T> => {
      const path = pathOfObject(type, object, options);
      // Without a version the last writer wins anyway; with one, a repeat after a lost answer would be a false conflict.
      const idempotent = object.metadata.resourceVersion === undefined;
      return send<T>(transport, 'PUT', path, object, options, { idempotent });
    },
    patch: async <T extends KubeResource>(
      type: ResourceType,
      ref: ObjectRef,
      options: PatchOptions,
    ): Promise<T> => {
      const path = objectPath(type, ref, options.subresource);
      const contentType = PATCH_TYPES[options.type];
      const idempotent = options.type === 'merge';
      return send<T>(transport, 'PATCH', path, options.body, options, { contentType, idempotent });
    },
    apply: async <T extends KubeResource>(
      type: ResourceType,
      object: T,
      options: ApplyOptions,
    ): Promise<T> => {
      const path = pathOfObject(type, object, options);
      return send<T>(transport, 'PATCH', path, object, options, {
        contentType: APPLY_PATCH,
        idempotent: true,
        force: options.force === true,
      });
    },
    delete: (type, ref, options = {}) => deleteObject(transport, type, ref, options),
  };
}

function pathOfObject(type: ResourceType, object: KubeResource, options: WriteOptions): string {
  const { namespace, name } = object.metadata;
  return objectPath(type, refOf(namespace, name), options.subresource);
}

function refOf(namespace: string | undefined, name: string | undefined): ObjectRef {
  if (name === undefined) throw new TypeError('the object has no metadata.name');
  return namespace === undefined ? { name } : { namespace, name };
}

interface WireOptions {
  readonly contentType?: string;
  readonly idempotent: boolean;
  readonly force?: boolean;
}

async function send<T>(
  transport: Transport,
  method: 'POST' | 'PUT' | 'PATCH',
  path: string,
  body: unknown,
  options: WriteOptions,
  wire: WireOptions,
): Promise<T> {
  const query = queryString({
    ...writeQuery(options),
    force: wire.force === true ? 'true' : undefined,
  });
  const text = await transport.send({
    method,
    path: path + query,
    body: JSON.stringify(body),
    idempotent: wire.idempotent,
    signal: options.signal,
    ...(wire.contentType === undefined ? {} : { contentType: wire.contentType }),
  });
  return parse<T>(text);
}

async function deleteObject(
  transport: Transport,
  type: ResourceType,
  ref: ObjectRef,
  options: DeleteOptions,
): Promise<void> {
  const { signal, ...body } = options;
  try {
    await transport.send({
      method: 'DELETE',
      path: objectPath(type, ref),
      body: JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', ...body }),
      idempotent: true,
      signal,
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function watch<T extends KubeResource>(
  transport: Transport,
  options: KubeClientOptions,
  type: ResourceType,
  watchOptions: WatchOptions,
  onEvent: (event: WatchEvent<T>) => void,
): Promise<WatchEnd> {
  const { resourceVersion, signal } = watchOptions;
  const seconds =
    watchOptions.timeoutSeconds ??
    integerBetween(options.random, WATCH_SECONDS.min, WATCH_SECONDS.max);
  const query = queryString({
    ...scopeQuery(watchOptions),
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion,
    timeoutSeconds: String(seconds),
  });
  const path = collectionPath(type, watchOptions.namespace) + query;
  try {
    const body = await transport.open({ method: 'GET', path, idempotent: true, signal });
    return await consumeWatch(
      body,
      {
        clock: options.clock,
        signal,
        resourceVersion,
        silenceMaxMs: options.watchSilenceMaxMs ?? 150_000,
        lineBytesMax: options.watchLineMax ?? 16 * 1024 * 1024,
      },
      onEvent,
    );
  } catch (error) {
    if (signal.aborted) return { kind: 'aborted', resourceVersion };
    if (error instanceof KubeError && error.status === 410) {
      return { kind: 'expired', resourceVersion };
    }
    return { kind: 'failed', resourceVersion, error: error as Error };
  }
}

function parse<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    const message = `the API server's answer is not JSON (${text.length} characters)`;
    throw new KubeError({ status: 0, reason: 'MalformedAnswer', message });
  }
}
