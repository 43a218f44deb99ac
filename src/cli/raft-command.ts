/** `raft members|change|transfer`: who takes part in a cluster's log, asked and changed at any running member. */
import { UsageError } from '../host/index.ts';
import type { Wire } from '../rpc/index.ts';
import { tableLines } from './core/table.ts';
import { atMember, type MemberFlags } from './member-call.ts';

const STEPS = ['add-voter', 'add-learner', 'remove'];

/** Prints what the member knows of the others, as a table or as one JSON object. */
export async function membersCommand(
  flags: MemberFlags & { readonly json?: boolean },
): Promise<void> {
  const status = await atMember(flags, (client, options) => client.getStatus({}, options));
  if (flags.json === true) return console.log(JSON.stringify(status, undefined, 2));
  for (const line of table(status)) console.log(line);
}

/** Changes who takes part, by steps such as `add-voter=n4` and `remove=n1`, all in one; none leaves a joint configuration. */
export async function changeCommand(
  steps: readonly string[],
  flags: MemberFlags & { readonly transition: string },
): Promise<void> {
  const changes = steps.map(stepOf);
  const { transition } = flags;
  const { voters, votersOutgoing, learners } = await atMember(flags, (client, options) =>
    client.changeMembership({ changes, transition }, options),
  );
  console.log(`voters: ${voters.join(', ')}; learners: ${learners.join(', ') || 'none'}`);
  if (votersOutgoing.length > 0) {
    console.log(
      `a joint configuration is in force with ${votersOutgoing.join(', ')}: leave it next`,
    );
  }
}

/** Lets another voter lead: `to`, or whoever has most of the log. */
export async function transferCommand(to: string | undefined, flags: MemberFlags): Promise<void> {
  const { leaderId } = await atMember(flags, (client, options) =>
    client.transferLeadership({ to: to ?? '' }, options),
  );
  console.log(`${leaderId} leads`);
}

function stepOf(text: string): { type: string; id: string } {
  const [type = '', id = '', ...rest] = text.split('=');
  if (!STEPS.includes(type) || id === '' || rest.length > 0) {
    throw new UsageError(`${text}: expected ${STEPS.map((step) => `${step}=ID`).join(', ')}`);
  }
  return { type, id };
}

function table(status: Wire.MemberStatus): string[] {
  const { voters, votersOutgoing, learners, leaderId, members, matchIndexes } = status;
  const ids = [...new Set([...voters, ...votersOutgoing, ...learners])].sort();
  const rows = ids.map((id) => {
    const role = voters.includes(id) ? 'voter' : learners.includes(id) ? 'learner' : 'leaving';
    const alive = members.find((member) => member.id === id)?.state ?? 'unknown';
    const match = matchIndexes.find((known) => known.id === id)?.matchIndex;
    return [id, id === leaderId ? 'leader' : role, alive, match === undefined ? '' : String(match)];
  });
  return [
    ...tableLines([['MEMBER', 'ROLE', 'GOSSIP', 'LOG'], ...rows]),
    ...status.problems.map(({ code, message }) => `${status.nodeId} ${code}: ${message}`),
  ];
}
