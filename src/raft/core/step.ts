/** What a message does: its term first, then what it says to the role this member plays. */
import { campaign, handleVoteRequest, handleVoteResponse, leaderIsAlive } from './election.ts';
import { handleHeartbeat } from './heartbeat.ts';
import { proposeAsLeader } from './proposing.ts';
import { registerRead } from './read-only.ts';
import { handleAppend, handleAppendResponse, handleHeartbeatResponse } from './replication.ts';
import { handleSnapshot, handleSnapshotResponse } from './snapshot.ts';
import {
  becomeFollower,
  leaderOf,
  isMember,
  send,
  type CoreState,
  type LeaderRole,
} from './state.ts';
import { beginTransfer } from './transfer.ts';
import type { Message, RefusalReason, RemovedMessage } from './types.ts';

type FromLeader = Message & { type: 'append' | 'heartbeat' | 'snapshot' };
type ToLeader = Message & {
  type:
    | 'append-response'
    | 'heartbeat-response'
    | 'snapshot-response'
    | 'propose'
    | 'read-index'
    | 'transfer-leader';
};

export function step(state: CoreState, message: Message): void {
  if (message.groupId !== state.config.groupId || message.to !== state.config.id) return;
  if (isFromStranger(state, message) || wasRemoved(state, message)) return;
  if (message.term > state.term && !admitLaterTerm(state, message)) return;
  if (message.term < state.term) return answerEarlierTerm(state, message);
  switch (message.type) {
    case 'vote-request':
      return handleVoteRequest(state, message);
    case 'vote-response':
      return handleVoteResponse(state, message);
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      return stepFromLeader(state, message);
    case 'timeout-now':
      if (state.role.role === 'follower') campaign(state, 'transfer');
      return;
    case 'propose-refusal':
      state.refusals.push({ request: message.request, reason: message.reason });
      return;
    case 'read-index-response':
      state.readStates.push({ context: message.context, index: message.index });
      return;
    case 'removed':
      return learnRemoval(state, message);
    case 'append-response':
    case 'heartbeat-response':
    case 'snapshot-response':
    case 'propose':
    case 'read-index':
    case 'transfer-leader':
      return stepToLeader(state, message);
  }
}

/** An answer of someone who takes no part proves nothing, and its term must not disturb those who do. */
function isFromStranger(state: CoreState, { type, from }: Message): boolean {
  if (type !== 'append-response' && type !== 'heartbeat-response' && type !== 'vote-response') {
    return false;
  }
  return from !== state.config.id && !isMember(state, from);
}

/** A removed member that campaigns is told that it is; without that it would go on for ever. */
function wasRemoved(state: CoreState, { type, from }: Message): boolean {
  if (type !== 'vote-request' || state.role.role !== 'leader' || !state.config.checkQuorum) {
    return false;
  }
  if (isMember(state, from)) return false;
  send(state, { type: 'removed', to: from, index: state.configurationIndex });
  return true;
}

/** The leader may be behind: what it knows is of no use to a member whose own configuration is a later one. */
function learnRemoval(state: CoreState, { index }: RemovedMessage): void {
  if (index < state.configurationIndex || state.role.role === 'leader') return;
  if (index === state.configurationIndex && isMember(state, state.config.id)) return;
  if (state.role.role !== 'follower') becomeFollower(state, state.term, undefined);
  state.removed = true;
}

/** Decides what a later term means; false when the message must be ignored. The term never moves for a pre-vote. */
function admitLaterTerm(state: CoreState, message: Message): boolean {
  if (message.type === 'vote-request') {
    if (!message.transfer && leaderIsAlive(state)) return false;
    if (message.preVote) {
      handleVoteRequest(state, message);
      return false;
    }
  }
  if (message.type === 'vote-response' && message.preVote && message.granted) {
    // It speaks about the term that was asked for, one ahead of ours.
    if (message.term === state.term + 1) handleVoteResponse(state, message);
    return false;
  }
  becomeFollower(state, message.term, isFromLeader(message) ? message.from : undefined);
  return true;
}

function isFromLeader(message: Message): message is FromLeader {
  const { type } = message;
  return type === 'append' || type === 'heartbeat' || type === 'snapshot';
}

/** A sender that lives in the past is told, where silence would leave it stuck: PreVote keeps it from finding out. */
function answerEarlierTerm(state: CoreState, message: Message): void {
  const careful = state.config.checkQuorum || state.config.preVote;
  if (careful && (message.type === 'append' || message.type === 'heartbeat')) {
    send(state, { type: 'append-response', to: message.from, rejected: false, index: 0 });
  } else if (message.type === 'vote-request' && message.preVote) {
    const { lastIndex, lastTerm } = message;
    const answer = { type: 'vote-response', preVote: true, granted: false } as const;
    send(state, { ...answer, to: message.from, lastIndex, lastTerm });
  } else if (message.type === 'propose') {
    refuse(state, message, 'not-leader');
  }
}

function stepFromLeader(state: CoreState, message: FromLeader): void {
  // Two leaders in one term cannot be; a message that claims it is not from a member that follows the protocol.
  if (state.role.role === 'leader') return;
  if (state.role.role !== 'follower') becomeFollower(state, state.term, message.from);
  else state.role.leaderId = message.from;
  state.electionElapsed = 0;
  // Whoever is replicated to takes part.
  state.removed = false;
  switch (message.type) {
    case 'append':
      return handleAppend(state, message);
    case 'heartbeat':
      return handleHeartbeat(state, message);
    case 'snapshot':
      return handleSnapshot(state, message);
  }
}

function stepToLeader(state: CoreState, message: ToLeader): void {
  if (state.role.role === 'leader') return stepLeader(state, state.role, message);
  if (message.type === 'propose') return refuse(state, message, 'not-leader');
  const leader = leaderOf(state);
  if (message.type !== 'transfer-leader' || leader === undefined || leader === message.from) return;
  send(state, { type: 'transfer-leader', to: leader, transferee: message.transferee });
}

function stepLeader(state: CoreState, role: LeaderRole, message: ToLeader): void {
  switch (message.type) {
    case 'append-response':
      return handleAppendResponse(state, role, message);
    case 'heartbeat-response':
      return handleHeartbeatResponse(state, role, message);
    case 'snapshot-response':
      return handleSnapshotResponse(role, message);
    case 'propose': {
      const refused = proposeAsLeader(state, role, message.kind, message.commands);
      if (refused !== undefined) refuse(state, message, refused);
      return;
    }
    case 'read-index':
      registerRead(state, role, message);
      return;
    case 'transfer-leader':
      return beginTransfer(state, role, message.transferee);
  }
}

function refuse(
  state: CoreState,
  { from, request }: Message & { type: 'propose' },
  reason: RefusalReason,
): void {
  send(state, { type: 'propose-refusal', to: from, request, reason });
}
