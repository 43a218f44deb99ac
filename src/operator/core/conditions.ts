/** The conditions of a cluster: what can be waited for, each with a stable reason and a sentence. */
import type { ConditionDraft } from '../../api/index.ts';
import { blockedFirst } from './rollout-policy.ts';
import type { RolloutStep } from './rollout.ts';
import { canElect, type ClusterView, type MemberView } from './view.ts';

/** Why the last reconcile did not do all that the spec asks for. */
export interface ReconcileProblem {
  readonly reason:
    | 'RecoveryRefused'
    | 'PromotionRefused'
    | 'ForeignObject'
    | 'Refused'
    | 'Paused'
    | 'SecretMissing'
    | 'TokenReviewForbidden'
    | 'CapabilityMissing'
    | 'UnknownTool'
    | 'PolicyUnusable'
    | 'ConfigurationRefused'
    | 'ScheduleUnusable'
    | 'VolumeMissing'
    | 'VolumeNotExpandable'
    | 'BackupVolumeShared'
    | 'IssuerNotInstalled'
    | 'IssuerForbidden'
    | 'IssuerMissing'
    | 'IssuerNotReady'
    | 'IssuerChangesAuthority'
    | 'CertificatePending'
    | 'CertificateDenied'
    | 'CertificateRefused'
    | 'CertificateUnusable';
  readonly message: string;
}

export interface ConditionInput {
  readonly view: ClusterView;
  readonly replicas: number;
  readonly rollout: RolloutStep;
  readonly problem: ReconcileProblem | undefined;
  /** What has to happen for the pod that is next to be replaced. */
  readonly hint?: string | undefined;
  /** Claims whose volumes are not as large yet as they ask for. */
  readonly growingVolumes?: number;
  /** The cluster has not got yet what it begins with: clients are kept away. */
  readonly restoring?: boolean;
  /** The spec wants no pods. */
  readonly hibernated: boolean;
  /** What can be done when the majority is gone for good. */
  readonly advice: string;
  /** How far a cluster is that begins again; undefined when it does not. */
  readonly recovering?: string | undefined;
  /** Pods that the spec asks for. */
  readonly target: number;
  /** The cluster has had a quorum: without one it is not on its way to its first. */
  readonly hadQuorum: boolean;
}

export function conditionsOf(input: ConditionInput): readonly ConditionDraft[] {
  const { view, problem, hadQuorum, restoring = false } = input;
  const hasLost = hadQuorum && !view.hasQuorum;
  return [
    ...(input.hibernated
      ? hibernated(view)
      : [
          restoring
            ? draft('Available', 'False', 'Restoring', RESTORING)
            : available(view, hadQuorum),
          progressing(input),
          degraded(view),
          quorumHealthy(view, hasLost ? input.advice : undefined),
        ]),
    problem === undefined
      ? draft('Reconciled', 'True', 'Applied', 'every object is as the spec asks')
      : draft('Reconciled', 'False', problem.reason, problem.message),
  ];
}

function draft(
  type: ConditionDraft['type'],
  status: ConditionDraft['status'],
  reason: string,
  message: string,
): ConditionDraft {
  return { type, status, reason, message };
}

const RESTORING = 'clients are sent to the cluster once it is restored: see the condition Restored';

/** What is asked for is no trouble. */
function hibernated(view: ClusterView): readonly ConditionDraft[] {
  const pods = view.members.filter((member) => member.pod !== undefined).length;
  const sentence = 'spec.hibernated is true: there are no pods, and the volumes stay';
  return [
    draft('Available', 'False', 'Hibernated', sentence),
    pods > 0
      ? draft('Progressing', 'True', 'Hibernating', `${pods} pods are on their way out`)
      : draft('Progressing', 'False', 'Hibernated', sentence),
    draft('Degraded', 'False', 'Hibernated', sentence),
    draft('QuorumHealthy', 'False', 'Hibernated', sentence),
  ];
}

function available(view: ClusterView, hadQuorum: boolean): ConditionDraft {
  const ready = view.members.filter((member) => member.ready).length;
  const counts = `${ready} of ${view.members.length} pods serve clients`;
  if (hadQuorum && !view.hasQuorum && canElect(view)) {
    return draft('Available', 'Unknown', 'Electing', quorumSentence(view));
  }
  if (!view.hasQuorum) return draft('Available', 'False', 'NoQuorum', quorumSentence(view));
  if (ready === 0) return draft('Available', 'False', 'NoReadyPod', counts);
  return draft('Available', 'True', 'Serving', counts);
}

