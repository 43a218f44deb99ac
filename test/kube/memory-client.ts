/** Just enough of an API server in memory for leases and events: versions, conflicts, and failures on demand. */
import { isDeepStrictEqual } from 'node:util';
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type KubeResource,
  type ObjectRef,
  type ResourceType,
} from '../../src/kube/index.ts';

export interface MemoryClient extends Pick<KubeClient, 'get' | 'create' | 'replace' | 'patch'> {
  readonly objects: Map<string, KubeObject>;
  /** Every call that changed something. */
  readonly writes: string[];
}

/** Several clients may share `objects`; `isCut` makes every call of this one fail. */
export function createMemoryClient(
  objects = new Map<string, KubeObject>(),
  isCut: () => boolean = () => false,
): MemoryClient {
  const writes: string[] = [];
  let version = 0;
  const keyOf = (type: ResourceType, ref: ObjectRef): string => `${type.plural}/${ref.name}`;
  const refuse = (status: number, reason: string): never => {
    throw new KubeError({ status, reason, message: reason });
  };
  const check = (): void => {
    if (isCut()) refuse(0, 'Unreachable');
  };
  const store = <T extends KubeResource>(key: string, object: T, verb: string): T => {
    version = Math.max(version, ...[...objects.values()].map(versionOf)) + 1;
    const stored = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(version) },
    };
    objects.set(key, stored as unknown as KubeObject);
    writes.push(`${verb} ${key}`);
    return stored;
  };
  return {
    objects,
    writes,
    async get<T extends KubeResource>(type: ResourceType, ref: ObjectRef) {
      check();
      return objects.get(keyOf(type, ref)) as unknown as T | undefined;
    },
    async create<T extends KubeResource>(type: ResourceType, object: T) {
      check();
      const key = keyOf(type, { name: object.metadata.name ?? '' });
      if (objects.has(key)) refuse(409, 'AlreadyExists');
      return store(key, object, 'create');
    },
    async replace<T extends KubeResource>(type: ResourceType, object: T) {
      check();
      const key = keyOf(type, { name: object.metadata.name ?? '' });
      const current = objects.get(key) ?? refuse(404, 'NotFound');
      if (!isDeepStrictEqual(versionOf(current), versionOf(object))) refuse(409, 'Conflict');
      return store(key, object, 'replace');
    },
    async patch<T extends KubeResource>(
      type: ResourceType,
      ref: ObjectRef,
      { body }: { readonly body: unknown },
    ) {
      check();
      const key = keyOf(type, ref);
      const current = objects.get(key) ?? refuse(404, 'NotFound');
      const { metadata } = body as { readonly metadata?: { readonly resourceVersion?: string } };
      const expected = metadata?.resourceVersion ?? current.metadata.resourceVersion;
      if (expected !== current.metadata.resourceVersion) refuse(409, 'Conflict');
      return store(key, merged(current, body) as T, 'patch');
    },
  };
}

/** RFC 7396. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(target as object | undefined) };
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = merged(result[field], value);
  }
  return result;
}

const versionOf = (object: KubeResource): number => Number(object.metadata.resourceVersion);
