/**
 * Band 4: sessions that outlive their pod. The replicated record and its directory on any agreed key-value store, the plan
 * that rebuilds a session on another backend, the ids of the server's requests, and the event buffers that make every SSE
 * stream resumable at every pod.
 */
export {
  SESSION_PREFIX,
  type ClaimOutcome,
  type DirectoryConfig,
  type DirectoryOptions,
  type SessionDirectory,
} from './directory.ts';
export { finalEventId, formatEventId, parseEventId, type EventId } from './event-id.ts';
export {
  createEventLog,
  type Attachment,
  type EventLog,
  type EventSink,
  type LogSlice,
} from './event-log.ts';
export type { EventLogLimits, OutgoingEvent } from './event-ring.ts';
export {
  createHeldEvents,
  heldAfter,
  heldRequest,
  heldUnread,
  mergeHeld,
  type HeldEpoch,
  type HeldEvents,
} from './held-events.ts';
export { chooseHolders } from './holders.ts';
export { createPlacements, type Place, type Placements } from './placements.ts';
export type {
  KeyValue,
  StoreCompare,
  StoredItem,
  StoreEvent,
  StoreNotice,
  StoreOperation,
  StoreSelector,
} from './ports.ts';
export {
  decodeRecord,
  encodeRecord,
  type InitializeParams,
  type Owner,
  type SessionRecord,
} from './record.ts';
export type { UpdateOutcome } from './record-writer.ts';
export {
  checkReplayedInitialize,
  lostCapabilities,
  planReplay,
  type ReplayPlan,
  type ReplayStep,
} from './replay-plan.ts';
export { createServerRequestIds, type ServerRequestIds } from './request-ids.ts';
export {
  createSessions,
  type Sessions,
  type SessionsConfig,
  type SessionsOptions,
} from './sessions.ts';
