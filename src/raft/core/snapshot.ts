/** Snapshots between members: what the receiver does with one, and what the leader makes of how it went (paper §7). */
import { voterSets } from './quorum.ts';
import { toProbe } from './progress.ts';
import { send, type CoreState, type LeaderRole } from './state.ts';
import type { SnapshotMessage, SnapshotMeta, SnapshotResponse } from './types.ts';

/**
 * A follower got the state up to `meta.index`; the answer tells the leader from where the log can go on. It may not go on:
 * a leader that has compacted its log meanwhile has to learn that this transfer is over, or it would never begin another.
 */
export function handleSnapshot(state: CoreState, message: SnapshotMessage): void {
  const { from: to, meta } = message;
  const index = restore(state, meta) ? state.log.lastIndex : state.log.committed;
  send(state, { type: 'append-response', to, rejected: false, index });
  send(state, { type: 'snapshot-response', to, index: meta.index, arrived: true });
}

/**
 * Replaces log and configuration by the snapshot's, unless the log holds it all already. The configuration may not name this
 * member: a snapshot can be older than its joining, which is in the log that follows.
 */
function restore(state: CoreState, meta: SnapshotMeta): boolean {
  const { log } = state;
  if (meta.index <= log.committed) return false;
  const { configuration } = meta;
  const voters = voterSets(configuration);
  if (log.matches(meta.index, meta.term)) {
    log.commitTo(meta.index);
    return false;
  }
  log.restore(meta);
  state.snapshot = meta;
  state.configuration = configuration;
  state.configurationIndex = meta.index;
  state.voters = voters;
  state.checks = [];
  return true;
}

/** What the receiver says of a transfer counts for that one only: a later one may have begun. */
export function handleSnapshotResponse(
  role: LeaderRole,
  { from, index, arrived }: SnapshotResponse,
): void {
  const progress = role.progress.get(from);
  if (progress?.state !== 'snapshot' || progress.pendingSnapshot !== index) return;
  snapshotReported(role, from, arrived);
}

/**
 * The snapshot sent to `id` arrived, or did not: the log is probed again, after it or where the member was. One answer, or
 * a heartbeat's, is waited for, since what was sent may take its time to be installed.
 */
export function snapshotReported(role: LeaderRole, id: string, arrived: boolean): void {
  const progress = role.progress.get(id);
  if (progress?.state !== 'snapshot') return;
  const probe = toProbe(arrived ? progress : { ...progress, pendingSnapshot: 0 });
  probe.paused = true;
  role.progress.set(id, probe);
}
