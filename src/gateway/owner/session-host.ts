/** The owner's side of the gateway: the sessions this pod serves, how it comes by them, and how it lets them go. */
import { errorText, HEADER, MCP_ERRORS, mcpError, parseBody } from '../../mcp/index.ts';
import type { RefusalCode } from '../core/types.ts';
import type { GatewayEvents } from '../events.ts';
import {
  plain,
  refused,
  StreamInterrupted,
  type OwnerReply,
  type OwnerRequest,
  type Refusal,
} from '../exchange.ts';
import type { Owner } from '../ports.ts';
import { createClaims } from './claims.ts';
import { endSession } from './end.ts';
import { initializeSession } from './initialize.ts';
import { servePost } from './post.ts';
import { endBackendSession } from './replay.ts';
import {
  createSessionState,
  mayAnswer,
  type NewSession,
  type OwnerTools,
  type SessionState,
} from './session-state.ts';
import { serveGet } from './standalone.ts';

export interface SessionHost {
  /** Serves one request of a front, this pod's own or another's. Never rejects. */
  serve(request: OwnerRequest, signal: AbortSignal): Promise<OwnerReply>;
  /** Sessions served here. */
  readonly size: number;
  /** True for a session with a client connected; it counts as used. */
  inUse(sessionId: string): boolean;
  /** Lets every session go: the next request of each may be claimed by another pod. Waits for running requests. */
  drain(): Promise<void>;
  stop(): void;
}

export interface HostOptions {
  readonly tools: OwnerTools;
  readonly self: Owner;
  readonly events: GatewayEvents;
}

