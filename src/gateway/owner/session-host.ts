/** The owner's side of the gateway: the sessions this pod serves, how it comes by them, and how it lets them go. */
import {
  errorText,
  HEADER,
  MCP_ERRORS,
  mcpError,
  parseBody,
  type ClassifiedMessage,
} from '../../mcp/index.ts';
import type { GatewayEvents } from '../events.ts';
import {
  plain,
  refused,
  StreamInterrupted,
  type OwnerReply,
  type OwnerRequest,
  type Refusal,
  type ServeOwner,
} from '../exchange.ts';
import type { Cluster, HeldEpoch, Owner } from '../ports.ts';
import { createCopies, type AskPeer } from './copies.ts';
import { decodeCopies } from './copy-wire.ts';
import { endRecord, endSession } from './end.ts';
import {
  createHandOver,
  type HandedOver,
  type HandOver,
  type HandOverOptions,
} from './hand-over.ts';
import { initializeSession } from './initialize.ts';
import { servePost } from './post.ts';
import { mayRepeat } from './lists.ts';
import { createMoves } from './move.ts';
import { createLiveSessions, type LiveSessions } from './live-sessions.ts';
import { fetchPast as fetchPastOf, tellHeld } from './past.ts';
import { mayAnswer, type OwnerTools, type SessionState } from './session-state.ts';
import { serveGet } from './standalone.ts';
import { answerTask, serveTask } from './tasks.ts';

export interface SessionHost {
  /** Serves one request of a front, this pod's own or another's. Never rejects. */
  serve(request: OwnerRequest, signal: AbortSignal): Promise<OwnerReply>;
  /** Sessions served here. */
  readonly size: number;
  /** True for a session with a client connected; it counts as used. */
  inUse(sessionId: string): boolean;
  /** Gives every session to a pod that `place` names, when its running requests are done; see `hand-over.ts`. */
  drain(place: HandOverOptions['place'], signal?: AbortSignal): Promise<HandedOver>;
  /** Serves sessions again after a `drain` that was taken back. */
  resume(): void;
  stop(): void;
}

export interface HostOptions {
  readonly tools: Omit<OwnerTools, 'copies' | 'fetchPast'>;
  readonly self: Owner;
  readonly events: GatewayEvents;
  readonly cluster: Cluster;
  readonly askPeer: AskPeer;
}

export function createSessionHost(given: HostOptions): SessionHost {
  const { sessions, clock } = given.tools;
  const copies = createCopies(given);
  const fetchPast = (sessionId: string, epoch: number): Promise<readonly HeldEpoch[]> =>
    fetchPastOf({ ...given, sessions, clock }, sessionId, epoch);
  const tools: OwnerTools = { ...given.tools, copies, fetchPast };
  const options: ServeOptions = { ...given, tools };
  const live = createLiveSessions(options);
  const phase: Phase = { handOver: undefined, arriving: 0 };
  const serve = createServe(options, live, phase);
  return {
    async serve(request, signal) {
      try {
        return await serve(request, signal);
      } catch (error) {
        if (error instanceof StreamInterrupted) return refused(error.code, true);
        // What remains are failures of the store: the front tries again until its time is over.
        const { sessionId: session } = request;
        tools.logger.warn('request not served', { session, error: String(error) });
        return refused('lease-lost', true, String(error));
      }
    },
    get size() {
      return live.sessions.size;
    },
    inUse: (sessionId) => {
      const state = live.sessions.get(sessionId);
      if (state === undefined || (state.readers.size === 0 && state.inFlight === 0)) return false;
      tools.sessions.directory.touch(sessionId);
      return true;
    },
    async drain(place, signal) {
      phase.handOver = createHandOver({ ...given, tools, place });
      const sessions = (): SessionState[] => [...live.sessions.values()];
      return phase.handOver.drain({ sessions, arriving: () => phase.arriving }, signal);
    },
    resume: () => void (phase.handOver = undefined),
    stop() {
      phase.handOver ??= createHandOver({ ...given, tools, place: () => undefined });
      live.stop();
      copies.stop();
    },
  };
}

/** Questions of other owners that concern no session this pod serves; undefined for any other request. */
function serveOwner(
  tools: OwnerTools,
  live: LiveSessions,
  request: OwnerRequest,
): OwnerReply | undefined {
  const { sessions } = tools;
  if (request.op === 'held') {
    const { sessionId } = request;
    return plain(200, tellHeld(sessions, sessionId, live.sessions.get(sessionId)));
  }
  if (request.op !== 'replicate') return undefined;
  const copies = decodeCopies(request.body);
  for (const { id, ...epoch } of copies ?? []) sessions.held.put(id, epoch);
  return plain(copies === undefined ? 400 : 200, '');
}

interface Phase {
  handOver: HandOver | undefined;
  /** Requests under way that open a session or take one over. */
  arriving: number;
}

type ServeOptions = Omit<HostOptions, 'tools'> & { readonly tools: OwnerTools };

