/** What the gateway needs from its neighbours: sessions, the cluster's members, ownership, and TLS material. */
import type { JsonObject, JsonRpcNotification, JsonRpcRequest, RequestId } from '../mcp/index.ts';
import type { Member, Owner, OwnerState } from './core/types.ts';

export type { Member, Owner, OwnerState, Resources } from './core/types.ts';

export interface SessionTask {
  readonly id: string;
  readonly owner: Owner;
  readonly backendSessionId?: string;
  readonly expiresAt: number;
}

export interface SessionRecord {
  readonly id: string;
  readonly era: 'legacy';
  readonly owner: Owner;
  readonly epoch: number;
  readonly backendSessionId?: string;
  readonly initialize: JsonObject & { readonly protocolVersion: string };
  readonly protocolVersion: string;
  readonly serverCapabilities: JsonObject;
  readonly initialized: boolean;
  readonly logLevel?: string;
  readonly subscriptions: readonly string[];
  readonly repeatableTools: readonly string[];
  readonly listDigests?: Readonly<Record<string, string>>;
  readonly tasks?: readonly SessionTask[];
  readonly principal: string;
  readonly createdAt: number;
  readonly lastSeenAt: number;
}

/** The replicated directory; see `sessions`. Rejections mean the store did not answer in time. */
export interface SessionDirectory {
  create(record: SessionRecord, signal?: AbortSignal): Promise<boolean>;
  local(id: string): SessionRecord | undefined;
  find(id: string, signal?: AbortSignal): Promise<SessionRecord | undefined>;
  refresh(id: string, signal?: AbortSignal): Promise<SessionRecord | undefined>;
  claim(
    id: string,
    epoch: number,
    owner: Owner,
    signal?: AbortSignal,
  ): Promise<
    | { readonly type: 'claimed' | 'lost'; readonly record: SessionRecord }
    | { readonly type: 'gone' }
  >;
  update(
    id: string,
    epoch: number,
    change: (record: SessionRecord) => SessionRecord,
    signal?: AbortSignal,
  ): Promise<
    | { readonly type: 'updated' | 'superseded'; readonly record: SessionRecord }
    | { readonly type: 'gone' }
  >;
  touch(id: string): void;
  end(id: string, signal?: AbortSignal): Promise<boolean>;
  expireIdle(
    mayExpire: (record: SessionRecord) => boolean,
    signal?: AbortSignal,
  ): Promise<readonly string[]>;
  counts(): ReadonlyMap<string, number>;
  /** What this pod knows of every session. */
  list(): readonly SessionRecord[];
  readonly size: number;
  onChange(listener: (id: string, record: SessionRecord | undefined) => void): () => void;
}

/** One SSE event towards a client; empty data = a resume point only. */
export interface OutgoingEvent {
  readonly id: string;
  readonly data: string;
}

export interface EventSink {
  push(event: OutgoingEvent): void;
  end(): void;
  fail(reason: Error): void;
}

export interface EventLog {
  open(requestIds: readonly RequestId[], request?: string): number;
  append(stream: number, data: string, final?: boolean): void;
  resumePoint(stream: number): OutgoingEvent;
  attach(
    stream: number,
    sink: EventSink,
    sequence?: number,
  ):
    | { readonly type: 'attached'; detach(): void }
    | { readonly type: 'complete' }
    | { readonly type: 'unknown' };
  pause(stream: number): void;
  drop(stream: number, reason: Error): void;
  close(reason: Error): void;
  since(
    position: number,
    bytesMax: number,
  ): Omit<HeldEpoch, 'epoch'> & {
    readonly position: number;
  };
}

/** What is known of a session's events at one epoch. */
export interface HeldEpoch {
  readonly epoch: number;
  readonly delivered: number;
  readonly events: readonly OutgoingEvent[];
}

/** Events of other owners, and of earlier epochs of this pod. */
export interface HeldEvents {
  put(sessionId: string, epoch: HeldEpoch): void;
  of(sessionId: string): readonly HeldEpoch[];
  prune(known: (sessionId: string) => boolean): void;
  readonly size: number;
  readonly bytes: number;
}

export interface ServerRequestIds {
  issue(backendId: RequestId): string;
  settle(clientId: RequestId): RequestId | undefined;
  peek(clientId: RequestId): RequestId | undefined;
  clientIdOf(backendId: RequestId): string | undefined;
}

