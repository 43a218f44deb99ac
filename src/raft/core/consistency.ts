/**
 * Whether the members' states are the same: each keeps checksums of its state at some indexes, the leader asks with its
 * heartbeats, and whoever differs from a majority is told not to serve. The log being the same does not prove it: a bug or a
 * broken memory can part the states behind it.
 */
import { voteResult } from './quorum.ts';
import { becomeFollower, type CoreState, type LeaderRole } from './state.ts';
import type { StateCheck } from './types.ts';

const CHECKS_KEPT_MAX = 16;

export function recordCheck(state: CoreState, check: StateCheck): void {
  state.checks.push(check);
  if (state.checks.length > CHECKS_KEPT_MAX) state.checks.shift();
  if (state.role.role === 'leader') compare(state, state.role, state.config.id, check);
}

export function latestCheck(state: CoreState): StateCheck | undefined {
  return state.checks.at(-1);
}

export function ownCheckAt(state: CoreState, index: number): StateCheck | undefined {
  return state.checks.find((check) => check.index === index);
}

/** Takes the checksum of a member and decides, once a majority agrees at its index, who differs. */
export function compare(
  state: CoreState,
  role: LeaderRole,
  from: string,
  check: StateCheck | undefined,
): void {
  if (check === undefined) return;
  role.checks.set(from, check);
  const same = [...role.checks].filter(([, other]) => other.index === check.index);
  for (const [, { checksum }] of same) {
    const agreeing = new Map(
      same.filter(([, other]) => other.checksum === checksum).map(([id]) => [id, true]),
    );
    if (voteResult(state.voters, agreeing) !== 'won') continue;
    for (const [id] of same) if (!agreeing.has(id)) role.divergent.add(id);
  }
  if (!role.divergent.has(state.config.id)) return;
  // What a leader with a wrong state would answer is wrong: another one must lead.
  state.divergent = true;
  becomeFollower(state, state.term, undefined);
}
