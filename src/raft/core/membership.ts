/**
 * Changes of the configuration: one at a time, in force on each member once it has applied the entry (as in etcd; the thesis,
 * §4, lets them hold from when they are appended). Simple changes alter one voter; any others go by way of a joint
 * configuration (paper §6), in which both majorities must agree.
 */
import { applyChange, isJoint, leavesJoint } from './confchange.ts';
import { decodeConfigChange, encodeConfigChange } from './config-codec.ts';
import { allVoters, voterSets } from './quorum.ts';
import {
  appendNew,
  broadcastAppend,
  sendAppend,
  syncProgress,
  tryCommit,
  type NewEntry,
} from './replication.ts';
import {
  becomeFollower,
  hasCommittedInTerm,
  isMember,
  send,
  type CoreState,
  type LeaderRole,
} from './state.ts';
import type { ConfigChange, Configuration, Entry, RefusalReason } from './types.ts';

/** Why a leader takes no proposals at all now; undefined when it does. */
export function whyClosed(state: CoreState, role: LeaderRole): RefusalReason | undefined {
  if (!role.progress.has(state.config.id) || role.leaving) return 'removed';
  return role.transferee === undefined ? undefined : 'transferring';
}

/** Proposes entries that are changes, as a leader. Those that cannot begin now are refused and leave an empty entry. */
export function appendChanges(
  state: CoreState,
  role: LeaderRole,
  datas: readonly Uint8Array[],
): RefusalReason | undefined {
  const closed = whyClosed(state, role);
  if (closed !== undefined) return closed;
  let refusal: RefusalReason | undefined;
  const first = state.log.lastIndex + 1;
  const pendingBefore = role.pendingConfigIndex;
  const entries = datas.map((data, i): NewEntry => {
    const failed = whyRefused(state, role, decodeConfigChange(data));
    refusal ??= failed;
    if (failed !== undefined) return { kind: 'empty', data: new Uint8Array(0) };
    role.pendingConfigIndex = first + i;
    return { kind: 'config', data };
  });
  const overloaded = appendNew(state, role, entries);
  if (overloaded !== undefined) role.pendingConfigIndex = pendingBefore;
  else role.leaving = entries.some(({ kind, data }) => kind === 'config' && takesOut(state, data));
  return overloaded ?? refusal;
}

/** A new leader may have inherited the change that takes it out; nothing but its empty entry follows that either. */
export function inheritChange(state: CoreState): void {
  if (state.role.role !== 'leader') return;
  const unapplied = state.log.slice(state.log.applied + 1, state.log.lastIndex);
  state.role.leaving = unapplied.some(
    ({ kind, data }) => kind === 'config' && takesOut(state, data),
  );
}

/**
 * True when the leader is out once this change holds. It steps down then, and whoever may still need its vote must have a log
 * as long as its own: in a group of two the other one, who does not know yet that the change is committed, would never be
 * elected if anything followed it.
 */
function takesOut(state: CoreState, data: Uint8Array): boolean {
  const change = decodeConfigChange(data);
  if (change === undefined || !state.config.stepDownOnRemoval) return false;
  const result = applyChange(state.configuration, change);
  return result.ok && !allVoters(voterSets(result.value)).has(state.config.id);
}

function whyRefused(
  state: CoreState,
  role: LeaderRole,
  change: ConfigChange | undefined,
): RefusalReason | undefined {
  if (change === undefined) return 'invalid-change';
  if (!hasCommittedInTerm(state)) return 'term-uncommitted';
  if (role.pendingConfigIndex > state.log.applied) return 'change-pending';
  const joint = isJoint(state.configuration);
  if (joint && !leavesJoint(change)) return 'joint';
  if (!joint && leavesJoint(change)) return 'not-joint';
  if (!applyChange(state.configuration, change).ok) return 'invalid-change';
  return isCaughtUp(state, role, change) ? undefined : 'not-caught-up';
}

/** A voter that has yet to get the log can hold up every commit: it must have nearly all of it before it counts. */
function isCaughtUp(state: CoreState, role: LeaderRole, { changes }: ConfigChange): boolean {
  const { promotionLagMax } = state.config;
  // A member that has nothing at all has not caught up, however short the log is.
  const enough = Math.max(1, state.log.lastIndex - promotionLagMax);
  return changes.every(
    ({ type, id }) =>
      type !== 'add-voter' ||
      state.configuration.voters.includes(id) ||
      promotionLagMax === Infinity ||
      (role.progress.get(id)?.match ?? 0) >= enough,
  );
}

/** Everything up to `index` is applied here: changes in it hold now, and a leader leaves a joint configuration. */
export function appliedThrough(state: CoreState, index: number): void {
  const entries = state.log.slice(state.log.applied + 1, index);
  for (const entry of entries) if (entry.kind === 'config') applyConfig(state, entry);
  state.log.appliedTo(index);
  if (state.role.role !== 'leader') return;
  leaveJoint(state, state.role);
  const bytes = entries.reduce((sum, { data }) => sum + data.length, 0);
  // What was uncommitted in earlier terms was not counted.
  state.role.uncommittedBytes = Math.max(0, state.role.uncommittedBytes - bytes);
}

/** Not sent in vain: while leadership is handed over it is refused, and tried again with the next applied entry. */
export function leaveJoint(state: CoreState, role: LeaderRole): void {
  if (!state.configuration.autoLeave || state.log.applied < role.pendingConfigIndex) return;
  if (!hasCommittedInTerm(state)) return;
  appendChanges(state, role, [encodeConfigChange({ transition: 'auto', changes: [] })]);
}

function applyConfig(state: CoreState, entry: Entry): void {
  const change = decodeConfigChange(entry.data);
  if (change === undefined) return;
  const result = applyChange(state.configuration, change);
  // It was checked before it was proposed; whatever else it is, everyone ignores it alike.
  if (result.ok) enterConfiguration(state, result.value, entry.index);
}

function enterConfiguration(state: CoreState, configuration: Configuration, index: number): void {
  state.configuration = configuration;
  state.configurationIndex = index;
  state.voters = voterSets(configuration);
  const { role } = state;
  const { id } = state.config;
  if (isMember(state, id)) state.removed = false;
  if (role.role !== 'leader') return;
  const gone = syncProgress(state, role);
  for (const to of gone) if (to !== id) send(state, { type: 'removed', to, index });
  const voters = allVoters(state.voters);
  if (!voters.has(id)) {
    if (state.config.stepDownOnRemoval) becomeFollower(state, state.term, undefined);
    return;
  }
  if (voters.size === 0) return;
  if (tryCommit(state, role)) broadcastAppend(state, role);
  else {
    for (const to of role.progress.keys()) {
      if (to !== id) sendAppend(state, role, to, 'if-entries');
    }
  }
  if (role.transferee !== undefined && !voters.has(role.transferee)) role.transferee = undefined;
}
