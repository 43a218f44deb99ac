/** The sessions this pod has in memory, and how it comes by them: opened here, or taken over. */
import type { RefusalCode } from '../core/types.ts';
import type { GatewayEvents } from '../events.ts';
import { refused, type OwnerRequest, type Refusal } from '../exchange.ts';
import type { Owner } from '../ports.ts';
import { createClaims } from './claims.ts';
import { endBackendSession } from './replay.ts';
import { tasksUntil } from './tasks.ts';
import {
  createSessionState,
  type NewSession,
  type OwnerTools,
  type SessionState,
} from './session-state.ts';

export interface LiveSessions {
  readonly sessions: ReadonlyMap<string, SessionState>;
  adopt(session: Omit<NewSession, 'onClose'>): SessionState;
  /** The session in memory, when nothing has to be done for it. */
  known(request: OwnerRequest): SessionState | undefined;
  /** The session in memory, taken over first if the front says so and the epoch is still the same. */
  acquire(request: OwnerRequest): Promise<SessionState | Refusal>;
  stop(): void;
}

export interface LiveSessionsOptions {
  readonly tools: OwnerTools;
  readonly self: Owner;
  readonly events: GatewayEvents;
}

export function createLiveSessions(options: LiveSessionsOptions): LiveSessions {
  const { tools, self } = options;
  const { directory } = tools.sessions;
  const sessions = new Map<string, SessionState>();

  const lingering = new Set<() => void>();

  const onClose = (state: SessionState, code: RefusalCode): void => {
    if (sessions.get(state.id) === state) sessions.delete(state.id);
    tools.metrics.live.set(sessions.size);
    // The server need not keep what lives elsewhere now. When this gateway only stops, its next incarnation may adopt it.
    const { clientHeaders, backendSessionId, record } = state;
    if (code !== 'not-owner' && code !== 'session-ended') return;
    const end = (): void =>
      endBackendSession(tools, clientHeaders, backendSessionId, record.protocolVersion);
    const now = tools.clock.wall();
    const until = code === 'not-owner' ? tasksUntil(state.record, self, now) : undefined;
    if (until === undefined) return end();
    // Its tasks can be asked about from elsewhere.
    const cancel = tools.clock.schedule(until - now, () => {
      lingering.delete(cancel);
      end();
    });
    lingering.add(cancel);
  };
  const adopt = (session: Omit<NewSession, 'onClose'>): SessionState => {
    const state = createSessionState(tools, { ...session, onClose });
    sessions.set(state.id, state);
    tools.metrics.live.set(sessions.size);
    return state;
  };
  const knownTo = ({ sessionId, claim, epoch }: OwnerRequest): SessionState | undefined => {
    const state = sessions.get(sessionId);
    return state !== undefined && (claim === undefined || state.epoch > epoch) ? state : undefined;
  };
  const claims = createClaims({ ...options, adopt });
  const offChange = directory.onChange((id, record) => {
    const state = sessions.get(id);
    if (state === undefined) return;
    if (record === undefined) state.close('session-ended');
    else if (record.epoch > state.epoch) state.close('not-owner');
    else state.record = record;
  });

  return {
    sessions,
    adopt,
    known: knownTo,
    async acquire(request) {
      const { sessionId, claim } = request;
      const known = knownTo(request);
      if (known !== undefined) return known;
      const running = claims.running(request);
      if (running !== undefined) return running;
      if (claim !== undefined) {
        sessions.get(sessionId)?.close(claim === 'backend-lost' ? 'backend-lost' : 'not-owner');
        return claims.take(request, claim);
      }
      const record = await directory.find(sessionId);
      if (record === undefined) return refused('session-ended', false);
      const ours = record.owner.node === self.node && record.owner.instance === self.instance;
      return refused(ours ? 'backend-lost' : 'not-owner', false);
    },
    stop() {
      offChange();
      for (const cancel of lingering) cancel();
      for (const state of sessions.values()) state.close('draining');
    },
  };
}
