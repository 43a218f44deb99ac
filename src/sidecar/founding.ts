/** Whether this member founds the cluster: only where none exists, or a majority of empty disks would begin a second one. */
import { join } from 'node:path';
import { readFileIfExists } from '../host/index.ts';
import { FOUNDED_INDEX } from '../std/index.ts';
import { askMember, type Asking } from './ask.ts';
import type { MemberPlan } from './plan.ts';

type Founder = Asking & Pick<MemberPlan, 'id' | 'voters' | 'dataDir' | 'founded'>;

export interface Founding {
  /** The voters to begin with, if the folder is empty; none for a member that waits to be let in. */
  readonly voters: readonly string[];
  /** It founded its cluster, and starts without what it had: the others may not let it in under its name. */
  readonly lostData: boolean;
}

/**
 * The voters of the plan, unless this member's folder is empty and the cluster exists: the plan says so, or another voter
 * has agreed on something already. It then waits to be let in, as a member does that joins.
 */
export async function foundingOf(plan: Founder): Promise<Founding> {
  const { id, voters } = plan;
  if (await hasLog(plan)) return { voters, lostData: false };
  if (plan.founded) return { voters: [], lostData: false };
  if (!voters.includes(id)) return { voters, lostData: false };
  const others = voters.filter((other) => other !== id);
  const answers = await Promise.all(others.map((other) => askMember(plan, other)));
  const lostData = answers.some((status) => (status?.commitIndex ?? 0) > FOUNDED_INDEX);
  return { voters: lostData ? [] : voters, lostData };
}

/** Whether the folder of a member holds a log, be it one that cannot be read. */
export async function hasLog({ dataDir }: Pick<MemberPlan, 'dataDir'>): Promise<boolean> {
  return (await readFileIfExists(join(dataDir, 'raft', 'identity'))) !== undefined;
}