/** `advice` is what can be done about a majority that was lost. */
function quorumHealthy(view: ClusterView, advice: string | undefined): ConditionDraft {
  const sentence = quorumSentence(view);
  if (!view.isComplete && !view.hasQuorum) {
    return draft('QuorumHealthy', 'Unknown', 'MembersUnknown', sentence);
  }
  if (!view.hasQuorum) {
    if (advice === undefined) return draft('QuorumHealthy', 'False', 'Forming', sentence);
    if (canElect(view)) {
      const electing = `${sentence}; a majority of the voters answers and is about to elect one`;
      return draft('QuorumHealthy', 'Unknown', 'Electing', electing);
    }
    return draft('QuorumHealthy', 'False', 'QuorumLost', `${sentence}; ${advice}`);
  }
  return view.votersCaughtUp === view.voters
    ? draft('QuorumHealthy', 'True', 'AllVoters', sentence)
    : draft('QuorumHealthy', 'True', 'SomeVoters', sentence);
}

function quorumSentence(view: ClusterView): string {
  const leader = view.leader === undefined ? 'no leader' : `leader ${view.leader}`;
  return `${view.votersCaughtUp} of ${view.voters} voters follow, ${leader}`;
}

function progressing(input: ConditionInput): ConditionDraft {
  const { view, replicas, rollout, hint, growingVolumes = 0 } = input;
  const pods = view.members.filter((member) => member.pod !== undefined);
  const extra = view.members.filter((member) => member.ordinal >= replicas);
  if (input.recovering !== undefined) {
    return draft('Progressing', 'True', 'Recovering', input.recovering);
  }
  const change = changing(input);
  if (change !== undefined) return change;
  if (pods.length < replicas || extra.length > 0) {
    const message = `${pods.length} of ${replicas} pods exist`;
    return draft('Progressing', 'True', 'Scaling', message);
  }
  if (rollout.kind !== 'done') {
    const outdated = view.members.filter((member) => member.outdated);
    const blocked = blockedFirst(rollout);
    const why = blocked === undefined ? '' : `; ${blocked.pod} waits for ${blocked.rule}`;
    const todo = hint === undefined ? '' : `: ${hint}`;
    const count = outdated.length === 1 ? '1 pod is' : `${outdated.length} pods are`;
    const message = `${count} to be replaced${why}${todo}`;
    const reason = WAITING_REASONS[blocked?.rule as keyof typeof WAITING_REASONS];
    return draft('Progressing', 'True', reason ?? 'RollingUpdate', message);
  }
  const starting = view.members.filter(isStarting);
  if (starting.length > 0) {
    const message = `${starting.map(({ name }) => name).join(', ')} not ready yet`;
    return draft('Progressing', 'True', 'Starting', message);
  }
  if (growingVolumes > 0) {
    const message = `${growingVolumes} volumes are not as large yet as they ask for`;
    return draft('Progressing', 'True', 'GrowingVolumes', message);
  }
  return draft('Progressing', 'False', 'Settled', 'pods are as the spec asks');
}

/** The members are on their way to what the spec asks for, or wait for what they need for it. */
function changing({ view, replicas, target }: ConditionInput): ConditionDraft | undefined {
  const { membershipStep: step, membershipChange } = view;
  if (step.kind === 'settled' || (membershipChange === undefined && replicas === target)) {
    return undefined;
  }
  const leaves = replicas > target || view.members.some(({ ordinal }) => ordinal >= target);
  const comes = replicas < target || view.members.some(({ data }) => data === 'empty');
  const reason = leaves ? 'ScalingDown' : comes ? 'ScalingUp' : 'ChangingMembers';
  const waits = step.kind === 'wait' ? `waits for ${step.message}` : (membershipChange ?? '');
  return draft('Progressing', 'True', reason, `${replicas} of ${target} pods; ${waits}`);
}

/** A rollout that waits for people or the calendar is not under way. */
const WAITING_REASONS = {
  approval: 'WaitingForApproval',
  maintenance_window: 'WaitingForWindow',
} as const;

/** Not there yet, and nothing is known to be wrong with it. */
function isStarting(member: MemberView): boolean {
  return (!member.healthy || !member.caughtUp) && member.problem === undefined;
}

function degraded(view: ClusterView): ConditionDraft {
  const troubled = view.members.filter((member) => member.problem !== undefined);
  const worst = troubled[0]?.problem;
  if (worst === undefined) return draft('Degraded', 'False', 'Healthy', 'no pod has a problem');
  const message = troubled.map(({ name, problem }) => `${name}: ${problem?.message}`).join(' | ');
  return draft('Degraded', 'True', worst.reason, message);
}
