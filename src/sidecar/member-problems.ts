/** What can be wrong with a member's part in the agreed log, and what a person can do about it. */
import type { RaftStatus } from '../raft/index.ts';

export interface MemberProblem {
  readonly code: 'divergent' | 'member-replaced' | 'removed' | 'disk-full';
  readonly message: string;
}

type Facts = Pick<RaftStatus, 'divergent' | 'replaced' | 'removed' | 'diskFull' | 'configuration'>;

const MESSAGES: Readonly<Record<MemberProblem['code'], string>> = {
  divergent:
    "this member's state differs from that of a majority, so it serves nothing: remove it from the configuration (mcp-cluster raft change remove=ID), delete its data folder, and start it again",
  'member-replaced':
    'the other members know this one by another disk and do not let it in, for it may have lost its votes: remove it from the configuration (mcp-cluster raft change remove=ID), and it joins again as a learner',
  removed:
    'this member was removed from the configuration and receives nothing any more: stop it, or add it again',
  'disk-full':
    'the disk has no room, so nothing can be written here: free some, and the member goes on by itself',
};

/**
 * The problems of a member, the gravest first; none of them makes a restart useful. `withoutData`: it founded its cluster,
 * and started without what it had.
 */
export function problemsOf(facts: Facts, withoutData: boolean): MemberProblem[] {
  const { divergent, removed, diskFull, configuration } = facts;
  // Until it is let in it hears from nobody, not even a refusal.
  const replaced = facts.replaced || (withoutData && configuration.voters.length === 0);
  const codes: (MemberProblem['code'] | false)[] = [
    divergent && 'divergent',
    replaced && 'member-replaced',
    removed && 'removed',
    diskFull && 'disk-full',
  ];
  return codes.filter((code) => code !== false).map((code) => ({ code, message: MESSAGES[code] }));
}
