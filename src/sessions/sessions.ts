/** Everything about sessions that a gateway needs, as one object: it is handed to the gateway, which imports none of this. */
import {
  createSessionDirectory,
  type DirectoryOptions,
  type SessionDirectory,
} from './directory.ts';
import type { DirectoryConfig } from './directory.ts';
import { finalEventId, parseEventId, type EventId } from './event-id.ts';
import { createEventLog, type EventLog, type EventLogLimits } from './event-log.ts';
import type { SessionRecord } from './record.ts';
import { checkReplayedInitialize, planReplay, type ReplayPlan } from './replay-plan.ts';
import { createServerRequestIds, type ServerRequestIds } from './request-ids.ts';
import type { JsonObject } from '../mcp/index.ts';

/** Read at each use, so that an object with getters can change it while sessions live; a session keeps its event limits. */
export interface SessionsConfig extends DirectoryConfig {
  /** Sessions in the whole cluster; `initialize` is refused beyond. */
  readonly max: number;
  /** What is kept per session for `Last-Event-ID`. */
  readonly resume: { readonly events: number; readonly bytes: number };
  /** Requests of the server that wait for the client's answer, per session; default 1024. */
  readonly serverRequestsMax?: number;
}

export interface SessionsOptions extends Omit<DirectoryOptions, 'config'> {
  readonly config: SessionsConfig;
}

export interface Sessions {
  readonly directory: SessionDirectory;
  readonly max: number;
  /** The event buffer of a session at one epoch. */
  createEventLog(epoch: number): EventLog;
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
  return {
    directory: createSessionDirectory(options),
    get max() {
      return config.max;
    },
    createEventLog: (epoch) => createEventLog(epoch, limits()),
    createServerRequestIds: (epoch) =>
      createServerRequestIds(epoch, config.serverRequestsMax ?? 1024),
    parseEventId,
    finalEventId,
    planReplay,
    checkReplayedInitialize,
  };
}
