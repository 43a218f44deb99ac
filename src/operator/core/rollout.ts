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
  /** A pod that was replaced follows again before the next one that follows goes. */
  | 'replaced_pods_follow'
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
  if (!quorumSurvives(candidate, view)) return 'quorum_survives';
  return mustWaitForOthers(candidate, others, view) ? 'replaced_pods_follow' : undefined;
}

/**
 * When all servers are broken, every pod may go, but their sidecars hold the quorum: one of them goes at a time. Without
 * a quorum there is nothing to wait for, except for an election that those who answer can hold, which the last pod that
 * went may have caused; it is waited for as long as that pod starts.
 */
function mustWaitForOthers(
  candidate: MemberView,
  others: readonly MemberView[],
  view: ClusterView,
): boolean {
  if (!candidate.answers) return false;
  const replaced = others.filter((member) => !member.outdated && !member.caughtUp);
  if (view.hasQuorum) return candidate.caughtUp && replaced.length > 0;
  const answering = view.members.filter((member) => member.voter && member.answers);
  return (
    answering.length >= majority(view.voters) &&
    [candidate, ...others].some((member) => member.starting)
  );
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
  if (!member.ready) return member.role === 'Leader' ? 2 : 1;
  switch (member.role) {
    case 'Learner':
    case 'Unknown':
      return 3;
    case 'Follower':
    case 'Candidate':
      return 4;
    case 'Leader':
      return 5;
    default:
      return unreachable(member.role);
  }
}

function waitAll(members: readonly MemberView[], rule: RolloutRule): RolloutStep {
  return { kind: 'wait', blockedBy: new Map(members.map(({ name }) => [name, rule])) };
}
