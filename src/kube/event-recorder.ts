/** Events that people see with `kubectl describe`: events.k8s.io/v1, repetitions as a series instead of as new objects. */
import { microTimeText, type Clock, type Random } from '../std/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { isNotFound, KubeError } from './errors.ts';
import { RESOURCES } from './resources.ts';
import type { KubeClient, KubeResource } from './types.ts';

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create' | 'patch'>;
  /** Who reports, like a domain: `mcpcluster.io/operator`. */
  readonly controller: string;
  /** Which process of it; the pod's name. */
  readonly instance: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** A repetition within this time counts up the series; a later one is a new event. Default 6 minutes. */
  readonly seriesWindowMs?: number;
  /** Series remembered; the least recent is forgotten first. Default 1000. */
  readonly seriesMax?: number;
  /** Events waiting to be written; further ones are dropped and counted. Default 200. */
  readonly pendingMax?: number;
}

export interface EventInput {
  /** What it is about. */
  readonly regarding: KubeResource;
  readonly type: 'Normal' | 'Warning';
  /** A stable word in CamelCase: people and alerts match on it. */
  readonly reason: string;
  /** What was done or attempted, a stable word. */
  readonly action: string;
  /** A sentence for people. */
  readonly note: string;
}

export interface EventRecorder {
  /** Returns at once and never throws: an event that cannot be written is logged and counted. */
  record(event: EventInput): void;
  /** Resolves when everything recorded so far has been written or given up. */
  flush(): Promise<void>;
}

const NOTE_LENGTH_MAX = 1024;

interface Series {
  readonly namespace: string;
  readonly name: string;
  count: number;
  lastAt: number;
}

interface KubeEvent extends KubeResource {
  readonly [field: string]: unknown;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const seriesByKey = new Map<string, Series>();
  const dropped = options.metrics.counter(
    'kube_events_dropped_total',
    'Events that were not written, by cause (queue, refused).',
    ['cause'],
  );
  let pending = 0;
  let writes = Promise.resolve();
  const write = (what: string, operation: () => Promise<unknown>): void => {
    if (pending >= (options.pendingMax ?? 200)) return dropped.inc({ cause: 'queue' });
    pending += 1;
    // One at a time: a series must not be counted up before its event exists.
    writes = writes.then(operation).then(
      () => void (pending -= 1),
      (error: unknown) => {
        pending -= 1;
        dropped.inc({ cause: 'refused' });
        const cause =
          error instanceof KubeError ? `${error.status} ${error.reason}` : String(error);
        options.logger.warn('event was not written', { event: what, error: cause });
      },
    );
  };
  return {
    record(event) {
      const series = findSeries(seriesByKey, event, options);
      if (series.count === 1) {
        write(event.reason, () =>
          options.client.create(RESOURCES.events, newEvent(event, series, options)),
        );
      } else {
        const { count, lastAt } = series;
        write(event.reason, () => countUp(event, { ...series, count, lastAt }, options));
      }
    },
    flush: () => writes,
  };
}

/** The running series of this event with the occurrence counted, or a new one. */
function findSeries(
  seriesByKey: Map<string, Series>,
  event: EventInput,
  options: EventRecorderOptions,
): Series {
  const { metadata, kind } = event.regarding;
  const key = JSON.stringify([
    kind,
    metadata.namespace,
    metadata.name,
    metadata.uid,
    event.type,
    event.reason,
    event.action,
    event.note,
  ]);
  const now = options.clock.wall();
  const known = seriesByKey.get(key);
  // Taken out and put back: the order of the map is the order of last use.
  seriesByKey.delete(key);
  const isRunning = known !== undefined && now - known.lastAt < (options.seriesWindowMs ?? 360_000);
  const series: Series = isRunning
    ? known
    : {
        namespace: metadata.namespace ?? 'default',
        name: `${metadata.name ?? 'unknown'}.${randomHex(options.random)}`,
        count: 0,
        lastAt: now,
      };
  series.count += 1;
  series.lastAt = now;
  seriesByKey.set(key, series);
  if (seriesByKey.size > (options.seriesMax ?? 1000)) {
    seriesByKey.delete(seriesByKey.keys().next().value as string);
  }
  return series;
}

function newEvent(event: EventInput, series: Series, options: EventRecorderOptions): KubeEvent {
  const { apiVersion, kind, metadata } = event.regarding;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace: series.namespace, name: series.name },
    eventTime: microTimeText(series.lastAt),
    type: event.type,
    reason: event.reason,
    action: event.action,
    note: event.note.slice(0, NOTE_LENGTH_MAX),
    regarding: {
      apiVersion,
      kind,
      name: metadata.name,
      namespace: metadata.namespace,
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
    },
    reportingController: options.controller,
    reportingInstance: options.instance,
  };
}

async function countUp(
  event: EventInput,
  series: Series,
  options: EventRecorderOptions,
): Promise<void> {
  const { namespace, name, count, lastAt } = series;
  const body = { series: { count, lastObservedTime: microTimeText(lastAt) } };
  try {
    await options.client.patch(RESOURCES.events, { namespace, name }, { type: 'merge', body });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    // The server forgets events after an hour: begin again.
    await options.client.create(RESOURCES.events, { ...newEvent(event, series, options), ...body });
  }
}

function randomHex(random: Random): string {
  return Buffer.from(random.bytes(8)).toString('hex');
}
