/** `raft recover`: the last resort after the loss of a majority, on the data folder of a member that is stopped. */
import { recoverMember, type RecoveryFlags } from '../sidecar/index.ts';

export interface RecoverFlags extends Omit<RecoveryFlags, 'confirmed'> {
  readonly yesIUnderstandThatDataMayBeLost?: boolean;
}

/** Says what it would do; does it only with the flag that says yes. Without it the exit code is 3. */
export async function recoverCommand(flags: RecoverFlags): Promise<void> {
  const confirmed = flags.yesIUnderstandThatDataMayBeLost === true;
  await recoverMember({ ...flags, confirmed }, (line) => console.log(line));
  if (confirmed) return;
  console.error(
    'mcp-cluster: to do it, stop every other member and add --yes-i-understand-that-data-may-be-lost',
  );
  process.exitCode = 3;
}
