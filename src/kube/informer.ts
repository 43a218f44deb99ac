/**
 * A local copy of one resource type that stays fresh through refused, cut, silent and malformed watches, expired versions
 * and broken listeners: a loop of its own around list and watch.
 */
import { createBackoff, delay, type Backoff, type Clock, type Random } from '../std/index.ts';
import type { CounterMetric, GaugeMetric, Logger, Metrics } from '../telemetry/index.ts';
import { withoutManagedFields } from './client.ts';
import { KubeError } from './errors.ts';
import { createObjectCache, type ObjectCache } from './object-cache.ts';
import type { ResourceType } from './resources.ts';
import type {
  Informer,
  KubeClient,
  KubeObject,
  KubeResource,
  ListScope,
  WatchEnd,
  WatchEvent,
} from './types.ts';

export interface InformerOptions extends ListScope {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly resource: ResourceType;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** First and longest wait after a failure, in ms, before jitter; default 200 and 30 000. */
  readonly backoff?: { readonly initialMs: number; readonly maxMs: number };
}

/** A watch that lived this long was healthy: the next failure starts with a short wait again. */
const HEALTHY_WATCH_MS = 5000;

/** An informer that does nothing until it is started; it may be started again after it was stopped. */
export function createInformer<T extends KubeResource = KubeObject>(
  options: InformerOptions,
): Informer<T> {
  const logger = options.logger.child({ informer: options.resource.plural });
  const meters = createMeters(options);
  const cache = createObjectCache<T>((error) => {
    meters.listenerErrors.inc(meters.labels);
    logger.error('informer listener failed', { error: describe(error) });
  });
  const sync = createSyncFlag();
  const first = Promise.withResolvers<Error | undefined>();
  let run: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  return {
    start() {
      if (run !== undefined) return;
      const abort = new AbortController();
      const loop = { options, logger, meters, cache, sync, first, signal: abort.signal };
      run = { abort, done: runLoop<T>(loop) };
    },
    async stop() {
      run?.abort.abort();
      await run?.done;
      run = undefined;
      sync.stop();
      first.resolve(undefined);
    },
    hasSynced: sync.isSet,
    firstList: () => first.promise,
    waitForSync: sync.wait,
    get: cache.get,
    list: cache.list,
    onChange: cache.listen,
  };
}

interface Meters {
  readonly labels: Readonly<Record<string, string>>;
  readonly lists: CounterMetric;
  readonly watchEnds: CounterMetric;
  readonly listenerErrors: CounterMetric;
  readonly objects: GaugeMetric;
  readonly objectLabels: Readonly<Record<string, string>>;
}

function createMeters({ metrics, resource, namespace = '' }: InformerOptions): Meters {
  return {
    labels: { resource: resource.plural },
    lists: metrics.counter(
      'kube_informer_lists_total',
      'Complete lists an informer asked for, by result (ok, failed).',
      ['resource', 'result'],
    ),
    watchEnds: metrics.counter(
      'kube_informer_watch_ends_total',
      'Watches that ended, by reason (closed, expired, failed).',
      ['resource', 'reason'],
    ),
    listenerErrors: metrics.counter(
      'kube_informer_listener_errors_total',
      'Exceptions thrown by listeners of an informer.',
      ['resource'],
    ),
    objects: metrics.gauge(
      'kube_informer_objects',
      'Objects an informer holds; namespace is empty when it watches all.',
      ['resource', 'namespace'],
    ),
    objectLabels: { resource: resource.plural, namespace },
  };
}

interface Loop<T extends KubeResource> {
  readonly options: InformerOptions;
  readonly logger: Logger;
  readonly meters: Meters;
  readonly cache: ObjectCache<T>;
  readonly sync: SyncFlag;
  readonly first: PromiseWithResolvers<Error | undefined>;
  readonly signal: AbortSignal;
}

/** List, then watch until the version expires, then list again; ends only with the signal. */
async function runLoop<T extends KubeResource>(loop: Loop<T>): Promise<void> {
  const { clock, random } = loop.options;
  const backoff = createBackoff(loop.options.backoff ?? { initialMs: 200, maxMs: 30_000 }, random);
  while (!loop.signal.aborted) {
    const resourceVersion = await listOnce(loop);
    if (resourceVersion !== undefined) await watchFrom(loop, resourceVersion, backoff);
    // Both a failed list and an expired version pass here, so a server that answers 410 for ever is not flooded.
    await delay(clock, backoff.next(), loop.signal).catch(() => undefined);
  }
}

