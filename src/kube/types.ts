/** The public shapes of `kube`: objects as raw JSON, the client, and what informers and watches report. */
import type { ResourceType } from './resources.ts';

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: unknown;
  readonly subresource?: string;
}

/** Read-only because objects from an informer are shared by every reader. */
export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** What every API object has; the bound of the client's type parameters, so that any interface with these fits. */
export interface KubeResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** An API object whose other fields are not typed. Objects travel as raw JSON: a field we do not know survives. */
export interface KubeObject extends KubeResource {
  readonly [field: string]: unknown;
}

/** Names one object of a resource type. */
export interface ObjectRef {
  readonly namespace?: string;
  readonly name: string;
}

/** Which objects a list or a watch is about; all namespaces when `namespace` is absent. */
export interface ListScope {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends RequestOptions {
  /** `status` or `scale`; the main resource when absent. */
  readonly subresource?: string;
  readonly fieldManager?: string;
  /** Validated and admitted, but not stored. */
  readonly dryRun?: boolean;
}

export interface PatchOptions extends WriteOptions {
  /** Custom resources do not know `strategic`. */
  readonly type: 'merge' | 'strategic' | 'json';
  readonly body: unknown;
}

export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Takes fields that other managers own. */
  readonly force?: boolean;
}

export interface DeleteOptions extends RequestOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface ObjectList<T extends KubeResource = KubeObject> {
  readonly items: T[];
  /** Where a watch continues. */
  readonly resourceVersion: string;
}

export type WatchEvent<T extends KubeResource = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Only `metadata.resourceVersion` of the object means something. */
  | { readonly type: 'BOOKMARK'; readonly object: KubeResource };

/** Why a watch is over; `resourceVersion` is the last one seen, so where the next watch continues. */
export type WatchEnd =
  /** The server ended it in an orderly way (its time was over). */
  | { readonly kind: 'closed'; readonly resourceVersion: string }
  /** 410: the version is too old; list again. */
  | { readonly kind: 'expired'; readonly resourceVersion: string }
  /** The signal of the caller. */
  | { readonly kind: 'aborted'; readonly resourceVersion: string }
  /** Anything else: refused, cut, silent for too long, an ERROR event, a malformed line. */
  | { readonly kind: 'failed'; readonly resourceVersion: string; readonly error: Error };

export interface WatchOptions extends ListScope {
  readonly resourceVersion: string;
  readonly signal: AbortSignal;
  /** How long the server shall keep it open, in seconds; random in 300..600 when absent. */
  readonly timeoutSeconds?: number;
}

/**
 * The API server as raw JSON. Every method but `watch` rejects with `KubeError` for an answer that is not a success,
 * and with another `Error` when the server could not be reached in time (`KubeError` then has status 0).
 */
export interface KubeClient {
  /** Undefined when there is none. */
  get<T extends KubeResource = KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    options?: RequestOptions & { readonly subresource?: string },
  ): Promise<T | undefined>;
  /** Every page, with `apiVersion` and `kind` filled in; `managedFields` are removed. */
  list<T extends KubeResource = KubeObject>(
    type: ResourceType,
    scope?: ListScope & RequestOptions,
  ): Promise<ObjectList<T>>;
  create<T extends KubeResource>(type: ResourceType, object: T, options?: WriteOptions): Promise<T>;
  /** Full update; with `metadata.resourceVersion` a 409 when the object changed since. */
  replace<T extends KubeResource>(
    type: ResourceType,
    object: T,
    options?: WriteOptions,
  ): Promise<T>;
  patch<T extends KubeResource = KubeObject>(
    type: ResourceType,
    ref: ObjectRef,
    options: PatchOptions,
  ): Promise<T>;
  /** Server-side apply. */
  apply<T extends KubeResource>(type: ResourceType, object: T, options: ApplyOptions): Promise<T>;
  /** An object that is already gone is fine. */
  delete(type: ResourceType, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /** Calls `onEvent` in order until the watch is over; resolves with the reason and does not reject. */
  watch<T extends KubeResource = KubeObject>(
    type: ResourceType,
    options: WatchOptions,
    onEvent: (event: WatchEvent<T>) => void,
  ): Promise<WatchEnd>;
  /** Any other path (`/version`, `/readyz`, `…/log`); the body as text. */
  raw(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    options?: RequestOptions & { readonly body?: unknown },
  ): Promise<string>;
  /** Closes the connections; requests under way fail. */
  close(): Promise<void>;
}

export type InformerChange<T extends KubeResource = KubeObject> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly old: T }
  | { readonly type: 'deleted'; readonly object: T };

/** A local copy of the objects of one type, kept fresh whatever the connection does. Objects are shared: do not change them. */
export interface Informer<T extends KubeResource = KubeObject> {
  start(): void;
  /** Ends list and watch; after it resolves no listener is called. */
  stop(): Promise<void>;
  /** True after the first complete list. */
  hasSynced(): boolean;
  /** Resolves when the first list has ended or was given up, with why it failed, if it did; the informer goes on trying. */
  firstList(): Promise<Error | undefined>;
  /** Resolves after the first complete list; rejects when `signal` aborts or the informer stops. */
  waitForSync(signal?: AbortSignal): Promise<void>;
  /** By `namespace/name`, or `name` for cluster-wide types. */
  get(key: string): T | undefined;
  list(): readonly T[];
  /** Returns the cancel function. A listener that joins late is told `added` for everything there is. */
  onChange(listener: (change: InformerChange<T>) => void): () => void;
}

/** What one reconcile came to. Throwing instead means: try again with back-off. */
export type Outcome =
  | { readonly kind: 'settled' }
  | { readonly kind: 'requeueAfter'; readonly afterMs: number }
  /** Nothing to do until the world changes; `reason` is a stable word. */
  | { readonly kind: 'blocked'; readonly reason: string };

/** Key of an object in informers and queues: `namespace/name`, or `name` for cluster-wide types. */
export function objectKey(object: { readonly metadata: ObjectMeta }): string {
  const { namespace, name = '' } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The inverse of {@link objectKey}. */
export function refOfKey(key: string): ObjectRef {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
