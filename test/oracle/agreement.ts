/**
 * Where the two sides differ by design, and the schedule therefore does not go. Each rule says why; anything else that differs
 * is a finding.
 */
import type { Configuration, Message } from '../../src/raft/core/index.ts';
import type { Setup } from './events.ts';
import { coreOf, type Member } from './member.ts';

/** False for messages that the two sides take differently: they are lost instead, which must do no harm either. */
export function mayDeliver(setup: Setup, receiver: Member, message: Message): boolean {
  const { role, term, configuration } = coreOf(receiver).status();
  const leads = role === 'leader';
  // A follower of etcd's that passes it on a second time panics, since it bears a term by then.
  if (message.type === 'transfer-leader') return leads;
  // A leader of ours tells a removed member that it is removed, where etcd's stays silent or refuses.
  if (message.type === 'vote-request') {
    return !leads || !setup.checkQuorum || namesMember(configuration, message.from);
  }
  // Ours takes a snapshot that is older than its joining, since that follows in the log; etcd's waits for a later one.
  if (message.type === 'snapshot') return namesMember(message.meta.configuration, message.to);
  // Ours bears a term and is of no use in another one; etcd's does not, and is passed on by whoever gets it.
  if (message.type === 'read-index') return leads && message.term === term && mayRead(receiver);
  // Ours counts a pre-vote only for the term that it asks about now, etcd's also what was asked before a crash took a term back.
  if (message.type === 'vote-response' && message.preVote) return message.term <= term + 1;
  // An answer is an answer, but only followers of etcd's listen to it.
  if (message.type === 'read-index-response') return role === 'follower';
  return true;
}

function namesMember(configuration: Configuration, id: string): boolean {
  const { voters, votersOutgoing, learners } = configuration;
  return [...voters, ...votersOutgoing, ...learners].includes(id);
}

/** Ours takes no change before an entry of its own term is committed; etcd's one that has applied all of the terms before. */
export function mayChange(member: Member): boolean {
  return hasCommittedInTerm(member) && mayPropose(member);
}

/**
 * Reads that a leader took before its first commit are lost with its role here; etcd's keeps them, and answers should it ever
 * lead again. And where one member is a majority, etcd's answers without a heartbeat.
 */
export function mayRead(member: Member): boolean {
  return coreOf(member).status().configuration.voters.length > 1 && hasCommittedInTerm(member);
}

/** A leader that proposed its own removal takes nothing more, where etcd's goes on until that is applied. */
export function mayPropose(member: Member): boolean {
  return !coreOf(member).status().isLeaving;
}

function hasCommittedInTerm(member: Member): boolean {
  const { role, term, commitIndex } = coreOf(member).status();
  return role !== 'leader' || member.termAt(commitIndex) === term;
}

/**
 * For the same reason a leader of ours leaves a joint configuration only after such a commit. A member that becomes leader
 * while older entries wait to be applied would show the difference, so it does its work before it hears of a vote. And a
 * candidate of ours leads only once its own vote is durable, one of etcd's on the votes of others, which a crash may undo.
 */
export function mustFlushFirst(receiver: Member, message: Message): boolean {
  if (message.type !== 'vote-response') return false;
  const { role, configuration } = coreOf(receiver).status();
  return role === 'candidate' || configuration.autoLeave;
}

/** The own vote is heard when it is written. */
export function mustApplyFirst(member: Member): boolean {
  const { role, configuration } = coreOf(member).status();
  return role !== 'leader' && configuration.autoLeave && member.applies.length > 0;
}

/**
 * A leader of ours that gives up a transfer leaves the joint configuration at once, etcd's with the next entry it applies. A
 * transfer to itself ends one on both sides, without more, before time does.
 */
export function mustStayFirst(member: Member): boolean {
  const { transferee, configuration } = coreOf(member).status();
  return transferee !== undefined && configuration.autoLeave;
}
