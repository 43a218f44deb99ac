/** Offline: makes a member that is stopped the beginning of its cluster again, after a majority was lost for good. */
import { stat } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import {
  readFileIfExists,
  replaceFile,
  systemClock,
  systemRandom,
  UsageError,
} from '../host/index.ts';
import { diskFiles, forceConfiguration, members, type ForcedConfiguration } from '../raft/index.ts';

/** Lies beside the log: one JSON object a line for each time membership was forced here. */
const AUDIT_FILE = 'audit.jsonl';

export interface RecoveryFlags {
  /** The member's folder, as the sidecar uses it: `<session-db-path>/cluster-<id>`. */
  readonly dataDir: string;
  readonly trustMember: string;
  /** Ids separated by commas; by default the trusted member alone. */
  readonly voters?: string;
  /** Without it nothing is written. */
  readonly confirmed: boolean;
}

/** Prints by `say` what it will do, and does it when it is confirmed; throws {@link UsageError} for what cannot be done. */
export async function recoverMember(
  flags: RecoveryFlags,
  say: (line: string) => void,
): Promise<void> {
  const { dataDir, trustMember, confirmed } = flags;
  const voters = votersOf(flags);
  if (!(await isFolder(join(dataDir, 'raft')))) {
    throw new UsageError(
      `--data-dir ${dataDir}: there is no folder raft in it; give the member's own folder, such as <session-db-path>/cluster-${trustMember}`,
    );
  }
  const at = new Date(systemClock.wall()).toISOString();
  const confirm = async (plan: ForcedConfiguration): Promise<boolean> => {
    for (const line of describe(plan, dataDir)) say(line);
    // On disk before anything changes, so that no forced change goes without a trace.
    if (confirmed) await audit(dataDir, at, 'begun', plan);
    return confirmed;
  };
  const done = await forceConfiguration({
    files: diskFiles(join(dataDir, 'raft')),
    nodeId: trustMember,
    voters,
    reason: `forced ${at}`,
    confirm,
    clock: systemClock,
    random: systemRandom,
  }).catch((error: unknown) => {
    if ((error as Error).name === 'WalError') throw new UsageError((error as Error).message);
    throw error;
  });
  if (!done) return say('nothing was changed');
  await audit(dataDir, at, 'done');
  say(`done, and written down in ${join(dataDir, AUDIT_FILE)}: start ${trustMember} now`);
}

function votersOf({ trustMember, voters }: RecoveryFlags): string[] {
  const ids = (voters ?? trustMember).split(',').map((id) => id.trim());
  if (ids.includes('') || new Set(ids).size < ids.length || ids.length > 7) {
    throw new UsageError(`--voters ${voters}: expected one to seven ids, separated by commas`);
  }
  if (!ids.includes(trustMember)) {
    throw new UsageError(`--voters ${voters}: ${trustMember} must be among them`);
  }
  return ids;
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** What a person must know before saying yes. */
function describe(plan: ForcedConfiguration, dataDir: string): string[] {
  const { before, after, nodeId, clusterId, lastIndex, commitIndex } = plan;
  const out =
    members(before)
      .filter((id) => !after.voters.includes(id))
      .join(', ') || 'nobody';
  const others = after.voters.filter((id) => id !== nodeId);
  return [
    `data folder  ${dataDir} of ${nodeId}, cluster ${clusterId}`,
    `log          up to entry ${lastIndex}, of which ${nodeId} knows ${commitIndex} to be agreed`,
    `now          voters ${before.voters.join(', ')}; learners ${before.learners.join(', ') || 'none'}`,
    `then         voters ${after.voters.join(', ')}; out: ${out}`,
    '',
    `Everything in this log will count as agreed, and ${after.voters.join(', ')} alone will decide from then on.`,
    `Lost is what was acknowledged without ${nodeId}: choose the member whose log goes furthest.`,
    `Those that are out must never run again with their data, or two clusters will serve different answers:`,
    'delete their folders first. With empty ones they join as learners, and can be made voters again.',
    ...(others.length === 0
      ? []
      : [
          `${others.join(', ')} must be reachable, or nothing is agreed: they are not changed here.`,
        ]),
  ];
}

async function audit(
  dataDir: string,
  at: string,
  state: 'begun' | 'done',
  plan?: ForcedConfiguration,
): Promise<void> {
  const record = {
    ...{ at, action: 'force-membership', state, user: userName(), host: hostname() },
    ...plan,
  };
  const path = join(dataDir, AUDIT_FILE);
  const before = (await readFileIfExists(path)) ?? '';
  await replaceFile(path, `${before}${JSON.stringify(record)}\n`);
}

/** In a container nobody may have written down what its user is called. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
