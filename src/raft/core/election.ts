/** Elections: campaigning, counting votes, and when to grant one (Raft paper §5.2, §5.4.1; thesis §9.6 for PreVote). */
import { inheritChange } from './membership.ts';
import { becomeLeadingReplication } from './replication.ts';
import { allVoters, isVoter, voteResult } from './quorum.ts';
import {
  becomeCandidate,
  becomeFollower,
  becomePreCandidate,
  canCampaign,
  leaderOf,
  send,
  type CoreState,
} from './state.ts';
import type { VoteRequest, VoteResponse } from './types.ts';

/** Why an election is held: the leader is silent, or it asked for one, which needs no pre-vote and may not be ignored. */
export type CampaignReason = 'timeout' | 'transfer';

/** Starts an election, first asking whether it could be won when PreVote is on. Does nothing for those who may not lead. */
export function campaign(state: CoreState, reason: CampaignReason): void {
  if (state.role.role === 'leader' || !canCampaign(state)) return;
  // The configuration that decides this election may be one that is committed but not in force here yet.
  if (state.log.hasUnappliedConfig()) return;
  if (state.config.preVote && reason === 'timeout') {
    becomePreCandidate(state);
    requestVotes(state, { preVote: true, transfer: false });
  } else {
    becomeCandidate(state);
    requestVotes(state, { preVote: false, transfer: reason === 'transfer' });
  }
}

function requestVotes(
  state: CoreState,
  { preVote, transfer }: { readonly preVote: boolean; readonly transfer: boolean },
): void {
  const term = preVote ? state.term + 1 : state.term;
  const { lastIndex, lastTerm } = state.log;
  for (const to of allVoters(state.voters)) {
    // The own vote counts when it is durable: as an answer to oneself it waits for the disk like any other.
    if (to === state.config.id) {
      send(state, { type: 'vote-response', to, term, preVote, granted: true, lastIndex, lastTerm });
    } else {
      send(state, { type: 'vote-request', to, term, preVote, lastIndex, lastTerm, transfer });
    }
  }
}

/**
 * While a leader is being heard, elections of others are ignored: a member that is cut off from the leader only must not
 * disturb the rest. A member that has just started may have promised that to a leader it has forgotten.
 */
export function leaderIsAlive(state: CoreState): boolean {
  if (state.quietTicks > 0) return true;
  return (
    state.config.checkQuorum &&
    leaderOf(state) !== undefined &&
    state.electionElapsed < state.config.electionTicks.min
  );
}

/** Answers a request of the own term, or a pre-vote for a later one. Learners vote when asked: they may not know yet that
 * they were promoted. */
export function handleVoteRequest(state: CoreState, request: VoteRequest): void {
  const free =
    state.vote === request.from ||
    (state.vote === undefined && leaderOf(state) === undefined) ||
    (request.preVote && request.term > state.term);
  const granted = free && state.log.isUpToDate(request.lastIndex, request.lastTerm);
  if (granted && !request.preVote) {
    state.electionElapsed = 0;
    state.vote = request.from;
  }
  send(state, {
    type: 'vote-response',
    to: request.from,
    // A granted pre-vote speaks about the term asked for; a refusal tells the asker which term we are in.
    term: granted ? request.term : state.term,
    preVote: request.preVote,
    granted,
    lastIndex: request.lastIndex,
    lastTerm: request.lastTerm,
  });
}

export function handleVoteResponse(state: CoreState, response: VoteResponse): void {
  const { role } = state;
  const wanted = response.preVote ? 'pre-candidate' : 'candidate';
  if ((role.role !== 'candidate' && role.role !== 'pre-candidate') || role.role !== wanted) return;
  if (!isVoter(state.voters, response.from) || !isForThisLog(state, response)) return;
  if (!role.votes.has(response.from)) role.votes.set(response.from, response.granted);
  const result = voteResult(state.voters, role.votes);
  if (result === 'pending') return;
  if (result === 'lost') return becomeFollower(state, state.term, undefined);
  if (role.role === 'candidate') return leadOnceDurable(state, role.votes);
  becomeCandidate(state);
  requestVotes(state, { preVote: false, transfer: false });
}

/**
 * A request may travel before the end of the log that it names is durable. After a crash that lost that end, a vote that comes
 * late was given to a log that is no more.
 */
function isForThisLog(state: CoreState, { granted, lastIndex, lastTerm }: VoteResponse): boolean {
  const { log } = state;
  return !granted || (lastIndex === log.lastIndex && lastTerm === log.lastTerm);
}

/**
 * A majority of others may be there before the own vote is durable. Whoever led on that would, after a crash that it forgot,
 * ask in the same term again, be granted the same votes, and write other entries at the same indexes of that term.
 */
function leadOnceDurable(state: CoreState, votes: ReadonlyMap<string, boolean>): void {
  if (votes.get(state.config.id) !== true) return;
  becomeLeadingReplication(state);
  inheritChange(state);
}

/**
 * The leader is no longer taken to be alive, so that this member grants votes and passes nothing on; term and timer stay.
 * A leader that lives says so with its next heartbeat. Under leases this would break what the follower promised by
 * answering the last one. False when there was no leader to forget.
 */
export function forgetLeader(state: CoreState): boolean {
  if (state.config.leaseReads || state.role.role !== 'follower') return false;
  if (state.role.leaderId === undefined) return false;
  state.role.leaderId = undefined;
  return true;
}
