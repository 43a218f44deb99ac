/** Replication: what the leader sends, how a follower takes it, and what is committed (Raft paper §5.3, §5.4.2). */
import { assert } from '../../std/index.ts';
import { compare } from './consistency.ts';
import { entryBytes } from './log.ts';
import {
  canRaiseCommit,
  decreased,
  isFull,
  isPaused,
  landed,
  matched,
  newProbe,
  sentEntries,
  toInstalling,
  toProbe,
  toReplicate,
  type FlightLimits,
  type Progress,
} from './progress.ts';
import { quorumValue } from './quorum.ts';
import { releaseEarlyReads, releaseReads } from './read-only.ts';
import { becomeLeader, memberIds, send, type CoreState, type LeaderRole } from './state.ts';
import type {
  AppendMessage,
  AppendResponse,
  Entry,
  HeartbeatResponse,
  RefusalReason,
} from './types.ts';

const EMPTY = new Uint8Array(0);

/** A candidate that won: it appends an empty entry, since entries of older terms commit only under one of its own. */
export function becomeLeadingReplication(state: CoreState): void {
  const role = becomeLeader(state);
  appendOwn(state, role, [{ kind: 'empty', data: EMPTY }]);
  if (!state.config.gatherFirstAppend) broadcastAppend(state, role);
}

/**
 * Before the driver takes the messages of a new leader. A follower that is probed gets one append and no other until it answers:
 * what clients waited with while there was no leader saves a round trip when it goes with the empty entry.
 */
export function announceLeader(state: CoreState): void {
  const { role } = state;
  if (role.role === 'leader' && role.unannounced) broadcastAppend(state, role);
}

/** An entry to be, before it has a place. */
export interface NewEntry {
  readonly kind: Entry['kind'];
  readonly data: Uint8Array;
}

/** Appends entries as leader and starts to replicate them; undefined when that is done, or why it cannot be. */
export function appendNew(
  state: CoreState,
  role: LeaderRole,
  entries: readonly NewEntry[],
): RefusalReason | undefined {
  const bytes = entries.reduce((sum, { data }) => sum + data.length, 0);
  // Something of any size is accepted while nothing waits, or it could never be proposed; what is empty always is.
  const waiting = role.uncommittedBytes > 0 && bytes > 0;
  if (waiting && role.uncommittedBytes + bytes > state.config.uncommittedBytesMax) {
    return 'overloaded';
  }
  role.uncommittedBytes += bytes;
  appendOwn(state, role, entries);
  broadcastAppend(state, role);
  return undefined;
}

function appendOwn(state: CoreState, role: LeaderRole, entries: readonly NewEntry[]): void {
  assert(role.progress.has(state.config.id), 'a leader replicates to itself');
  const { term, log } = state;
  const first = log.lastIndex + 1;
  log.append(entries.map(({ kind, data }, i) => ({ index: first + i, term, kind, data })));
  // The own acknowledgement comes back like everyone's, once the write is durable.
  const index = log.lastIndex;
  send(state, { type: 'append-response', to: state.config.id, rejected: false, index });
}

export function broadcastAppend(state: CoreState, role: LeaderRole): void {
  role.unannounced = false;
  for (const to of role.progress.keys()) {
    if (to !== state.config.id) sendAppend(state, role, to, 'even-if-empty');
  }
}

/**
 * Sends the next entries to a follower, the commit index alone when `even-if-empty`, or a snapshot when the entries are
 * gone; false when nothing was sent.
 */
export function sendAppend(
  state: CoreState,
  role: LeaderRole,
  to: string,
  when: 'even-if-empty' | 'if-entries',
): boolean {
  const progress = role.progress.get(to);
  if (progress === undefined || isPaused(progress)) return false;
  const { log, config } = state;
  const limits = flightLimits(state);
  const prevIndex = progress.next - 1;
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === undefined) return sendSnapshot(state, role, to, progress);
  // With the pipeline full only empty messages go, so that its loss is found out.
  const blocked = progress.state === 'replicate' && isFull(progress, limits);
  const entries = blocked ? [] : log.slice(progress.next, log.lastIndex, config.appendBytesMax);
  if (entries.length === 0 && when === 'if-entries') return false;
  const commit = log.committed;
  send(state, { type: 'append', to, prevIndex, prevTerm, entries, commit });
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  sentEntries(progress, { count: entries.length, bytes }, limits);
  progress.sentCommit = commit;
  return true;
}

