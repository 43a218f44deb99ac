/** Replication: what the leader sends, how a follower takes it, and what is committed (Raft paper §5.3, §5.4.2). */
import { assert } from '../../std/index.ts';
import { entryBytes } from './log.ts';
import {
  canRaiseCommit,
  decreased,
  isFull,
  landed,
  matched,
  newProbe,
  probeToReplicate,
  replicateToProbe,
  sentEntries,
  type FlightLimits,
  type Progress,
} from './progress.ts';
import { quorumValue } from './quorum.ts';
import { releaseEarlyReads, releaseReads } from './read-only.ts';
import { becomeLeader, memberIds, send, type CoreState, type LeaderRole } from './state.ts';
import type { AppendMessage, AppendResponse, Entry, HeartbeatResponse } from './types.ts';

const EMPTY = new Uint8Array(0);

/** A candidate that won: it appends an empty entry, since entries of older terms commit only under one of its own. */
export function becomeLeadingReplication(state: CoreState): void {
  const role = becomeLeader(state);
  appendOwn(state, role, [EMPTY], 'empty');
  broadcastAppend(state, role);
}

/** Appends commands as leader and starts to replicate them; false when too much is uncommitted already. */
export function appendCommands(
  state: CoreState,
  role: LeaderRole,
  commands: readonly Uint8Array[],
): boolean {
  const bytes = commands.reduce((sum, command) => sum + command.length, 0);
  const { uncommittedBytesMax } = state.config;
  // Something of any size is accepted while nothing waits, or it could never be proposed.
  if (role.uncommittedBytes > 0 && role.uncommittedBytes + bytes > uncommittedBytesMax)
    return false;
  role.uncommittedBytes += bytes;
  appendOwn(state, role, commands, 'command');
  broadcastAppend(state, role);
  return true;
}

function appendOwn(
  state: CoreState,
  role: LeaderRole,
  commands: readonly Uint8Array[],
  kind: Entry['kind'],
): void {
  const first = state.log.lastIndex + 1;
  state.log.append(commands.map((data, i) => ({ index: first + i, term: state.term, kind, data })));
  assert(role.progress.has(state.config.id), 'a leader replicates to itself');
  // The own acknowledgement comes back like everyone's, once the write is durable.
  const index = state.log.lastIndex;
  send(state, { type: 'append-response', to: state.config.id, rejected: false, index });
}

export function broadcastAppend(state: CoreState, role: LeaderRole): void {
  for (const to of role.progress.keys()) {
    if (to !== state.config.id) sendAppend(state, role, to, true);
  }
}

/** Sends the next entries to a follower, or the commit index alone when `evenIfEmpty`; false when nothing was sent. */
function sendAppend(state: CoreState, role: LeaderRole, to: string, evenIfEmpty: boolean): boolean {
  const progress = role.progress.get(to);
  if (progress === undefined || progress.paused) return false;
  const { log, config } = state;
  const limits = flightLimits(state);
  const prevIndex = progress.next - 1;
  const prevTerm = log.termAt(prevIndex);
  assert(prevTerm !== undefined, 'the entry before the next one is in the log');
  const blocked = progress.state === 'replicate' && isFull(progress, limits);
  const entries = blocked ? [] : log.slice(progress.next, log.lastIndex, config.appendBytesMax);
  if (entries.length === 0 && !evenIfEmpty) return false;
  const commit = log.committed;
  send(state, { type: 'append', to, prevIndex, prevTerm, entries, commit });
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  sentEntries(progress, { count: entries.length, bytes }, limits);
  progress.sentCommit = commit;
  return true;
}

function flightLimits(state: CoreState): FlightLimits {
  return {
    messagesMax: state.config.inflightMessagesMax,
    bytesMax: state.config.inflightBytesMax,
  };
}