/** The version to watch from, or undefined when the list failed. */
async function listOnce<T extends KubeResource>(loop: Loop<T>): Promise<string | undefined> {
  const { cache, first, logger, meters, options, signal, sync } = loop;
  try {
    const list = await options.client.list<T>(options.resource, { ...scopeOf(options), signal });
    // stop() may have come while the answer was being read.
    if (signal.aborted) return undefined;
    cache.replaceAll(list.items);
    meters.lists.inc({ ...meters.labels, result: 'ok' });
    meters.objects.set(cache.size, meters.objectLabels);
    sync.set();
    first.resolve(undefined);
    return list.resourceVersion;
  } catch (error) {
    if (signal.aborted) return undefined;
    meters.lists.inc({ ...meters.labels, result: 'failed' });
    logger.warn('informer list failed', { error: describe(error) });
    first.resolve(error as Error);
    return undefined;
  }
}

/** Watches again and again from the last version seen; returns when the version expired or the signal aborted. */
async function watchFrom<T extends KubeResource>(
  loop: Loop<T>,
  fromVersion: string,
  backoff: Backoff,
): Promise<void> {
  const { logger, meters, options, signal } = loop;
  let resourceVersion = fromVersion;
  while (!signal.aborted) {
    const startedAt = options.clock.monotonic();
    let events = 0;
    const end: WatchEnd = await options.client.watch<T>(
      options.resource,
      { ...scopeOf(options), resourceVersion, signal },
      (event) => {
        // An event already read from the socket when stop() came is nobody's business any more.
        if (signal.aborted) return;
        events += 1;
        applyEvent(loop, event);
      },
    );
    if (end.kind === 'aborted' || signal.aborted) return;
    resourceVersion = end.resourceVersion;
    meters.watchEnds.inc({ ...meters.labels, reason: end.kind });
    if (events > 0 || options.clock.monotonic() - startedAt >= HEALTHY_WATCH_MS) backoff.reset();
    if (end.kind === 'expired') {
      logger.info('informer lists again: its version expired', { resourceVersion });
      return;
    }
    if (end.kind === 'failed') {
      logger.warn('informer watch failed', { error: describe(end.error), resourceVersion });
    }
    const healthy =
      end.kind === 'closed' && options.clock.monotonic() - startedAt >= HEALTHY_WATCH_MS;
    if (!healthy) await delay(options.clock, backoff.next(), signal).catch(() => undefined);
  }
}

function applyEvent<T extends KubeResource>(loop: Loop<T>, event: WatchEvent<T>): void {
  const { cache, meters } = loop;
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
      cache.set(withoutManagedFields(event.object));
      break;
    case 'DELETED':
      cache.remove(withoutManagedFields(event.object));
      break;
    case 'BOOKMARK':
      return;
    default:
      return;
  }
  meters.objects.set(cache.size, meters.objectLabels);
}

function scopeOf({ namespace, labelSelector, fieldSelector }: ListScope): ListScope {
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

function describe(error: unknown): string {
  if (error instanceof KubeError) return `${error.status} ${error.reason}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

interface SyncFlag {
  set(): void;
  isSet(): boolean;
  wait(signal?: AbortSignal): Promise<void>;
  /** Rejects everyone who still waits. */
  stop(): void;
}

function createSyncFlag(): SyncFlag {
  let isSet = false;
  const waiting = new Set<(error?: Error) => void>();
  const settle = (error?: Error): void => {
    for (const finish of waiting) finish(error);
    waiting.clear();
  };
  return {
    isSet: () => isSet,
    set() {
      isSet = true;
      settle();
    },
    stop: () => settle(new Error('the informer was stopped before its first list')),
    wait(signal) {
      if (isSet) return Promise.resolve();
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const onAbort = (): void => finish(signal?.reason as Error);
        const finish = (error?: Error): void => {
          waiting.delete(finish);
          signal?.removeEventListener('abort', onAbort);
          if (error === undefined) resolve();
          else reject(error);
        };
        waiting.add(finish);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}
