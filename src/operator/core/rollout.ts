/** Which pod is replaced next to follow a changed template, or the name of the rule that keeps each one waiting. */
import { unreachable } from '../../std/index.ts';
import { mayMeet } from './version.ts';
import { majority } from './quorum.ts';
import { canElect, type ClusterView, type MemberView } from './view.ts';

/** Why a pod is not replaced yet; shown in the status as `blockedBy`. */
export type RolloutRule =
  /** The StatefulSet controller has not seen the template in force. */
  | 'revision_known'
  /** Some pod was not asked yet. */
  | 'members_known'
  /** As many pods are missing or on their way out as may be. */
  | 'max_unavailable'
  /** A template that does not come up stops after as many pods as may be away. */
  | 'updated_pods_ready'
  /** Somebody joins, is promoted or leaves. */
  | 'no_membership_change'
  /** Members that meet are at most one minor version apart. */
  | 'version_skew'
  /** The voters that remain must be a majority. */
  | 'quorum_survives'
  /** A pod that was replaced follows again before the next one that follows goes. */
  | 'replaced_pods_follow'
  /** Pods that work wait for the window. */
  | 'maintenance_window'
  /** Somebody has to say that the leader may go. */
  | 'approval'
  /** Another member shall lead first. */
  | 'leadership_moved'
  /** Its sessions go to other pods first. */
  | 'sessions_handed_over'
  /** Others come first. */
  | 'turn';

type Blocked = ReadonlyMap<string, RolloutRule>;

export type RolloutStep =
  | { readonly kind: 'done' }
  /** The pod of `member` may be deleted. */
  | { readonly kind: 'replace'; readonly member: MemberView; readonly blockedBy: Blocked }
  /** `member` is to give its sessions away. */
  | { readonly kind: 'drain'; readonly member: MemberView; readonly blockedBy: Blocked }
  /** `member` is to let `to` lead. */
  | {
      readonly kind: 'transfer';
      readonly member: MemberView;
      readonly to: string;
      readonly blockedBy: Blocked;
    }
  | { readonly kind: 'wait'; readonly blockedBy: Blocked };

/** What a rollout is held to beyond the cluster's safety. */
export interface RolloutPolicy {
  readonly maxUnavailable: number;
  readonly windowOpen: boolean;
  /** The pod that leads may be replaced without being asked for. */
  readonly leaderApproved: boolean;
  /** Version of the sidecars in new pods, as far as it is known before there is one. */
  readonly version: string | undefined;
  /** How long a pod has been asked for something already, in ms. */
  readonly askedMs: (member: MemberView, what: 'drain' | 'transfer') => number;
}

/** Longest wait for sessions to be elsewhere; a gateway cuts what runs longer than ten seconds. */
export const HAND_OVER_MAX_MS = 20_000;
/** Longest wait for another leader; a sidecar that ends hands leadership over, too. */
export const TRANSFER_MAX_MS = 30_000;

/**
 * Pods that do not work first, then learners, then followers from the highest ordinal down, the leader last. A pod that does
 * not work may always go unless the quorum needs its sidecar: otherwise a bad template could never be replaced.
 */
export function decideRollout(view: ClusterView, policy: RolloutPolicy): RolloutStep {
  const outdated = view.members.filter((member) => member.outdated);
  if (!view.revisionKnown) return waitAll(view.members, 'revision_known');
  if (outdated.length === 0) return { kind: 'done' };
  if (!view.isComplete) return waitAll(outdated, 'members_known');
  const [first] = outdated.filter(({ terminating }) => !terminating).toSorted(byTurn);
  if (first === undefined) return waitAll(outdated, 'max_unavailable');
  const others = view.members.filter(({ name }) => name !== first.name);
  const blockedBy = new Map<string, RolloutRule>(outdated.map(({ name }) => [name, 'turn']));
  const rule =
    budgetRule(first, others, policy) ??
    safetyRule(first, others, view, policy) ??
    wishRule(first, policy);
  if (rule !== undefined) return { kind: 'wait', blockedBy: blockedBy.set(first.name, rule) };
  return preparation(first, others, { view, policy, blockedBy }) ?? goes(first, blockedBy);
}

