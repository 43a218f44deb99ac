/** What is worth an event: the difference between two statuses, named. */
import type { Condition, McpClusterStatus } from '../../api/index.ts';

export interface Transition {
  readonly type: 'Normal' | 'Warning';
  /** A stable word; people and alerts match on it. */
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

/** The events that lead from `before` to `after`. */
export function transitions(
  before: McpClusterStatus | undefined,
  after: McpClusterStatus,
): readonly Transition[] {
  return [
    ...leaderTransitions(before, after),
    ...memberTransitions(before, after),
    ...(after.conditions ?? []).flatMap((condition) =>
      conditionTransitions(
        before?.conditions?.find(({ type }) => type === condition.type),
        condition,
      ),
    ),
  ];
}

function leaderTransitions(
  before: McpClusterStatus | undefined,
  after: McpClusterStatus,
): readonly Transition[] {
  if (after.leader === undefined || after.leader === before?.leader) return [];
  const note = `${after.leader} leads term ${after.term ?? '?'}`;
  return [{ type: 'Normal', reason: 'LeaderElected', action: 'Observe', note }];
}

function memberTransitions(
  before: McpClusterStatus | undefined,
  after: McpClusterStatus,
): readonly Transition[] {
  return (after.members ?? []).flatMap((member): Transition[] => {
    const { name, health } = member;
    const known = before?.members?.find((each) => each.name === name);
    return [
      ...healthTransitions(name, known?.health, health),
      ...blockTransitions(name, known?.blockedBy, member.blockedBy),
    ];
  });
}

/** What a pod waits for as all pods do for a moment is no news. */
const EVERYDAY = new Set(['turn', 'revision_known', 'members_known']);

function blockTransitions(
  name: string,
  previous: string | undefined,
  rule: string | undefined,
): readonly Transition[] {
  if (rule === undefined || rule === previous || EVERYDAY.has(rule)) return [];
  const note = `${name} waits for ${rule}`;
  return [{ type: 'Normal', reason: 'UpdateBlocked', action: 'Update', note }];
}

function healthTransitions(
  name: string,
  previous: string | undefined,
  health: string | undefined,
): readonly Transition[] {
  if (health === 'Dead' && previous !== 'Dead') {
    const note = `${name} does not answer its peers`;
    return [{ type: 'Warning', reason: 'MemberDied', action: 'Observe', note }];
  }
  if (health === 'Alive' && previous === 'Dead') {
    const note = `${name} answers its peers again`;
    return [{ type: 'Normal', reason: 'MemberReturned', action: 'Observe', note }];
  }
  return [];
}

function conditionTransitions(
  before: Condition | undefined,
  after: Condition,
): readonly Transition[] {
  const { status, reason, message: note } = after;
  const changed = before?.status !== status;
  const reworded = changed || before.reason !== reason;
  switch (after.type) {
    case 'Available':
      if (status === 'True' && changed) return [normal('BecameAvailable', note)];
      if (status !== 'False' || before === undefined || !changed) return [];
      return [reason === 'Hibernated' ? normal(reason, note) : warning('Unavailable', note)];
    case 'Degraded':
      if (status === 'True' && reworded) return [warning(reason, note)];
      return before?.status === 'True' && changed ? [normal('Recovered', note)] : [];
    case 'QuorumHealthy':
      return reason === 'QuorumLost' && reworded ? [warning(reason, note)] : [];
    case 'Reconciled':
      if (status !== 'False' || !reworded) return [];
      return [reason === 'Paused' ? normal(reason, note) : warning(reason, note)];
    case 'BackupHealthy':
      if (status === 'False' && reworded) return [warning(reason, note)];
      return before?.status === 'False' && status === 'True'
        ? [normal('BackupRecovered', note)]
        : [];
    case 'Restored':
      if (reason === 'RestoreFailed' && reworded) return [warning(reason, note)];
      return status === 'True' && changed ? [normal(reason, note)] : [];
    default:
      return [];
  }
}

function normal(reason: string, note: string): Transition {
  return { type: 'Normal', reason, action: 'Reconcile', note };
}

function warning(reason: string, note: string): Transition {
  return { type: 'Warning', reason, action: 'Reconcile', note };
}