export interface EventId {
  readonly epoch: number;
  /** 0 = the standalone GET stream. */
  readonly stream: number;
  readonly sequence: number;
  readonly final: boolean;
  readonly requestIds: readonly RequestId[];
}

export type ReplayStep =
  | { readonly type: 'initialize' | 'restore'; readonly message: JsonRpcRequest }
  | { readonly type: 'notify'; readonly message: JsonRpcNotification };

/** Everything about sessions; `createSessions` of the folder `sessions` makes one. */
export interface Sessions {
  readonly directory: SessionDirectory;
  readonly max: number;
  createEventLog(epoch: number, onNews?: () => void): EventLog;
  readonly held: HeldEvents;
  chooseHolders(sessionId: string, nodes: readonly string[]): readonly string[];
  mergeHeld(answers: readonly (readonly HeldEpoch[])[]): readonly HeldEpoch[];
  heldAfter(held: readonly HeldEpoch[], from: EventId): readonly OutgoingEvent[];
  heldUnread(held: readonly HeldEpoch[]): readonly OutgoingEvent[];
  heldRequest(held: readonly HeldEpoch[], of: EventId): string | undefined;
  createServerRequestIds(epoch: number): ServerRequestIds;
  parseEventId(text: string): EventId | undefined;
  /** The id of a last event that follows `lastEventId` on its stream. */
  finalEventId(lastEventId: string): string;
  planReplay(record: SessionRecord): {
    readonly steps: readonly ReplayStep[];
    readonly notifyClient: readonly JsonRpcNotification[];
  };
  checkReplayedInitialize(record: SessionRecord, result: JsonObject): string | undefined;
}

export interface Cluster {
  readonly self: Owner;
  /** All members that are not known dead, with this pod itself. */
  members(): readonly Member[];
  ownerState(owner: Owner): OwnerState;
  /** Called after every change of what `members` or `ownerState` answer. */
  onChange(listener: () => void): () => void;
  /** A connection to the member's address was refused: a strong hint that its process is gone. */
  reportRefused(node: string): void;
}

/** Which pod holds a piece of a server's state that has a name: a task, or what a state handle stands for. Agreed among the pods. */
export interface Placements {
  /** The place, as far as this pod has heard. */
  local(key: string): Place | undefined;
  /** The place; the store is asked when this pod has heard of none. Rejects when it does not answer. */
  find(key: string, signal?: AbortSignal): Promise<Place | undefined>;
  /**
   * Records `place` for `ttlMs` unless another owner, or another pod but `replaces`, is recorded; returns what is recorded.
   * Repeat it at each use. Rejects when the store does not answer.
   */
  place(
    key: string,
    place: Place,
    options: { readonly ttlMs: number; readonly replaces?: string },
    signal?: AbortSignal,
  ): Promise<Place>;
}

export interface Place {
  readonly node: string;
  /** Id of the principal whose it is; absent: anybody's who can name it. */
  readonly owner?: string;
}

/** What the MCP server of this pod uses now; undefined as long as that is not known. */
export interface ServerUsage {
  current(): { readonly cpuCores: number; readonly memoryBytes: number } | undefined;
}

/** Ownership rests on leases: false as soon as this pod's lease might have expired. */
export interface Ownership {
  valid(): boolean;
}

/** What the Kubernetes API server said of a token (`status` of a TokenReview). */
export interface ReviewedToken {
  readonly authenticated: boolean;
  /** The asked-for audiences that the token is meant for. */
  readonly audiences: readonly string[];
  readonly user?: {
    readonly username: string;
    readonly uid: string;
    readonly groups: readonly string[];
  };
}

/** Asks the Kubernetes API server whose token it is. Rejects when there is no answer; the error never quotes the token. */
export type ReviewToken = (token: string, audiences: readonly string[]) => Promise<ReviewedToken>;

export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface TlsSource {
  current(): TlsMaterial;
  onChange(listener: () => void): () => void;
}

/** How gateways recognise each other. */
export interface PeerTls {
  readonly source: TlsSource;
  /** Whether a verified certificate is that of another pod of the cluster. */
  readonly isPeer: (
    certificate: { readonly subjectaltname?: string | undefined } | undefined,
  ) => boolean;
}