/** A member that does not answer is not worth a snapshot. */
function sendSnapshot(state: CoreState, role: LeaderRole, to: string, progress: Progress): boolean {
  if (!progress.recentlyActive) return false;
  const { snapshot: meta } = state;
  assert(meta.index >= state.log.firstIndex - 1, 'the snapshot reaches to the log');
  role.progress.set(to, toInstalling(progress, meta.index));
  send(state, { type: 'snapshot', to, meta });
  return true;
}

export function flightLimits(state: CoreState): FlightLimits {
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
  advance(state, role, response.from, progress);
  const other = response.from !== state.config.id;
  if (tryCommit(state, role)) broadcastAppend(state, role);
  else if (other && canRaiseCommit(currentProgress(role, response.from), state.log.committed)) {
    sendAppend(state, role, response.from, 'even-if-empty');
  }
  if (other) sendAllWaiting(state, role, response.from);
  if (response.from === role.transferee) finishTransfer(state, role);
}

/** What the acknowledgement means for the state of the follower's progress. */
function advance(state: CoreState, role: LeaderRole, id: string, progress: Progress): void {
  switch (progress.state) {
    case 'probe':
      role.progress.set(id, toReplicate(progress));
      return;
    case 'snapshot':
      // Whichever way it got there, the log can take over: the snapshot may even be an older one.
      if (progress.match + 1 >= state.log.firstIndex) role.progress.set(id, toReplicate(progress));
      return;
    case 'replicate':
      landed(progress, progress.match);
      return;
  }
}

/** Fills the pipeline to a follower: more than one message when the entries do not fit into one. */
function sendAllWaiting(state: CoreState, role: LeaderRole, to: string): void {
  while (sendAppend(state, role, to, 'if-entries'));
}

function currentProgress(role: LeaderRole, id: string): Progress {
  const progress = role.progress.get(id);
  assert(progress !== undefined, 'a member that answered is known');
  return progress;
}

/** Tells the one who is to lead to campaign as soon as it has the whole log (thesis §3.10). */
export function finishTransfer(state: CoreState, role: LeaderRole): boolean {
  const to = role.transferee;
  if (to === undefined || role.progress.get(to)?.match !== state.log.lastIndex) return false;
  send(state, { type: 'timeout-now', to });
  return true;
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
  if (progress.state === 'replicate') role.progress.set(response.from, toProbe(progress));
  sendAppend(state, role, response.from, 'even-if-empty');
}

/** Commits what a majority has, if it ends in an entry of the own term: counting replicas proves nothing for older ones. */
export function tryCommit(state: CoreState, role: LeaderRole): boolean {
  const index = quorumValue(state.voters, (id) => role.progress.get(id)?.match ?? 0);
  if (!Number.isFinite(index) || state.log.termAt(index) !== state.term) return false;
  if (!state.log.commitTo(index)) return false;
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
    sendAppend(state, role, response.from, 'even-if-empty');
  }
  releaseReads(state, role, response);
  compare(state, role, response.from, response.check);
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
    const hint = log.lastAtMost(Math.min(message.prevIndex, log.lastIndex), message.prevTerm);
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
  if (progress?.state === 'replicate') role.progress.set(id, toProbe(progress));
}

/** Brings the leader's table of members in line with the configuration; returns who is no longer in it. */
export function syncProgress(state: CoreState, role: LeaderRole): string[] {
  const members = memberIds(state);
  const gone = [...role.progress.keys()].filter((id) => !members.has(id));
  for (const id of gone) {
    role.progress.delete(id);
    role.confirmed.delete(id);
    role.checks.delete(id);
  }
  for (const id of members) {
    if (role.progress.has(id)) continue;
    // It most likely has nothing, and says so to the first probe; it counts as active, or it would never get a snapshot.
    const progress = newProbe(Math.max(state.log.lastIndex, 1));
    progress.recentlyActive = true;
    role.progress.set(id, progress);
  }
  return gone;
}