export function createSessionHost(options: HostOptions): SessionHost {
  const { tools, self, events } = options;
  const { ownership } = tools;
  const { directory } = tools.sessions;
  const live = new Map<string, SessionState>();
  let draining = false;

  const onClose = (state: SessionState, code: RefusalCode): void => {
    if (live.get(state.id) === state) live.delete(state.id);
    tools.metrics.live.set(live.size);
    // The server need not keep what lives elsewhere now. When this gateway only stops, its next incarnation may adopt it.
    if (code === 'not-owner' || code === 'session-ended')
      endBackendSession(
        tools,
        state.clientHeaders,
        state.backendSessionId,
        state.record.protocolVersion,
      );
  };
  const adopt = (session: Omit<NewSession, 'onClose'>): SessionState => {
    const state = createSessionState(tools, { ...session, onClose });
    live.set(state.id, state);
    tools.metrics.live.set(live.size);
    return state;
  };
  const claims = createClaims({ tools, self, events, adopt });

  const offChange = directory.onChange((id, record) => {
    const state = live.get(id);
    if (state === undefined) return;
    if (record === undefined) state.close('session-ended');
    else if (record.epoch > state.epoch) state.close('not-owner');
    else state.record = record;
  });

  /** The session in memory, taken over first if the front says so and the epoch is still the same. */
  const acquire = async (request: OwnerRequest): Promise<SessionState | Refusal> => {
    const known = live.get(request.sessionId);
    if (known !== undefined && (request.claim === undefined || known.epoch > request.epoch))
      return known;
    const running = claims.running(request.sessionId);
    if (running !== undefined) return running;
    if (request.claim !== undefined) {
      if (known?.epoch === request.epoch)
        known.close(request.claim === 'backend-lost' ? 'backend-lost' : 'not-owner');
      return claims.take(request, request.claim);
    }
    const record = await directory.find(request.sessionId);
    if (record === undefined) return refused('session-ended', false);
    const ours = record.owner.node === self.node && record.owner.instance === self.instance;
    return refused(ours ? 'backend-lost' : 'not-owner', false);
  };

  const serveOwned = async (
    state: SessionState,
    request: OwnerRequest,
    signal: AbortSignal,
  ): Promise<OwnerReply> => {
    state.clientHeaders = request.headers;
    directory.touch(state.id);
    if (request.op === 'delete') {
      const reply = await endSession(state, request);
      if (state.closed === 'session-ended')
        events.emit({ type: 'session-ended', id: state.id, why: 'deleted' });
      return reply;
    }
    if (request.op === 'post') {
      const parsed = request.parsed ?? readBody(request.body);
      if (parsed === undefined) return plain(400, errorText(mcpError(MCP_ERRORS.parse)));
      return servePost(state, request, parsed, signal);
    }
    const resumed =
      request.lastEventId === undefined
        ? undefined
        : tools.sessions.parseEventId(request.lastEventId);
    return serveGet(state, request, resumed, signal);
  };

  /** While draining, a session with running requests is still served: they may need the client's answers. */
  const mayFinish = (request: OwnerRequest): boolean => {
    const state = live.get(request.sessionId);
    if (state !== undefined && state.inFlight > 0) return true;
    state?.close('draining');
    return false;
  };

  const serve = async (request: OwnerRequest, signal: AbortSignal): Promise<OwnerReply> => {
    if (draining && !mayFinish(request)) return refused('draining', false);
    // Without a lease nobody here may answer: another pod may already be serving.
    if (!ownership.valid()) return refused('lease-lost', false);
    if (request.op === 'initialize') return initialize(request);
    // A store that does not answer says nothing about the session, and nothing was sent yet.
    const state = await acquire(request).catch((error: unknown) =>
      refused('lease-lost', false, String(error)),
    );
    if ('type' in state) return state;
    const reply = await serveOwned(state, request, signal);
    if (reply.type === 'plain' && state.closed === undefined && !(await mayAnswer(state)))
      return refused(state.closed ?? 'not-owner', true);
    return withSessionId(reply, state.id);
  };

  const initialize = async (request: OwnerRequest): Promise<OwnerReply> => {
    const parsed = request.parsed ?? readBody(request.body);
    if (parsed === undefined) return plain(400, errorText(mcpError(MCP_ERRORS.parse)));
    const result = await initializeSession(tools, self, request, parsed);
    if (!('record' in result)) return result;
    adopt({ ...result, headers: request.headers });
    const { record, backendSessionId } = result;
    events.emit({ type: 'session-created', id: record.id, owner: self.node, backendSessionId });
    return result.reply;
  };

  return {
    async serve(request, signal) {
      try {
        return await serve(request, signal);
      } catch (error) {
        if (error instanceof StreamInterrupted) return refused(error.code, true);
        // What remains are failures of the store: the front tries again until its time is over.
        tools.logger.warn('request not served', {
          session: request.sessionId,
          error: String(error),
        });
        return refused('lease-lost', true, String(error));
      }
    },
    get size() {
      return live.size;
    },
    inUse: (sessionId) => {
      const state = live.get(sessionId);
      if (state === undefined || (state.readers.size === 0 && state.inFlight === 0)) return false;
      directory.touch(sessionId);
      return true;
    },
    async drain() {
      draining = true;
      for (const state of live.values()) if (state.inFlight === 0) state.close('draining');
      const deadline = tools.clock.monotonic() + tools.timing.drainMs;
      while ([...live.values()].some((state) => state.inFlight > 0)) {
        if (tools.clock.monotonic() > deadline) break;
        await new Promise<void>((resolve) => tools.clock.schedule(20, resolve));
      }
      for (const state of live.values()) state.close('draining');
    },
    stop() {
      draining = true;
      offChange();
      for (const state of live.values()) state.close('draining');
    },
  };
}

function readBody(text: string): OwnerRequest['parsed'] {
  const parsed = parseBody(text);
  return parsed.ok ? parsed.value : undefined;
}

/** The client learns its session id from every successful answer, as the official servers do. */
function withSessionId(reply: OwnerReply, id: string): OwnerReply {
  if (reply.type === 'refused') return reply;
  return { ...reply, headers: { ...reply.headers, [HEADER.sessionId]: id } };
}
