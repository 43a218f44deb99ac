/** Watches: the changes of a resource as a stream, filtered by selectors, with bookmarks and an end. */
import { integerBetween } from '../../std/index.ts';
import type { StoredObject, StoreEvent } from '../objects/index.ts';
import type { Answer, Api, ApiRequest, WatchFrame } from './context.ts';
import { apiVersionOf } from './decode.ts';
import { parseRevision, selectorOf } from './read.ts';
import type { ResourceDefinition } from './registry.ts';
import type { Selector } from './selectors.ts';
import { badRequest, expired, invalid, type ApiError } from './status.ts';
import { fromStored } from './versions.ts';

const BOOKMARK_INTERVAL_MS = 10_000;
/** Without `timeoutSeconds` a watch ends after half an hour to an hour, as at the real server. */
const TIMEOUT_SECONDS = { min: 1800, max: 3600 };
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

type Send = (frame: WatchFrame) => void;

interface WatchPlan {
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly selector: Selector;
  /** Changes after this one are sent. */
  readonly from: number;
  /** Objects that exist are sent first, as ADDED. */
  readonly initial: boolean;
  /** The client asked for the initial events itself and wants to know when they are over. */
  readonly markInitialEnd: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

/** Answers a watch. Everything that is wrong with its parameters is refused before the stream begins. */
export function watchResource(api: Api, request: ApiRequest): Answer {
  const plan = planWatch(api, request);
  return { kind: 'watch', events: (send, signal) => runWatch(api, plan, send, signal) };
}

function planWatch(api: Api, request: ApiRequest): WatchPlan {
  const { query, definition } = request;
  const asked = parseRevision(query.get('resourceVersion'));
  const sendInitial = query.get('sendInitialEvents');
  const bookmarks =
    query.get('allowWatchBookmarks') === 'true' || query.get('allowWatchBookmarks') === '1';
  checkInitialEvents(sendInitial, query.get('resourceVersionMatch') ?? '', bookmarks);
  const timeout = Number(query.get('timeoutSeconds') ?? '0');
  const { min, max } = TIMEOUT_SECONDS;
  const seconds = timeout > 0 ? timeout : integerBetween(api.random, min, max);
  const fromNow = asked === undefined || asked === 0;
  const wanted = sendInitial === null ? fromNow : sendInitial === 'true';
  return {
    definition,
    namespace: request.namespace,
    selector: selectorOf(request),
    from: fromNow || wanted ? api.store.toldRevision() : asked,
    initial: wanted,
    markInitialEnd: sendInitial === 'true',
    bookmarks,
    timeoutMs: seconds * 1000,
  };
}

function checkInitialEvents(sendInitial: string | null, match: string, bookmarks: boolean): void {
  const wrong = (message: string): ApiError =>
    invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
      {
        field: 'resourceVersionMatch',
        reason: 'FieldValueForbidden',
        message: `Forbidden: ${message}`,
      },
    ]);
  if (sendInitial === null && match !== '') {
    throw wrong('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  }
  if (sendInitial !== null && match !== 'NotOlderThan') {
    throw wrong('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  if (sendInitial === 'true' && !bookmarks) {
    throw badRequest('sendInitialEvents requires allowWatchBookmarks');
  }
}

function runWatch(api: Api, plan: WatchPlan, send: Send, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const { definition } = plan;
    let sentRevision = plan.from;
    if (plan.initial) sendInitialEvents(api, plan, send);
    const started = api.store.watch(definition.storage, plan.from, (event) => {
      const frame = toFrame(plan, event);
      if (frame === undefined) return;
      sentRevision = event.revision;
      send(frame);
    });
    if (!started.ok) {
      // A revision from the future belongs to an earlier life of this server: the client has to list again, too.
      const message =
        started.error.reason === 'expired'
          ? `too old resource version: ${plan.from} (${started.error.oldest})`
          : `too large resource version: ${plan.from} (${api.store.revision()})`;
      send({ type: 'ERROR', object: expired(message).body });
      return resolve();
    }
    const bookmark = (): void => {
      sentRevision = Math.max(sentRevision, api.store.toldRevision());
      if (plan.bookmarks)
        send({ type: 'BOOKMARK', object: bookmarkObject(definition, sentRevision) });
    };
    let cancelBookmark = (): void => undefined;
    const schedule = (): void => {
      cancelBookmark = api.clock.schedule(BOOKMARK_INTERVAL_MS, () => {
        bookmark();
        schedule();
      });
    };
    if (plan.bookmarks) schedule();
    const end = (): void => {
      started.value();
      cancelBookmark();
      cancelTimeout();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancelTimeout = api.clock.schedule(plan.timeoutMs, () => {
      bookmark();
      end();
    });
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

function sendInitialEvents(api: Api, plan: WatchPlan, send: Send): void {
  const { definition } = plan;
  const namespace = definition.namespaced && plan.namespace !== '' ? plan.namespace : undefined;
  const listed = api.store.list(definition.storage, { namespace, at: plan.from });
  for (const stored of listed.ok ? listed.value.items : []) {
    const object = fromStored(definition, stored);
    if (plan.selector(object)) send({ type: 'ADDED', object });
  }
  if (!plan.markInitialEnd) return;
  const object = bookmarkObject(definition, plan.from);
  object.metadata.annotations = { [INITIAL_EVENTS_END]: 'true' };
  send({ type: 'BOOKMARK', object });
}

/** An object that comes to match the selector is new to this client; one that stops matching is gone for it. */
function toFrame(plan: WatchPlan, event: StoreEvent): WatchFrame | undefined {
  const { definition } = plan;
  if (definition.namespaced && plan.namespace !== '' && event.key.namespace !== plan.namespace) {
    return undefined;
  }
  const object = fromStored(definition, event.object);
  const before = event.previous && fromStored(definition, event.previous);
  const matched = before !== undefined && plan.selector(before);
  const matches = event.type !== 'DELETED' && plan.selector(object);
  if (matches) return { type: matched ? 'MODIFIED' : 'ADDED', object };
  if (!matched || before === undefined) return undefined;
  if (event.type === 'DELETED') return { type: 'DELETED', object };
  // The last state the client could see, at the revision of the change that took it out of sight.
  const metadata = { ...before.metadata, resourceVersion: String(event.revision) };
  return { type: 'DELETED', object: { ...before, metadata } };
}

function bookmarkObject(definition: ResourceDefinition, revision: number): StoredObject {
  return {
    kind: definition.kind,
    apiVersion: apiVersionOf(definition),
    metadata: { resourceVersion: String(revision), creationTimestamp: null },
  };
}
