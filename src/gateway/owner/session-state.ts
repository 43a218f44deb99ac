/** What an owner holds in memory for one session it serves, and how the replicated part of it changes. */
import type { RequestId } from '../../mcp/index.ts';
import type { ResolvedLimits, ResolvedTiming } from '../config.ts';
import type { RefusalCode } from '../core/types.ts';
import { createEventQueue, type EventQueue } from '../event-queue.ts';
import { StreamInterrupted, type FlatHeaders } from '../exchange.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type {
  EventLog,
  HeldEpoch,
  Ownership,
  ServerRequestIds,
  SessionRecord,
  Sessions,
} from '../ports.ts';
import { copiedPast, type Copies } from './copies.ts';
import type { ListReading } from './lists.ts';
import type { Upstream } from '../upstream.ts';
import { delay, withinTime, type Clock, type Random } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';

/** What every part of the owner's side works with. */
export interface OwnerTools {
  readonly sessions: Sessions;
  readonly upstream: Upstream;
  readonly ownership: Ownership;
  readonly limits: ResolvedLimits;
  readonly timing: ResolvedTiming;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly copies: Copies;
  /** What earlier owners of a session sent, as the other pods and this one know it. */
  readonly fetchPast: (sessionId: string, epoch: number) => Promise<readonly HeldEpoch[]>;
}

export interface SessionState {
  readonly id: string;
  readonly epoch: number;
  readonly tools: OwnerTools;
  readonly log: EventLog;
  readonly requestIds: ServerRequestIds;
  /** Aborts when the session is not served here any more. */
  readonly signal: AbortSignal;
  record: SessionRecord;
  backendSessionId: string | undefined;
  /** The client's headers as last seen: what the gateway's own requests to the server carry. */
  clientHeaders: FlatHeaders;
  /** Requests of the client that the server works on, over all exchanges. */
  inFlight: number;
  /** How to end each of them, when its client has cancelled it. */
  readonly cancels: Map<RequestId, () => void>;
  /** Lists of which the client has read some pages, by method. */
  readonly lists: Map<string, ListReading>;
  /** The newest reader of each stream, to slow the server down when it lags. */
  readonly readers: Map<number, EventQueue>;
  /** State of the server's own GET stream. */
  standalone: { type: 'closed' } | { type: 'open' } | { type: 'unsupported' };
  /** Events of earlier owners; the pods that keep them are asked once. */
  past(): Promise<readonly HeldEpoch[]>;
  /** What nobody had read of the earlier owners' standalone stream has found its reader. */
  pastRead: boolean;
  /** Why it is not served here any more. */
  closed: RefusalCode | undefined;
  /** A signal for one exchange with the server: aborts with the session or after `timeoutMs`; call `release` at its end. */
  startExchange(timeoutMs: number): {
    readonly signal: AbortSignal;
    /** It ends with the session only. */
    untime(): void;
    /** Ends it as if its time were over. */
    end(): void;
    release(): void;
  };
  /** Stops serving: every stream is interrupted with `code`. Harmless when closed before. */
  close(code: RefusalCode): void;
}

export interface NewSession {
  readonly record: SessionRecord;
  readonly backendSessionId: string | undefined;
  readonly headers: FlatHeaders;
  readonly onClose: (state: SessionState, code: RefusalCode) => void;
}

export function createSessionState(tools: OwnerTools, session: NewSession): SessionState {
  return new ServedSession(tools, session);
}

/** A class, and what few sessions need made when it is needed: there may be ten thousand of them. */
class ServedSession implements SessionState {
  readonly id: string;
  readonly epoch: number;
  readonly tools: OwnerTools;
  readonly log: EventLog;
  readonly requestIds: ServerRequestIds;
  record: SessionRecord;
  backendSessionId: string | undefined;
  clientHeaders: FlatHeaders;
  inFlight = 0;
  standalone: SessionState['standalone'] = { type: 'closed' };
  pastRead = false;
  closed: RefusalCode | undefined;
  readonly #onClose: NewSession['onClose'];
  #abort: AbortController | undefined;
  #cancels: Map<RequestId, () => void> | undefined;
  #lists: Map<string, ListReading> | undefined;
  #readers: Map<number, EventQueue> | undefined;
  #past: Promise<readonly HeldEpoch[]> | undefined;
  // Not AbortSignal.any and AbortSignal.timeout: at many requests a second those leave timers and listeners behind.
  #exchanges: Set<AbortController> | undefined;