/** The order of questions every request to an owner meets. */
function createServe(options: ServeOptions, live: LiveSessions, phase: Phase): ServeOwner {
  const { tools, self } = options;
  const moves = createMoves(options);
  /** While draining, a session is served here only as far as its running requests need it. */
  const leave = async (handOver: HandOver, request: OwnerRequest): Promise<Refusal | undefined> => {
    const state = live.sessions.get(request.sessionId);
    if (state !== undefined) return handOver.meet(state, request);
    const owner = tools.sessions.directory.local(request.sessionId)?.owner;
    const elsewhere = owner !== undefined && owner.instance !== self.instance;
    const stale = elsewhere && request.claim === undefined;
    return refused(stale ? 'not-owner' : 'draining', false);
  };
  const letIn: ServeOwner = async (request, signal) => {
    // Without a lease nobody here may answer: another pod may already be serving.
    if (!tools.ownership.valid()) return refused('lease-lost', false);
    if (request.op === 'initialize') return initialize(options, live, request);
    // Nobody has to take over what shall end.
    if (request.op === 'delete' && request.claim !== undefined) return endOrphan(options, request);
    const here = live.sessions.get(request.sessionId);
    if (request.op === 'move') {
      if (here === undefined) return refused('not-owner', false);
      return plain((await moves.to(here, request.body)) ? 200 : 409, '');
    }
    if (here !== undefined) await moves.settled(here, request);
    // A store that does not answer says nothing about the session, and nothing was sent yet.
    const state =
      live.known(request) ??
      (await live
        .acquire(request)
        .catch((error: unknown) => refused('lease-lost', false, String(error))));
    if ('type' in state) return state;
    if (request.op === 'take') return plain(200, '');
    state.clientHeaders = request.headers;
    tools.sessions.directory.touch(state.id);
    const reply = await serveOwned(options, state, request, signal);
    const held = (reply.type === 'plain' || reply.type === 'body') && state.closed === undefined;
    if (held && !tools.ownership.valid() && !(await mayAnswer(state)))
      return refused(state.closed ?? 'not-owner', true);
    return withSessionId(reply, state.id);
  };
  return async (request, signal) => {
    const told = serveOwner(tools, live, request);
    if (told !== undefined) return told;
    if (request.op === 'task') return answerTask(tools, request, first(request), signal);
    const left = phase.handOver && (await leave(phase.handOver, request));
    if (left !== undefined) return left;
    if (live.sessions.has(request.sessionId)) return letIn(request, signal);
    phase.arriving += 1;
    try {
      return await letIn(request, signal);
    } finally {
      phase.arriving -= 1;
    }
  };
}

async function initialize(
  options: ServeOptions,
  live: LiveSessions,
  request: OwnerRequest,
): Promise<OwnerReply> {
  const { tools, self, events } = options;
  const parsed = request.parsed ?? readBody(request.body);
  if (parsed === undefined) return plain(400, errorText(mcpError(MCP_ERRORS.parse)));
  const result = await initializeSession(tools, self, request, parsed);
  if (!('record' in result)) return result;
  const { record, backendSessionId } = result;
  live.adopt({ record, backendSessionId, headers: request.headers });
  events.emit({ type: 'session-created', id: record.id, owner: self.node, backendSessionId });
  return result.reply;
}

async function serveOwned(
  options: ServeOptions,
  state: SessionState,
  request: OwnerRequest,
  signal: AbortSignal,
): Promise<OwnerReply> {
  const { tools, events } = options;
  if (request.op === 'delete') {
    const reply = await endSession(state, request);
    if (state.closed === 'session-ended')
      events.emit({ type: 'session-ended', id: state.id, why: 'deleted' });
    return reply;
  }
  if (request.op === 'post' || request.op === 'may-repeat') {
    const parsed = request.parsed ?? readBody(request.body);
    if (parsed === undefined) return plain(400, errorText(mcpError(MCP_ERRORS.parse)));
    if (request.op === 'may-repeat')
      return (await mayRepeat(state, parsed)) ? plain(200, '') : refused('request-lost', true);
    const [only] = parsed.batch ? [] : parsed.messages;
    const hasTasks = (state.record.tasks ?? []).length > 0;
    const task = hasTasks ? await serveTask(options, state, request, only) : undefined;
    return task ?? servePost(state, request, parsed, signal);
  }
  const { lastEventId } = request;
  const resumed = lastEventId === undefined ? undefined : tools.sessions.parseEventId(lastEventId);
  return serveGet(state, request, resumed, signal);
}

async function endOrphan(
  { tools, events }: ServeOptions,
  request: OwnerRequest,
): Promise<OwnerReply> {
  const { sessionId: id } = request;
  const reply = await endRecord(tools, id);
  events.emit({ type: 'session-ended', id, why: 'deleted' });
  return reply;
}

const first = ({ parsed, body }: OwnerRequest): ClassifiedMessage | undefined =>
  (parsed ?? readBody(body))?.messages[0];

function readBody(text: string): OwnerRequest['parsed'] {
  const parsed = parseBody(text);
  return parsed.ok ? parsed.value : undefined;
}

/** The client learns its session id from every successful answer, as the official servers do. */
function withSessionId(reply: OwnerReply, id: string): OwnerReply {
  if (reply.type === 'refused') return reply;
  return { ...reply, headers: { ...reply.headers, [HEADER.sessionId]: id } };
}
