/** Heartbeats: they keep the leader known, carry what is committed, and confirm the leader for reads. */
import { send, type CoreState, type LeaderRole } from './state.ts';
import type { HeartbeatMessage } from './types.ts';

export function broadcastHeartbeat(state: CoreState, role: LeaderRole): void {
  for (const [to, progress] of role.progress) {
    if (to === state.config.id) continue;
    // A follower may only commit what is known to be in its log: the rest of it may differ from ours.
    const commit = Math.min(progress.match, state.log.committed);
    send(state, { type: 'heartbeat', to, commit, round: role.round });
  }
}

export function handleHeartbeat(state: CoreState, message: HeartbeatMessage): void {
  state.log.commitTo(message.commit);
  send(state, { type: 'heartbeat-response', to: message.from, round: message.round });
}
