/** Which pod is replaced next to follow a changed template, or the name of the rule that keeps each one waiting. */
import { unreachable } from '../../std/index.ts';
import { majority, type ClusterView, type MemberView } from './view.ts';

/** Why a pod is not replaced yet; shown in the status as `blockedBy`. */
export type RolloutRule =
  /** The StatefulSet controller has not seen the template in force. */
  | 'revision_known'
  /** Some pod was not asked yet. */
  | 'members_known'
  /** One pod at a time. */
  | 'no_pod_missing_or_terminating'
  /** A template that does not come up stops after one pod. */
  | 'updated_pods_ready'
  /** The voters that remain must be a majority. */
  | 'quorum_survives'
  /** Others come first. */
  | 'turn';

export type RolloutStep =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'replace';
      readonly member: MemberView;
      readonly blockedBy: ReadonlyMap<string, RolloutRule>;
    }
  | { readonly kind: 'wait'; readonly blockedBy: ReadonlyMap<string, RolloutRule> };

/**
 * Not-ready pods first, then learners, then followers from the highest ordinal down, the leader last. A pod that is not
 * ready may always go unless the quorum needs its sidecar: otherwise a bad template could never be replaced.
 */
export function decideRollout(view: ClusterView): RolloutStep {
  const outdated = view.members.filter((member) => member.outdated);
  const first = outdated.toSorted(byTurn)[0];
  if (!view.revisionKnown) return waitAll(view.members, 'revision_known');
  if (first === undefined) return { kind: 'done' };
  if (!view.isComplete) return waitAll(outdated, 'members_known');
  if (view.members.some((member) => member.pod === undefined || member.terminating)) {
    return waitAll(outdated, 'no_pod_missing_or_terminating');
  }
  const rule = blockingRule(first, view);
  const blockedBy = new Map<string, RolloutRule>(outdated.map(({ name }) => [name, 'turn']));
  if (rule !== undefined) return { kind: 'wait', blockedBy: blockedBy.set(first.name, rule) };
  blockedBy.delete(first.name);
  return { kind: 'replace', member: first, blockedBy };
}

function blockingRule(candidate: MemberView, view: ClusterView): RolloutRule | undefined {
  const others = view.members.filter((member) => member.name !== candidate.name);
  if (candidate.ready && others.some((member) => !member.outdated && !member.ready)) {
    return 'updated_pods_ready';
  }
  return quorumSurvives(candidate, view) ? undefined : 'quorum_survives';
}

/**
 * A candidate that the quorum does not count on changes nothing. A cluster with one voter cannot be updated without an
 * interruption, and one that has lost its quorum has none to lose.
 */
function quorumSurvives(candidate: MemberView, view: ClusterView): boolean {
  const counted = candidate.voter && candidate.caughtUp;
  if (!counted || view.voters === 1) return true;
  const needed = majority(view.voters);
  return view.votersCaughtUp < needed || view.votersCaughtUp - 1 >= needed;
}

function byTurn(a: MemberView, b: MemberView): number {
  return turnOf(a) - turnOf(b) || b.ordinal - a.ordinal;
}

function turnOf(member: MemberView): number {
  if (!member.ready && !member.caughtUp) return 0;
  if (!member.ready) return 1;
  switch (member.role) {
    case 'Learner':
    case 'Unknown':
      return 2;
    case 'Follower':
    case 'Candidate':
      return 3;
    case 'Leader':
      return 4;
    default:
      return unreachable(member.role);
  }
}

function waitAll(members: readonly MemberView[], rule: RolloutRule): RolloutStep {
  return { kind: 'wait', blockedBy: new Map(members.map(({ name }) => [name, rule])) };
}
