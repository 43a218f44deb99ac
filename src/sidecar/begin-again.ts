/**
 * A cluster that has lost its majority for good begins again from one member that is trusted, as `spec.recovery` asks for:
 * that one makes itself the only voter, and every other throws its data away and joins it as a newcomer. Each member does
 * its part once, at its start, and writes down that it did.
 */
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  makeDirectory,
  readFileIfExists,
  replaceFile,
  systemClock,
  UsageError,
} from '../host/index.ts';
import { delay } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { askMember, type Asking } from './ask.ts';
import { hasLog } from './founding.ts';
import type { MemberPlan } from './plan.ts';
import { recoverMember } from './recovery.ts';

/** Which beginning the data of a member come from. */
const MARKER = 'recovery.json';
/** The log and what else a member must forget to be another one. */
const MEMORY = ['raft', 'peers.json'];
const ASK_AGAIN_MS = 500;

export interface Recovery {
  /** Each value is done once. */
  readonly id: string;
  /** The member whose data count. */
  readonly trust: string;
}

type Member = Asking & Pick<MemberPlan, 'id' | 'dataDir' | 'recovery'>;

/** Reads `ID:MEMBER`; rejects with {@link UsageError}. */
export function parseRecovery(text: string | undefined): Recovery | undefined {
  if (text === undefined) return undefined;
  const [id = '', trust = '', ...rest] = text.split(':');
  if (id === '' || trust === '' || rest.length > 0) {
    throw new UsageError(`--recovery ${text}: expected ID:MEMBER`);
  }
  return { id, trust };
}

/**
 * Does nothing when there is nothing to begin again, or this member did already. Nothing is thrown away before the trusted
 * member serves: until then this waits. Rejects with {@link UsageError} when the trusted member has no data.
 */
export async function beginAgain(plan: Member, logger: Logger): Promise<void> {
  const { recovery, dataDir } = plan;
  if (recovery === undefined) return;
  const marker = join(dataDir, MARKER);
  const last = await readFileIfExists(marker);
  if (last === undefined || (JSON.parse(last) as { id: string }).id !== recovery.id) {
    if (recovery.trust === plan.id) await beginFrom(plan, recovery, logger);
    else if (await hasLog(plan)) await startOver(plan, recovery, logger);
    await replaceFile(marker, `${JSON.stringify(recovery)}\n`);
  }
  await rm(join(dataDir, 'discarded'), { recursive: true, force: true });
}

async function beginFrom(plan: Member, { id, trust }: Recovery, logger: Logger): Promise<void> {
  const { dataDir } = plan;
  if (!(await hasLog(plan))) {
    throw new UsageError(
      `recovery ${id}: ${trust} has no data to begin again from, and nothing was changed on the others: trust another member, under a new id`,
    );
  }
  await recoverMember({ dataDir, trustMember: trust, confirmed: true }, (line) => {
    if (line !== '') logger.warn('membership is forced', { recovery: id, line });
  });
}

async function startOver(plan: Member, { id, trust }: Recovery, logger: Logger): Promise<void> {
  logger.warn('this member will throw its data away', { recovery: id, as: `${trust} serves` });
  const serves = async (): Promise<boolean> => {
    const status = await askMember(plan, trust);
    return status?.recovery === id && status.role === 'leader';
  };
  while (!(await serves())) await delay(systemClock, ASK_AGAIN_MS);
  for (const name of MEMORY) {
    const discarded = join(plan.dataDir, 'discarded', name);
    await rm(discarded, { recursive: true, force: true });
    await moveAway(join(plan.dataDir, name), discarded);
  }
  logger.warn('data were thrown away: this is a new member', { recovery: id, trusted: trust });
}

/** In one instant for each name, the log first: a log that is half there could not be told from a damaged one. */
async function moveAway(from: string, to: string): Promise<void> {
  await makeDirectory(dirname(to));
  await rename(from, to).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
}
