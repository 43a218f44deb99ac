/** Everything about sessions that a gateway needs, as one object: it is handed to the gateway, which imports none of this. */
import {
  createSessionDirectory,
  type DirectoryOptions,
  type SessionDirectory,
} from './directory.ts';
import type { DirectoryConfig } from './directory.ts';
import { finalEventId, parseEventId, type EventId } from './event-id.ts';
import { createEventLog, type EventLog } from './event-log.ts';
import type { EventLogLimits, OutgoingEvent } from './event-ring.ts';
import {
  createHeldEvents,
  heldAfter,
  heldRequest,
  heldUnread,
  mergeHeld,
  type HeldEpoch,
  type HeldEvents,
} from './held-events.ts';
import { chooseHolders } from './holders.ts';
import type { SessionRecord } from './record.ts';
import { checkReplayedInitialize, planReplay, type ReplayPlan } from './replay-plan.ts';
import { createServerRequestIds, type ServerRequestIds } from './request-ids.ts';
import type { JsonObject } from '../mcp/index.ts';

/** Read at each use, so that an object with getters can change it while sessions live; a session keeps its event limits. */
export interface SessionsConfig extends DirectoryConfig {
  /** Sessions in the whole cluster; `initialize` is refused beyond. */
  readonly max: number;
  /** What is kept per session for `Last-Event-ID`, and on how many pods beside the owner (default 1). */
  readonly resume: { readonly events: number; readonly bytes: number; readonly replicas?: number };
  /** Data of other owners' events that this pod keeps, in UTF-16 units; default 64 Mi. */
  readonly heldBytesMax?: number;
  /** Requests of the server that wait for the client's answer, per session; default 1024. */
  readonly serverRequestsMax?: number;
}

export interface SessionsOptions extends Omit<DirectoryOptions, 'config'> {
  readonly config: SessionsConfig;
}

export interface Sessions {
  readonly directory: SessionDirectory;
  readonly max: number;
  /** The event buffer of a session at one epoch; `onNews` is called when there is something to copy. */
  createEventLog(epoch: number, onNews?: () => void): EventLog;
  /** Events of other owners, and of this pod's own earlier epochs. */
  readonly held: HeldEvents;
  /** Which of `nodes` keep copies of a session's events now. */
  chooseHolders(sessionId: string, nodes: readonly string[]): readonly string[];
  mergeHeld(answers: readonly (readonly HeldEpoch[])[]): readonly HeldEpoch[];
  heldAfter(held: readonly HeldEpoch[], from: EventId): readonly OutgoingEvent[];
  heldUnread(held: readonly HeldEpoch[]): readonly OutgoingEvent[];
  heldRequest(held: readonly HeldEpoch[], of: EventId): string | undefined;
  /** The table of the server's open requests of a session at one epoch. */
  createServerRequestIds(epoch: number): ServerRequestIds;
  parseEventId(text: string): EventId | undefined;
  /** The id of a last event that follows `lastEventId` on its stream. */
  finalEventId(lastEventId: string): string;
  planReplay(record: SessionRecord): ReplayPlan;
  checkReplayedInitialize(record: SessionRecord, result: JsonObject): string | undefined;
}

export function createSessions(options: SessionsOptions): Sessions {
  const { config } = options;
  const limits = (): EventLogLimits => ({
    eventsMax: config.resume.events,
    bytesMax: config.resume.bytes,
  });
  const directory = createSessionDirectory(options);
  const held = createHeldEvents({
    limits,
    bytesMax: config.heldBytesMax ?? 64 * 1024 * 1024,
  });
  directory.onChange((id, record) => {
    if (record === undefined) held.forget(id);
  });
  return {
    directory,
    held,
    chooseHolders: (id, nodes) => chooseHolders(id, nodes, config.resume.replicas ?? 1),
    mergeHeld,
    heldAfter,
    heldRequest,
    heldUnread,
    get max() {
      return config.max;
    },
    createEventLog: (epoch, onNews) => createEventLog(epoch, limits(), onNews),
    createServerRequestIds: (epoch) =>
      createServerRequestIds(epoch, config.serverRequestsMax ?? 1024),
    parseEventId,
    finalEventId,
    planReplay,
    checkReplayedInitialize,
  };
}
