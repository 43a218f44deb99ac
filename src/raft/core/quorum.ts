/** Majorities, over one set of voters or over two at once (while membership changes): both must agree then. */
import type { Configuration } from './types.ts';

/** One set, or two while a joint configuration is in force. */
export type VoterSets = readonly ReadonlySet<string>[];
export type VoteResult = 'won' | 'lost' | 'pending';

/** The sets that have to agree under `configuration`. */
export function voterSets(configuration: Configuration): VoterSets {
  const { voters, votersOutgoing } = configuration;
  if (votersOutgoing.length === 0) return [new Set(voters)];
  return [new Set(voters), new Set(votersOutgoing)];
}

/** True when `id` votes in any of the sets. */
export function isVoter(sets: VoterSets, id: string): boolean {
  return sets.some((set) => set.has(id));
}

/** Every voter once. */
export function allVoters(sets: VoterSets): Set<string> {
  return new Set(sets.flatMap((set) => [...set]));
}

/** The largest value that a majority of each set has reached; Infinity for no voters, so that an empty half never decides. */
export function quorumValue(sets: VoterSets, valueOf: (id: string) => number): number {
  let lowest = Infinity;
  for (const set of sets) {
    if (set.size === 0) continue;
    const values = [...set].map(valueOf).sort((a, b) => b - a);
    const majority = Math.floor(set.size / 2);
    lowest = Math.min(lowest, values[majority] as number);
  }
  return lowest;
}

/** The outcome of an election by the votes cast so far. */
export function voteResult(sets: VoterSets, votes: ReadonlyMap<string, boolean>): VoteResult {
  let pending = false;
  for (const set of sets) {
    if (set.size === 0) continue;
    const majority = Math.floor(set.size / 2) + 1;
    let granted = 0;
    let missing = 0;
    for (const id of set) {
      const vote = votes.get(id);
      if (vote === true) granted += 1;
      if (vote === undefined) missing += 1;
    }
    if (granted >= majority) continue;
    if (granted + missing < majority) return 'lost';
    pending = true;
  }
  return pending ? 'pending' : 'won';
}
