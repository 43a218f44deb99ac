/** Every object of the cluster by uid and by owner, custom resources included: what garbage collection looks at. */
import {
  createInformer,
  RESOURCES,
  splitApiVersion,
  type Informer,
  type InformerChange,
  type KubeClient,
  type KubeResource,
  type ResourceType,
} from '../../kube/index.ts';
import type { Clock, Random } from '../../std/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';

export interface GraphObject {
  readonly type: ResourceType;
  readonly object: KubeResource;
}

export interface ObjectGraph {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** True when every kind served now has been listed completely. */
  isComplete(): boolean;
  all(): GraphObject[];
  byUid(uid: string): GraphObject | undefined;
  dependentsOf(uid: string): GraphObject[];
  inNamespace(namespace: string): GraphObject[];
  /** The served type of an owner reference. */
  typeOf(apiVersion: string, kind: string): ResourceType | undefined;
  onChange(listener: (change: InformerChange<KubeResource>, type: ResourceType) => void): void;
}

interface GraphOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What discovery says of one resource. */
interface ServedResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

const keyOf = (type: ResourceType): string => `${type.group}/${type.plural}`;

export function createObjectGraph(options: GraphOptions): ObjectGraph {
  const informers = new Map<string, { type: ResourceType; informer: Informer<KubeResource> }>();
  const listeners: ((change: InformerChange<KubeResource>, type: ResourceType) => void)[] = [];
  const objects = new Map<string, GraphObject>();
  const owned = new Map<string, Set<string>>();
  const index = (object: KubeResource, isThere: boolean): void => {
    const uid = object.metadata.uid as string;
    for (const owner of object.metadata.ownerReferences ?? []) {
      const uids = owned.get(owner.uid) ?? new Set();
      if (isThere) uids.add(uid);
      else uids.delete(uid);
      if (uids.size > 0) owned.set(owner.uid, uids);
      else owned.delete(owner.uid);
    }
  };
  const follow = (type: ResourceType): void => {
    const informer = createInformer<KubeResource>({ ...options, resource: type });
    informers.set(keyOf(type), { type, informer });
    informer.onChange((change) => {
      const uid = change.object.metadata.uid as string;
      if (change.type === 'updated') index(change.old, false);
      if (change.type === 'deleted') objects.delete(uid);
      else objects.set(uid, { type, object: change.object });
      index(change.object, change.type !== 'deleted');
      for (const listener of listeners) listener(change, type);
    });
    informer.start();
  };
  const definitions = createInformer<KubeResource>({
    ...options,
    resource: RESOURCES.customResourceDefinitions,
  });
  const refresh = createRefresher(options, informers, follow);
  return {
    async start() {
      definitions.start();
      await refresh.now();
      definitions.onChange(() => refresh.soon());
      await Promise.all([...informers.values()].map(({ informer }) => informer.waitForSync()));
    },
    async stop() {
      refresh.stop();
      await definitions.stop();
      await Promise.all([...informers.values()].map(({ informer }) => informer.stop()));
    },
    isComplete: () => [...informers.values()].every(({ informer }) => informer.hasSynced()),
    all: () => [...objects.values()],
    byUid: (uid) => objects.get(uid),
    dependentsOf: (uid) => [...(owned.get(uid) ?? [])].flatMap((one) => objects.get(one) ?? []),
    inNamespace: (namespace) =>
      [...objects.values()].filter(({ object }) => object.metadata.namespace === namespace),
    typeOf(apiVersion, kind) {
      const [group] = splitApiVersion(apiVersion);
      return [...informers.values()].find(({ type }) => type.group === group && type.kind === kind)
        ?.type;
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

/** Asks discovery which kinds there are; a definition's kind appears there a moment after the definition. */
function createRefresher(
  options: GraphOptions,
  informers: Map<string, { type: ResourceType; informer: Informer<KubeResource> }>,
  follow: (type: ResourceType) => void,
): { now(): Promise<void>; soon(): void; stop(): void } {
  let isStopped = false;
  let running: Promise<void> | undefined;
  let isWanted = false;
  const now = async (): Promise<void> => {
    const served = await servedTypes(options.client);
    if (isStopped) return;
    const keys = new Set(served.map(keyOf));
    for (const type of served) if (!informers.has(keyOf(type))) follow(type);
    for (const [key, { informer }] of informers) {
      if (keys.has(key)) continue;
      informers.delete(key);
      await informer.stop();
    }
  };
  const soon = (): void => {
    isWanted = true;
    running ??= (async () => {
      while (isWanted && !isStopped) {
        isWanted = false;
        await now();
      }
    })()
      .catch((error: unknown) =>
        options.logger.warn('discovery failed', { error: (error as Error).message }),
      )
      .finally(() => (running = undefined));
  };
  return {
    now,
    soon,
    stop() {
      isStopped = true;
    },
  };
}

/** Events have no owners and are many: they are left out. */
async function servedTypes(client: KubeClient): Promise<ResourceType[]> {
  const groups = JSON.parse(await client.raw('GET', '/apis')) as {
    groups: { name: string; preferredVersion: { version: string } }[];
  };
  const versions = [
    { group: '', version: 'v1', path: '/api/v1' },
    ...groups.groups.map(({ name, preferredVersion: { version } }) => ({
      group: name,
      version,
      path: `/apis/${name}/${version}`,
    })),
  ];
  const lists = await Promise.all(
    versions.map(async ({ group, version, path }) => {
      const { resources } = JSON.parse(await client.raw('GET', path)) as {
        resources: ServedResource[];
      };
      return resources
        .filter(({ name, verbs }) => isFollowed(name, verbs))
        .map(({ name, kind, namespaced }) => ({ group, version, plural: name, kind, namespaced }));
    }),
  );
  return lists.flat();
}

const isFollowed = (name: string, verbs: readonly string[]): boolean =>
  !name.includes('/') &&
  name !== 'events' &&
  ['list', 'watch', 'delete'].every((verb) => verbs.includes(verb));
