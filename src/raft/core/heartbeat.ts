/** Heartbeats: they keep the leader known, carry what is committed, confirm the leader for reads, and compare states. */
import { latestCheck, ownCheckAt } from './consistency.ts';
import { send, type CoreState, type LeaderRole } from './state.ts';
import type { HeartbeatMessage } from './types.ts';

export function broadcastHeartbeat(state: CoreState, role: LeaderRole): void {
  role.round += 1;
  const check = latestCheck(state);
  for (const [to, progress] of role.progress) {
    if (to === state.config.id) continue;
    // A follower may only commit what is known to be in its log: the rest of it may differ from ours.
    const commit = Math.min(progress.match, state.log.committed);
    const divergent = role.divergent.has(to);
    send(state, { type: 'heartbeat', to, commit, round: role.round, check, divergent });
    progress.sentCommit = commit;
  }
}

export function handleHeartbeat(state: CoreState, message: HeartbeatMessage): void {
  state.log.commitTo(message.commit);
  if (message.divergent === true) state.divergent = true;
  const check = message.check === undefined ? undefined : ownCheckAt(state, message.check.index);
  send(state, { type: 'heartbeat-response', to: message.from, round: message.round, check });
}
