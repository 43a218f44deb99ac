/** What the passing of time does: campaigns, heartbeats, the check for a majority, and the end of a transfer that failed. */
import { campaign } from './election.ts';
import { broadcastHeartbeat } from './heartbeat.ts';
import { leaveJoint } from './membership.ts';
import { voteResult } from './quorum.ts';
import { becomeFollower, canCampaign, type CoreState, type LeaderRole } from './state.ts';

export function tick(state: CoreState): void {
  if (state.quietTicks > 0) state.quietTicks -= 1;
  state.electionElapsed += 1;
  if (state.role.role === 'leader') tickLeader(state, state.role);
  else if (canCampaign(state) && state.electionElapsed >= state.electionTimeout) {
    state.electionElapsed = 0;
    campaign(state, 'timeout');
  }
}

function tickLeader(state: CoreState, role: LeaderRole): void {
  if (state.electionElapsed >= state.config.quorumCheckTicks) giveUpTransfer(state, role);
  state.heartbeatElapsed += 1;
  if (state.electionElapsed >= state.config.quorumCheckTicks) {
    state.electionElapsed = 0;
    if (state.config.checkQuorum && !heardFromQuorum(state, role)) {
      return becomeFollower(state, state.term, undefined);
    }
  }
  if (state.heartbeatElapsed >= state.config.heartbeatTicks) {
    state.heartbeatElapsed = 0;
    broadcastHeartbeat(state, role);
  }
}

/** A transfer that has not succeeded by now will not: the leader goes on to lead, and does what the transfer held up. */
function giveUpTransfer(state: CoreState, role: LeaderRole): void {
  if (role.transferee === undefined) return;
  role.transferee = undefined;
  leaveJoint(state, role);
}

/** Whether a majority was heard since the last check; starts the next period. */
function heardFromQuorum(state: CoreState, role: LeaderRole): boolean {
  const { id } = state.config;
  const active = new Map<string, boolean>();
  for (const [member, progress] of role.progress) {
    active.set(member, member === id || progress.recentlyActive);
    progress.recentlyActive = member === id;
  }
  return voteResult(state.voters, active) === 'won';
}