export function handleAppendResponse(
  state: CoreState,
  role: LeaderRole,
  response: AppendResponse,
): void {
  const progress = role.progress.get(response.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  if (response.rejected) return handleRejection(state, role, progress, response);
  // An acknowledgement of what was never sent comes from a member that is broken or forged.
  if (response.index > state.log.lastIndex) return;
  const news = matched(progress, response.index);
  if (!news && !(progress.state === 'probe' && progress.match === response.index)) return;
  if (progress.state === 'probe') {
    role.progress.set(response.from, probeToReplicate(progress));
  } else {
    landed(progress, response.index);
  }
  const other = response.from !== state.config.id;
  if (tryCommit(state, role)) broadcastAppend(state, role);
  else if (other && canRaiseCommit(currentProgress(role, response.from), state.log.committed)) {
    sendAppend(state, role, response.from, true);
  }
  if (other) sendAllWaiting(state, role, response.from);
}

/** Fills the pipeline to a follower: more than one message when the entries do not fit into one. */
function sendAllWaiting(state: CoreState, role: LeaderRole, to: string): void {
  while (sendAppend(state, role, to, false));
}

function currentProgress(role: LeaderRole, id: string): Progress {
  const progress = role.progress.get(id);
  assert(progress !== undefined, 'a member that answered is known');
  return progress;
}

function handleRejection(
  state: CoreState,
  role: LeaderRole,
  progress: Progress,
  response: AppendResponse & { readonly rejected: true },
): void {
  const hint =
    response.hintTerm > 0
      ? state.log.lastAtMost(response.hintIndex, response.hintTerm).index
      : response.hintIndex;
  if (!decreased(progress, response.index, hint)) return;
  if (progress.state === 'replicate') {
    role.progress.set(response.from, replicateToProbe(progress));
  }
  sendAppend(state, role, response.from, true);
}

/** Commits what a majority has, if it ends in an entry of the own term: counting replicas proves nothing for older ones. */
export function tryCommit(state: CoreState, role: LeaderRole): boolean {
  const index = quorumValue(state.voters, (id) => role.progress.get(id)?.match ?? 0);
  if (!Number.isFinite(index) || state.log.termAt(index) !== state.term) return false;
  const before = state.log.committed;
  if (!state.log.commitTo(index)) return false;
  for (const entry of state.log.slice(before + 1, index)) {
    role.uncommittedBytes = Math.max(0, role.uncommittedBytes - entryBytes(entry));
  }
  releaseEarlyReads(state, role);
  return true;
}

export function handleHeartbeatResponse(
  state: CoreState,
  role: LeaderRole,
  response: HeartbeatResponse,
): void {
  const progress = role.progress.get(response.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  // A lost message must not keep the follower waiting for ever.
  progress.paused = false;
  if (progress.match < state.log.lastIndex || progress.state === 'probe') {
    sendAppend(state, role, response.from, true);
  }
  releaseReads(state, role, response);
}

/** A follower takes what its leader sends. */
export function handleAppend(state: CoreState, message: AppendMessage): void {
  const { log } = state;
  const answer = { type: 'append-response', to: message.from } as const;
  if (message.prevIndex < log.committed) {
    return send(state, { ...answer, rejected: false, index: log.committed });
  }
  const lastMatching = log.tryAppend(message.prevIndex, message.prevTerm, message.entries);
  if (lastMatching === undefined) {
    const hint = log.lastAtMost(message.prevIndex, message.prevTerm);
    return send(state, {
      ...answer,
      rejected: true,
      index: message.prevIndex,
      hintIndex: hint.index,
      hintTerm: hint.term,
    });
  }
  // Not beyond what this message verified: entries after it may come from a deposed leader.
  log.commitTo(Math.min(message.commit, lastMatching));
  send(state, { ...answer, rejected: false, index: lastMatching });
}

/** Something sent to `id` was lost: what is under way is sent again, one message at a time. */
export function peerUnreachable(role: LeaderRole, id: string): void {
  const progress = role.progress.get(id);
  if (progress?.state === 'replicate') role.progress.set(id, replicateToProbe(progress));
}

/** Brings the leader's table of members in line with the configuration. */
export function syncProgress(state: CoreState, role: LeaderRole): void {
  const members = memberIds(state);
  for (const id of role.progress.keys()) if (!members.has(id)) role.progress.delete(id);
  for (const id of members) {
    if (role.progress.has(id)) continue;
    const progress = newProbe(state.log.lastIndex + 1);
    progress.recentlyActive = true;
    role.progress.set(id, progress);
    sendAppend(state, role, id, true);
  }
}
