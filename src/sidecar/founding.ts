/** Whether this member founds the cluster: only where none exists, or a majority of empty disks would begin a second one. */
import { join } from 'node:path';
import { readFileIfExists, systemClock, systemRandom } from '../host/index.ts';
import { createChannel, services } from '../rpc/index.ts';
import type { MemberPlan } from './plan.ts';

/** A cluster that only its founders' agreement has come about in has agreed on nothing yet. */
const FOUNDED_INDEX = 1;
const ASK_TIMEOUT_MS = 1_000;

type Founder = Pick<
  MemberPlan,
  'id' | 'voters' | 'dataDir' | 'addressOf' | 'serverName' | 'tls' | 'clusterId'
>;

/**
 * The voters to begin with: those of the plan, or none when this member's folder is empty and another voter has agreed on
 * something already. It then waits to be let in, as a member does that joins.
 */
export async function foundingVoters(plan: Founder): Promise<readonly string[]> {
  const isFounder = plan.voters.includes(plan.id);
  if (!isFounder) return plan.voters;
  if ((await readFileIfExists(join(plan.dataDir, 'raft', 'identity'))) !== undefined) {
    return plan.voters;
  }
  const others = plan.voters.filter((id) => id !== plan.id);
  const answers = await Promise.all(others.map((id) => hasAgreed(plan, id)));
  return answers.includes(true) ? [] : plan.voters;
}

async function hasAgreed(plan: Founder, id: string): Promise<boolean> {
  const { tls, clusterId } = plan;
  const address = plan.addressOf(id);
  if (address === undefined) return false;
  const channel = createChannel({
    resolve: async () => address,
    serverName: plan.serverName(id),
    tls,
    clusterId,
    clock: systemClock,
    random: systemRandom,
  });
  try {
    const { commitIndex } = await channel
      .client(services.admin)
      .getStatus({}, { timeoutMs: ASK_TIMEOUT_MS });
    return commitIndex > FOUNDED_INDEX;
  } catch {
    // Nobody there proves nothing: at the first start all are away.
    return false;
  } finally {
    channel.close();
  }
}