  constructor(tools: OwnerTools, { record, backendSessionId, headers, onClose }: NewSession) {
    this.id = record.id;
    this.epoch = record.epoch;
    this.tools = tools;
    this.log = tools.sessions.createEventLog(record.epoch, () => tools.copies.changed(this));
    this.requestIds = tools.sessions.createServerRequestIds(record.epoch);
    this.record = record;
    this.backendSessionId = backendSessionId;
    this.clientHeaders = headers;
    this.#onClose = onClose;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.closed !== undefined) this.#abort.abort(new StreamInterrupted(this.closed));
    }
    return this.#abort.signal;
  }

  get cancels(): Map<RequestId, () => void> {
    return (this.#cancels ??= new Map());
  }

  get lists(): Map<string, ListReading> {
    return (this.#lists ??= new Map());
  }

  get readers(): Map<number, EventQueue> {
    return (this.#readers ??= new Map());
  }

  past(): Promise<readonly HeldEpoch[]> {
    return (this.#past ??= fetchPast(this));
  }

  startExchange(timeoutMs: number): ReturnType<SessionState['startExchange']> {
    const exchange = new AbortController();
    const exchanges = (this.#exchanges ??= new Set());
    exchanges.add(exchange);
    const end = (): void => exchange.abort(new StreamInterrupted('request-lost'));
    const cancel = this.tools.clock.schedule(timeoutMs, end);
    return {
      signal: exchange.signal,
      untime: cancel,
      end,
      release: () => {
        cancel();
        exchanges.delete(exchange);
      },
    };
  }

  close(code: RefusalCode): void {
    if (this.closed !== undefined) return;
    this.closed = code;
    keepEvents(this, code);
    this.log.close(new StreamInterrupted(code));
    this.#abort?.abort(new StreamInterrupted(code));
    for (const exchange of this.#exchanges ?? []) exchange.abort(new StreamInterrupted(code));
    this.#onClose(this, code);
  }
}

async function fetchPast(state: SessionState): Promise<readonly HeldEpoch[]> {
  const past = await state.tools.fetchPast(state.id, state.epoch);
  if (state.closed !== undefined) return past;
  copyPast(state, past);
  return past;
}

/** Earlier owners' events, or what is known of their readers, go to the pods that keep copies now. */
export function copyPast(state: SessionState, past: readonly HeldEpoch[]): void {
  const { copies } = state.tools;
  for (const held of past) {
    const copied = copiedPast(state.id, held);
    state.signal.addEventListener('abort', () => copies.release(copied), { once: true });
    copies.changed(copied);
  }
}

/** What was sent is kept for the session's next owner, which may be this pod; of a session that has ended nothing is. */
function keepEvents(state: SessionState, code: RefusalCode): void {
  const { copies, sessions } = state.tools;
  copies.release(state);
  if (code === 'session-ended') return;
  sessions.held.put(state.id, { ...state.log.since(0, Infinity), epoch: state.epoch });
}

/** Opens a reader on a stream; undefined when the stream is unknown. `sequence`: where it resumes. */
export function openReader(
  state: SessionState,
  stream: number,
  signal: AbortSignal,
  sequence?: number,
): EventQueue | undefined {
  let detach: () => void = () => undefined;
  const queue = createEventQueue(state.tools.limits.unreadEventsMax, signal, () => {
    detach();
    if (state.readers.get(stream) === queue) state.readers.delete(stream);
  });
  const point = state.log.resumePoint(stream);
  // A resumed stream begins at the client's own resume point, so that nothing is skipped if it drops again at once.
  if (sequence === undefined) queue.push(point);
  const attachment = state.log.attach(stream, queue, sequence);
  if (attachment.type === 'unknown') return undefined;
  if (attachment.type === 'attached') {
    detach = attachment.detach;
    state.readers.set(stream, queue);
  }
  return queue;
}

/**
 * Changes the replicated record and waits until that is agreed. Resolves false when the session is not ours any more (it
 * is closed then); rejects when the cluster does not agree in time.
 */
export async function commit(
  state: SessionState,
  change: (record: SessionRecord) => SessionRecord,
): Promise<boolean> {
  const { sessions, timing } = state.tools;
  const outcome = await withinTime(
    state.tools.clock,
    timing.commitMs,
    (signal) => sessions.directory.update(state.id, state.epoch, change, signal),
    state.signal,
  );
  if (outcome.type === 'updated') {
    state.record = outcome.record;
    return true;
  }
  state.close(outcome.type === 'gone' ? 'session-ended' : 'not-owner');
  return false;
}

/** Poll interval while this pod cannot prove that it still owns its sessions. */
const OWNERSHIP_POLL_MS = 20;

/**
 * Holds an answer back until this pod may give it: at once while its lease is in force, else until the lease is renewed
 * (true) or another pod has taken the session over (false).
 */
export async function mayAnswer(state: SessionState): Promise<boolean> {
  const { ownership, clock } = state.tools;
  while (state.closed === undefined) {
    if (ownership.valid()) return true;
    await delay(clock, OWNERSHIP_POLL_MS, state.signal).catch(() => undefined);
  }
  return false;
}

/** One request of the client that a POST carries. */
export interface PendingRequest {
  readonly id: RequestId;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}
