/** Another member's view of itself, asked before this one runs. */
import { systemClock, systemRandom } from '../host/index.ts';
import { createChannel, services, type Wire } from '../rpc/index.ts';
import type { MemberPlan } from './plan.ts';

const ASK_TIMEOUT_MS = 1_000;

export type Asking = Pick<MemberPlan, 'addressOf' | 'serverName' | 'tls' | 'clusterId'>;

/** What member `id` answers; undefined when nobody does within a second, which proves nothing. */
export async function askMember(plan: Asking, id: string): Promise<Wire.MemberStatus | undefined> {
  const { tls, clusterId } = plan;
  const address = plan.addressOf(id);
  if (address === undefined) return undefined;
  const channel = createChannel({
    resolve: async () => address,
    serverName: plan.serverName(id),
    tls,
    clusterId,
    clock: systemClock,
    random: systemRandom,
  });
  try {
    return await channel.client(services.admin).getStatus({}, { timeoutMs: ASK_TIMEOUT_MS });
  } catch {
    return undefined;
  } finally {
    channel.close();
  }
}
