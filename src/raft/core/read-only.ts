/** Linearizable reads without writing to the log: a majority confirms the leader after the question (thesis §6.4). */
import { quorumValue } from './quorum.ts';
import { broadcastHeartbeat } from './heartbeat.ts';
import { hasCommittedInTerm, send, type CoreState, type LeaderRole } from './state.ts';
import type { HeartbeatResponse } from './types.ts';

/** Registers a read; refused (false) when too many wait. It is answered with a read state or a message. */
export function registerRead(
  state: CoreState,
  role: LeaderRole,
  read: { readonly context: string; readonly from: string },
): boolean {
  if (role.reads.length + role.earlyReads.length >= state.config.pendingReadsMax) return false;
  // Before an entry of its own term is committed, a leader does not know what is committed.
  if (!hasCommittedInTerm(state)) {
    role.earlyReads.push(read);
    return true;
  }
  askMajority(state, role, [read]);
  return true;
}

/** One round of heartbeats confirms any number of reads that came before it. */
function askMajority(state: CoreState, role: LeaderRole, reads: LeaderRole['earlyReads']): void {
  broadcastHeartbeat(state, role);
  for (const read of reads) {
    role.reads.push({ ...read, index: state.log.committed, round: role.round });
  }
  releaseConfirmed(state, role);
}

export function releaseEarlyReads(state: CoreState, role: LeaderRole): void {
  if (role.earlyReads.length === 0) return;
  const reads = role.earlyReads;
  role.earlyReads = [];
  askMajority(state, role, reads);
}

export function releaseReads(
  state: CoreState,
  role: LeaderRole,
  response: HeartbeatResponse,
): void {
  if (response.round > role.round) return;
  const known = role.confirmed.get(response.from) ?? 0;
  role.confirmed.set(response.from, Math.max(known, response.round));
  releaseConfirmed(state, role);
}

/** The latest round that a majority has answered. */
export function confirmedRound(state: CoreState, role: LeaderRole): number {
  const { id } = state.config;
  return quorumValue(state.voters, (member) =>
    member === id ? role.round : (role.confirmed.get(member) ?? 0),
  );
}

/** Answers every read whose round a majority has confirmed. */
function releaseConfirmed(state: CoreState, role: LeaderRole): void {
  if (role.reads.length === 0) return;
  const confirmed = confirmedRound(state, role);
  while (role.reads[0] !== undefined && role.reads[0].round <= confirmed) {
    const { context, from, index } = role.reads[0];
    role.reads.shift();
    if (from === state.config.id) state.readStates.push({ context, index });
    else send(state, { type: 'read-index-response', to: from, context, index });
  }
}