function goes(member: MemberView, blockedBy: Map<string, RolloutRule>): RolloutStep {
  blockedBy.delete(member.name);
  return { kind: 'replace', member, blockedBy };
}

/** Not more pods may be away than the spec allows, and a template that does not work goes no further. */
function budgetRule(
  candidate: MemberView,
  others: readonly MemberView[],
  { maxUnavailable }: RolloutPolicy,
): RolloutRule | undefined {
  const away = others.filter((member) => member.pod === undefined || member.terminating);
  if (away.length >= maxUnavailable) return 'max_unavailable';
  if (!candidate.healthy) return undefined;
  const updated = others.filter((member) => !member.outdated && !away.includes(member));
  const broken = updated.filter((member) => !member.healthy);
  const isBad = broken.some((member) => member.problem !== undefined);
  return isBad || away.length + broken.length >= maxUnavailable ? 'updated_pods_ready' : undefined;
}

function safetyRule(
  candidate: MemberView,
  others: readonly MemberView[],
  view: ClusterView,
  policy: RolloutPolicy,
): RolloutRule | undefined {
  if (candidate.healthy && view.membershipChange !== undefined) return 'no_membership_change';
  const version = policy.version ?? others.find((member) => !member.outdated)?.version;
  const meets = others.every((member) => mayMeet(version ?? '', member.version ?? ''));
  if (!meets) return 'version_skew';
  if (!quorumSurvives(candidate, view)) return 'quorum_survives';
  return mustWaitForOthers(candidate, others, view) ? 'replaced_pods_follow' : undefined;
}

/** What people asked for holds for pods that work. */
function wishRule(candidate: MemberView, policy: RolloutPolicy): RolloutRule | undefined {
  if (!candidate.healthy) return undefined;
  if (!policy.windowOpen) return 'maintenance_window';
  const isApproved = policy.leaderApproved || candidate.restartAsked === true;
  return candidate.role === 'Leader' && !isApproved ? 'approval' : undefined;
}

/** What happens before the pod goes, each for a bounded time: another leads, and its sessions are elsewhere. */
function preparation(
  member: MemberView,
  others: readonly MemberView[],
  plan: { view: ClusterView; policy: RolloutPolicy; blockedBy: Map<string, RolloutRule> },
): RolloutStep | undefined {
  const { view, policy, blockedBy } = plan;
  const to = member.role === 'Leader' && view.hasQuorum ? successorOf(others) : undefined;
  if (to !== undefined && policy.askedMs(member, 'transfer') < TRANSFER_MAX_MS) {
    blockedBy.set(member.name, 'leadership_moved');
    return { kind: 'transfer', member, to: to.name, blockedBy };
  }
  const isEmpty = member.cordon !== undefined && member.sessions === 0;
  // With nowhere to go, sessions wait for their pod to be back.
  const canLeave = member.healthy && others.some((other) => other.ready);
  if (!canLeave || isEmpty || policy.askedMs(member, 'drain') >= HAND_OVER_MAX_MS) {
    return undefined;
  }
  blockedBy.set(member.name, 'sessions_handed_over');
  return { kind: 'drain', member, blockedBy };
}

/** Who shall lead: a voter that follows, best one that was replaced already, works, and has most of the log. */
export function successorOf(others: readonly MemberView[]): MemberView | undefined {
  const worth = (member: MemberView): number =>
    (member.outdated ? 0 : 2) + (member.healthy && member.cordon === undefined ? 1 : 0);
  return others
    .filter(({ voter, caughtUp, terminating }) => voter && caughtUp && !terminating)
    .filter(({ cordon }) => cordon !== 'fenced')
    .toSorted((a, b) => worth(b) - worth(a) || (b.matchIndex ?? 0) - (a.matchIndex ?? 0))[0];
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
  return canElect(view) && [candidate, ...others].some((member) => member.starting);
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
  if (!member.healthy && !member.caughtUp) return 0;
  if (!member.healthy) return member.role === 'Leader' ? 2 : 1;
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
