/** What changes of the membership are decided on, made from the pods and from what their sidecars say. */
import { defaultVoters, type McpCluster, type McpClusterMember } from '../../api/index.ts';
import { unreachable, UNUSABLE_DATA_EXIT_CODE } from '../../std/index.ts';
import type { ClusterSize } from './config.ts';
import type { DataState, MembershipView, Participants } from './membership.ts';
import { SIDECAR_CONTAINER } from './names.ts';
import type { Problem } from './problems.ts';
import { isRecovering } from './recovery.ts';
import type { SidecarReport, SidecarStatus } from './report.ts';
import type { Pod } from './shapes.ts';
import type { ClusterView, MemberView } from './view.ts';

/** What the spec asks for in the end, whatever there is now. */
export function targetSize({ spec }: McpCluster): ClusterSize {
  const { replicas, voters } = spec;
  return { replicas, voters: Math.min(voters ?? defaultVoters(replicas), replicas) };
}

/** A view of members as they are now; steps are taken only by a cluster that was founded, and that has pods. */
export function membershipView(
  cluster: McpCluster,
  size: ClusterSize,
  view: Omit<ClusterView, 'membershipStep' | 'membershipChange'>,
): MembershipView {
  const { spec, status } = cluster;
  const isOpen =
    view.hasQuorum &&
    view.isComplete &&
    status?.founded === true &&
    !spec.hibernated &&
    !isRecovering(cluster);
  return {
    target: targetSize(cluster),
    scaledTo: size.replicas,
    releasing: status?.releasing,
    participants: isOpen ? view.participants : undefined,
    leader: view.leader,
    members: view.members.map((member) => ({
      name: member.name,
      ordinal: member.ordinal,
      podUid: member.pod?.metadata.uid,
      terminating: member.terminating,
      answers: member.answers,
      starting: member.starting && member.pod !== undefined,
      caughtUp: member.caughtUp,
      draining: member.cordon !== undefined,
      drained: isDrained(member),
      data: member.data,
    })),
  };
}

/** Who does not answer has nothing to give away, and who is on its way out gives it away by itself. */
function isDrained(member: MemberView): boolean {
  const { answers, cordon, sessions, terminating, overdue } = member;
  return !answers || terminating || (cordon !== undefined && ((sessions ?? 0) === 0 || overdue));
}

/** Who takes part, as `status` tells; undefined when it knows nobody. */
export function participantsOf(status: SidecarStatus | undefined): Participants | undefined {
  const { voters = [], votersOutgoing = [], learners = [] } = status ?? {};
  return voters.length === 0 ? undefined : { voters, votersOutgoing, learners };
}

export interface DataFacts {
  readonly name: string;
  readonly pod: Pod | undefined;
  readonly report: SidecarReport | undefined;
  /** What counts of all answers. */
  readonly agreed: SidecarStatus | undefined;
}

/** What the data of a pod are worth; see {@link DataState}. */
export function dataOf({ name, pod, report, agreed }: DataFacts): DataState {
  if (pod === undefined) return 'unknown';
  if (report?.kind !== 'answered') return couldNotRead(pod) ? 'unusable' : 'unknown';
  const own = report.status;
  const problems = new Set((own.problems ?? []).map(({ code }) => code));
  if (problems.has('divergent')) return 'unusable';
  const now = participantsOf(agreed);
  if (now === undefined) return 'unknown';
  const takesPart = [...now.voters, ...now.votersOutgoing, ...now.learners].includes(name);
  if (!takesPart) return (own.lastIndex ?? 0) === 0 ? 'empty' : 'removed';
  const known = agreed?.matchIndexes.find(({ id }) => id === name)?.diskId ?? '';
  const isOther = known !== '' && own.diskId !== undefined && own.diskId !== known;
  // Who was not let in yet cannot know how the others know it.
  const isRefused = problems.has('member-replaced') && (own.voters ?? []).length > 0;
  return isOther || isRefused ? 'replaced' : 'current';
}

/** The part of a member, in a word for the status; undefined while nobody says who takes part. */
export function partOf(
  { name, ordinal, data, voter }: MemberView,
  cluster: McpCluster,
  { participants }: Pick<ClusterView, 'participants'>,
): McpClusterMember['membership'] {
  if (participants === undefined) return undefined;
  const target = targetSize(cluster);
  if (data === 'replaced' || data === 'removed' || data === 'unusable') return 'Lost';
  if (ordinal >= target.replicas) return 'Leaving';
  if (voter) return 'Voter';
  if (!participants.learners.includes(name)) return 'Joining';
  return ordinal < target.voters ? 'CatchingUp' : 'Learner';
}

/** What is wrong with a pod whose sidecar has nothing else to complain about. */
export function dataProblem(name: string, data: DataState): Problem | undefined {
  switch (data) {
    case 'replaced':
      return {
        reason: 'DataLost',
        message: `${name} came back without its data: it is taken out and joins again as a new member`,
      };
    case 'removed':
      return {
        reason: 'DataOfRemovedMember',
        message: `${name} has the data of a member that was removed: they are thrown away, and it joins as a new member`,
      };
    case 'unusable':
      return {
        reason: 'DataUnusable',
        message: `the data of ${name} cannot be used: it is taken out and joins again as a new member`,
      };
    case 'unknown':
    case 'empty':
    case 'current':
      return undefined;
    default:
      return unreachable(data);
  }
}

function couldNotRead(pod: Pod): boolean {
  const sidecar = pod.status?.initContainerStatuses?.find(({ name }) => name === SIDECAR_CONTAINER);
  const ended = sidecar?.state?.terminated ?? sidecar?.lastState?.terminated;
  return sidecar?.state?.running === undefined && ended?.exitCode === UNUSABLE_DATA_EXIT_CODE;
}
