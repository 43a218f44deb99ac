/** What a leader does with a proposal, whoever made it. */
import { appendChanges, whyClosed } from './membership.ts';
import { appendNew } from './replication.ts';
import type { CoreState, LeaderRole } from './state.ts';
import type { RefusalReason } from './types.ts';

/** Appends what is proposed; undefined when that is done. */
export function proposeAsLeader(
  state: CoreState,
  role: LeaderRole,
  kind: 'command' | 'config',
  commands: readonly Uint8Array[],
): RefusalReason | undefined {
  if (kind === 'config') return appendChanges(state, role, commands);
  const entries = commands.map((data) => ({ kind, data }));
  return whyClosed(state, role) ?? appendNew(state, role, entries);
}
