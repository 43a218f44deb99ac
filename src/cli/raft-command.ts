/** `raft members|change|transfer`: who takes part in a cluster's log, asked and changed at any running member. */
import { X509Certificate } from 'node:crypto';
import { systemClock, systemRandom, UsageError } from '../host/index.ts';
import { createChannel, services, type RpcError, type Wire } from '../rpc/index.ts';
import { certificateClusterId, openTlsDirectory } from '../security/index.ts';
import { standaloneTlsDirectory } from '../sidecar/index.ts';

/** Longer than any change takes that is going to succeed. */
const CALL_TIMEOUT_MS = 15_000;
const STEPS = ['add-voter', 'add-learner', 'remove'];

export interface RaftFlags {
  /** host:port of a member's cluster port. */
  readonly at: string;
  readonly tlsDir?: string;
}

/** Prints what the member knows of the others, as a table or as one JSON object. */
export async function membersCommand(
  flags: RaftFlags & { readonly json?: boolean },
): Promise<void> {
  const status = await atMember(flags, (client, options) => client.getStatus({}, options));
  if (flags.json === true) return console.log(JSON.stringify(status, undefined, 2));
  for (const line of table(status)) console.log(line);
}

/** Changes who takes part, by steps such as `add-voter=n4` and `remove=n1`, all in one; none leaves a joint configuration. */
export async function changeCommand(
  steps: readonly string[],
  flags: RaftFlags & { readonly transition: string },
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
export async function transferCommand(to: string | undefined, flags: RaftFlags): Promise<void> {
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
  const lines = [['MEMBER', 'ROLE', 'GOSSIP', 'LOG'], ...rows];
  const widths = [0, 1, 2].map((i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)) + 2);
  return [
    ...lines.map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('')
        .trimEnd(),
    ),
    ...status.problems.map(({ code, message }) => `${status.nodeId} ${code}: ${message}`),
  ];
}

type AdminClient = ReturnType<typeof adminOf>;

function adminOf(channel: ReturnType<typeof createChannel>) {
  return channel.client(services.admin);
}

/** Calls the admin service as a member of the cluster would: with a certificate of its authority. */
async function atMember<T>(
  { at, tlsDir }: RaftFlags,
  call: (client: AdminClient, options: { timeoutMs: number }) => Promise<T>,
): Promise<T> {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d+)$/i.exec(at);
  if (match === null) throw new UsageError(`--at ${at}: expected host:port`);
  const address = { host: (match[1] ?? match[2]) as string, port: Number(match[3]) };
  const directory = tlsDir ?? standaloneTlsDirectory();
  const tls = await openTlsDirectory(directory).catch((error: unknown) => {
    throw new UsageError(`--tls-dir ${directory}: ${(error as Error).message}`);
  });
  const { subjectAltName } = new X509Certificate(tls.current().cert);
  const clusterId = certificateClusterId({ subjectaltname: subjectAltName });
  // Each certificate of a cluster is valid for each of its members' names.
  const serverName = /DNS:([^,\s]+)/.exec(subjectAltName ?? '')?.[1];
  if (clusterId === undefined || serverName === undefined) {
    throw new UsageError(`--tls-dir ${directory}: tls.crt is no certificate of a member`);
  }
  const channel = createChannel({
    resolve: async () => address,
    serverName,
    tls,
    clusterId,
    clock: systemClock,
    random: systemRandom,
  });
  try {
    return await call(adminOf(channel), { timeoutMs: CALL_TIMEOUT_MS });
  } catch (error) {
    if ((error as Error).name !== 'RpcError') throw error;
    throw new UsageError(`${at}: ${(error as RpcError).message}`);
  } finally {
    channel.close();
    tls.stop();
  }
}
