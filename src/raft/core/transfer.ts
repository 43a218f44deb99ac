/** Handing leadership over: the leader stops taking proposals, brings the other up to date and tells it to campaign
 * (thesis §3.10). */
import { finishTransfer, sendAppend } from './replication.ts';
import { leaderOf, send, type CoreState, type LeaderRole } from './state.ts';

/** Asks the leader, here or elsewhere; false when there is none. */
export function transferLeadership(state: CoreState, transferee: string): boolean {
  if (state.role.role === 'leader') {
    beginTransfer(state, state.role, transferee);
    return true;
  }
  const to = leaderOf(state);
  if (to === undefined) return false;
  send(state, { type: 'transfer-leader', to, transferee });
  return true;
}

/** Ends after `quorumCheckTicks` without success; a second request for another member replaces the first. */
export function beginTransfer(state: CoreState, role: LeaderRole, transferee: string): void {
  if (!role.progress.has(transferee) || state.configuration.learners.includes(transferee)) return;
  if (role.transferee === transferee) return;
  role.transferee = undefined;
  if (transferee === state.config.id) return;
  state.electionElapsed = 0;
  role.transferee = transferee;
  role.offered = true;
  if (!finishTransfer(state, role)) sendAppend(state, role, transferee, 'even-if-empty');
}
