/**
 * Watches in process. A watcher is a position in the kept history and nothing more: no queue, so a slow listener costs no
 * memory; it is told `compacted` when the history it still needed has gone.
 */
import type { Logger } from '../telemetry/index.ts';
import { keyOf, revisionOf } from './core/history.ts';
import type { StateMachine } from './core/machine.ts';
import { matches } from './core/selector.ts';
import type { WatchEvent } from './core/model.ts';
import type { WatchListener, WatchNotice, WatchRequest } from './types.ts';

/** Events of one notice, unless a single revision has more. */
const EVENTS_PER_NOTICE_MAX = 1000;

export interface Watchers {
  readonly size: number;
  add(request: WatchRequest, listener: WatchListener): () => void;
  /** Tells every idle watcher what is new; called after each applied entry. */
  notify(): void;
  stop(): void;
}

interface Watcher {
  readonly request: WatchRequest;
  readonly listener: WatchListener;
  next: number;
  /** The listener's promise is pending. */
  busy: boolean;
}

type Machine = Pick<StateMachine, 'revision' | 'compactRevision' | 'keyspace'>;

/** The next notice for a watcher and where it stands afterwards; undefined when there is nothing new. */
function nextNotice(
  machine: Machine,
  watcher: Watcher,
): { notice: WatchNotice | undefined; next: number } | undefined {
  if (watcher.next <= machine.compactRevision) {
    const { compactRevision } = machine;
    return { notice: { type: 'compacted', compactRevision }, next: Infinity };
  }
  if (watcher.next > machine.revision) return undefined;
  const kept = machine.keyspace.history.from(watcher.next, EVENTS_PER_NOTICE_MAX);
  const complete = kept.length < EVENTS_PER_NOTICE_MAX;
  const revision = complete ? machine.revision : revisionOf(kept.at(-1) as WatchEvent);
  const events = kept.filter((event) => matches(watcher.request, keyOf(event)));
  const notice: WatchNotice | undefined =
    events.length > 0 ? { type: 'events', revision, events } : undefined;
  return { notice, next: revision + 1 };
}

export function createWatchers(machine: Machine, logger: Logger): Watchers {
  const watchers = new Set<Watcher>();

  const tell = (watcher: Watcher, notice: WatchNotice): void => {
    const failed = (error: unknown): void => logger.error('a watch listener failed', { error });
    try {
      const result = watcher.listener(notice);
      if (result === undefined) return;
      watcher.busy = true;
      result.catch(failed).finally(() => {
        watcher.busy = false;
        pump(watcher);
      });
    } catch (error) {
      failed(error);
    }
  };

  const pump = (watcher: Watcher): void => {
    while (watchers.has(watcher) && !watcher.busy) {
      const step = nextNotice(machine, watcher);
      if (step === undefined) return;
      watcher.next = step.next;
      if (step.notice?.type === 'compacted') watchers.delete(watcher);
      if (step.notice !== undefined) tell(watcher, step.notice);
    }
  };

  return {
    get size() {
      return watchers.size;
    },
    add(request, listener) {
      const next = request.fromRevision ?? machine.revision + 1;
      const watcher: Watcher = { request, listener, next, busy: false };
      watchers.add(watcher);
      // Later, so that the caller holds the cancel function before the first notice.
      queueMicrotask(() => pump(watcher));
      return () => void watchers.delete(watcher);
    },
    notify() {
      for (const watcher of watchers) pump(watcher);
    },
    stop: () => watchers.clear(),
  };
}
