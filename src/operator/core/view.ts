/** One picture of a cluster, put together from its pods and from what its sidecars say. */
import { RESTART_ANNOTATION, type McpCluster, type McpClusterMember } from '../../api/index.ts';
import { podName, podOrdinal, SIDECAR_CONTAINER } from './names.ts';
import type { ClusterSize } from './config.ts';
import { dataOf, dataProblem, membershipView, participantsOf } from './membership-view.ts';
import {
  changeInFlight,
  planMembership,
  type DataState,
  type MembershipStep,
  type Participants,
} from './membership.ts';
import { majority } from './quorum.ts';
import { isStarting, podProblem, type Problem } from './problems.ts';
import type { SidecarReport, SidecarStatus } from './report.ts';
import { isTerminating, type Pod } from './shapes.ts';

/** A follower this many entries behind its leader still counts as caught up. */
export const LAG_ENTRIES_MAX = 100;

export interface Observation {
  readonly pods: readonly Pod[];
  /** By pod name; a pod that was never asked has none. */
  readonly reports: ReadonlyMap<string, SidecarReport>;
  /** Last line of the server's log, by pod name, where it was fetched. */
  readonly logLines: ReadonlyMap<string, string>;
  /** Why pods are given no certificate, by uid. */
  readonly refusals?: ReadonlyMap<string, string>;
  /** Revision of the pod template in force; undefined until the StatefulSet controller has seen it. */
  readonly updateRevision: string | undefined;
  /** How long ago an instant of the API was, in ms. */
  readonly ageMs: (instant: string) => number;
  /** Uids of pods that have had enough time to give their sessions away. */
  readonly overdue?: ReadonlySet<string>;
}

export interface MemberView {
  readonly name: string;
  readonly ordinal: number;
  readonly voter: boolean;
  /** What its data are worth, and the volume that they are on. */
  readonly data: DataState;
  readonly diskId?: string;
  /** The end of its log, as it says itself. */
  readonly lastTerm?: number;
  readonly lastIndex?: number;
  /** The forced beginning that its data come from. */
  readonly recovery?: string;
  readonly pod?: Pod;
  readonly role: McpClusterMember['role'];
  readonly health: NonNullable<McpClusterMember['health']>;
  /** Its sidecar answers, holds the log and follows the leader. */
  readonly caughtUp: boolean;
  /** New clients may be sent to it. */
  readonly ready: boolean;
  /** It works: it is ready, or would be if it were not kept from taking sessions. */
  readonly healthy: boolean;
  /** It has had enough time to give its sessions away. */
  readonly overdue: boolean;
  /** Why it takes no sessions though it works. */
  readonly cordon?: 'asked' | 'fenced';
  readonly version?: string;
  /** The cluster has taken everything from it that it owned: its lease is over, and its peers found it dead. */
  readonly lost: boolean;
  /** It answers clients that it has, even when no new ones are sent. */
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Its sidecar is on its first start, for a short time yet: silence says nothing about it. */
  readonly starting: boolean;
  /** Its sidecar answers, whether it follows a leader or not. */
  readonly answers: boolean;
  /** It is to be replaced: it runs another pod template than the one in force, or somebody asks for it. */
  readonly outdated: boolean;
  /** Somebody asks for it to be replaced, whatever template it runs. */
  readonly restartAsked?: true;
  readonly matchIndex?: number;
  readonly sessions?: number;
  readonly problem?: Problem;
  /** Other members whose gateways give it no new work for a while, as it failed too often. */
  readonly ejectedBy?: readonly string[];
}

export interface ClusterView {
  readonly members: readonly MemberView[];
  readonly leader?: string;
  readonly term?: number;
  readonly commitIndex?: number;
  readonly sessions?: number;
  /** Who takes part in the log, once somebody says. */
  readonly participants?: Participants;
  readonly voters: number;
  readonly votersCaughtUp: number;
  readonly hasQuorum: boolean;
  /** False while a pod that could answer was not asked yet: nothing may be concluded from its silence. */
  readonly isComplete: boolean;
  /** The StatefulSet controller has seen the template in force, so that `outdated` means something. */
  readonly revisionKnown: boolean;
  /** The next step that brings the members closer to the spec. */
  readonly membershipStep: MembershipStep;
  /** Who joins, is promoted or leaves at this time, in words; undefined when nobody does. */
  readonly membershipChange?: string;
}

export function observeCluster(
  cluster: McpCluster,
  size: ClusterSize,
  observation: Observation,
): ClusterView {
  const agreed = agreedStatus(observation.reports);
  const podsByOrdinal = new Map<number, Pod>();
  for (const pod of observation.pods) {
    const ordinal = podOrdinal(cluster.metadata.name, pod.metadata.name ?? '');
    if (ordinal !== undefined) podsByOrdinal.set(ordinal, pod);
  }
  const participants = participantsOf(agreed);
  const members = ordinalsOf(cluster.metadata.name, size, podsByOrdinal, participants).map(
    (ordinal) => {
      const name = podName(cluster.metadata.name, ordinal);
      return observeMember({
        name,
        ordinal,
        voter: votersOf(participants)?.includes(name) ?? ordinal < size.voters,
        pod: podsByOrdinal.get(ordinal),
        report: observation.reports.get(name),
        agreed,
        fenced: cluster.spec.fencedMembers.includes(name),
        wanted: ordinal < cluster.spec.replicas,
        observation,
      });
    },
  );
  const isLeaderKnown = agreed !== undefined && agreed.leaderId !== '';
  const voters = participants?.voters.length ?? size.voters;
  const view = {
    members,
    ...(participants === undefined ? {} : { participants }),
    ...(isLeaderKnown ? { leader: agreed.leaderId } : {}),
    ...(agreed === undefined
      ? {}
      : { term: agreed.term, commitIndex: agreed.commitIndex, sessions: agreed.sessions }),
    voters,
    votersCaughtUp: members.filter(isVoting).length,
    hasQuorum: isLeaderKnown && hasMajority(members, participants, size),
    isComplete: members.every(
      ({ name, pod }) => pod === undefined || !canAnswer(pod) || observation.reports.has(name),
    ),
    revisionKnown: observation.updateRevision !== undefined,
  };
  const membershipStep = planMembership(membershipView(cluster, size, view));
  const membershipChange = changeInFlight(membershipStep);
  return {
    ...view,
    membershipStep,
    ...(membershipChange === undefined ? {} : { membershipChange }),
  };
}

/** Ordinals of all pods that there are or should be, and of members that have none. */
function ordinalsOf(
  cluster: string,
  size: ClusterSize,
  pods: ReadonlyMap<number, Pod>,
  participants: Participants | undefined,
): number[] {
  const { voters = [], votersOutgoing = [], learners = [] } = participants ?? {};
  const wanted = Array.from({ length: size.replicas }, (_, ordinal) => ordinal);
  const taking = [...voters, ...votersOutgoing, ...learners]
    .map((id) => podOrdinal(cluster, id))
    .filter((ordinal) => ordinal !== undefined);
  return [...new Set([...wanted, ...pods.keys(), ...taking])].sort((a, b) => a - b);
}

const votersOf = (participants: Participants | undefined): readonly string[] | undefined =>
  participants && [...participants.voters, ...participants.votersOutgoing];

/** The voters that answer are a majority: where there is no leader, they will have one within a second or so. */
export function canElect({ members, voters }: ClusterView): boolean {
  return members.filter(({ voter, answers }) => voter && answers).length >= majority(voters);
}

/** Both majorities, while a change of the voters is under way. */
function hasMajority(
  members: readonly MemberView[],
  participants: Participants | undefined,
  size: ClusterSize,
): boolean {
  const following = members.filter(isVoting).map(({ name }) => name);
  if (participants === undefined) return following.length >= majority(size.voters);
  const holds = (voters: readonly string[]): boolean =>
    voters.filter((id) => following.includes(id)).length >= majority(voters.length);
  const { voters, votersOutgoing } = participants;
  return holds(voters) && (votersOutgoing.length === 0 || holds(votersOutgoing));
}

const isVoting = ({ voter, caughtUp }: MemberView): boolean => voter && caughtUp;

/**
 * The view that counts: of all members that answer, the leader of the highest term, else one of that term that follows
 * a leader. A member that was cut off keeps an old term or knows no leader.
 */
function agreedStatus(reports: ReadonlyMap<string, SidecarReport>): SidecarStatus | undefined {
  const answers = [...reports.values()].flatMap((report) =>
    report.kind === 'answered' ? [report.status] : [],
  );
  const weight = (status: SidecarStatus): number =>
    status.role === 'leader' ? 2 : status.leaderId === '' ? 0 : 1;
  return answers
    .toSorted((a, b) => a.term - b.term || weight(a) - weight(b) || a.commitIndex - b.commitIndex)
    .at(-1);
}

interface MemberInput {
  readonly name: string;
  readonly ordinal: number;
  readonly voter: boolean;
  readonly pod: Pod | undefined;
  readonly report: SidecarReport | undefined;
  readonly agreed: SidecarStatus | undefined;
  /** The spec fences it, whether it knows that already or not. */
  readonly fenced: boolean;
  /** It stays: what is wrong with the data of one that goes is of no interest. */
  readonly wanted: boolean;
  readonly observation: Observation;
}

function observeMember(input: MemberInput): MemberView {
  const { name, ordinal, voter, pod, report, agreed, observation } = input;
  const own = report?.kind === 'answered' ? report.status : undefined;
  const health = healthOf(name, own, agreed);
  const matchIndex =
    agreed?.matchIndexes.find((entry) => entry.id === name)?.matchIndex ?? own?.appliedIndex;
  const terminating = pod !== undefined && isTerminating(pod);
  const starting = pod !== undefined && isStarting(pod, observation.ageMs);
  const canServe = pod !== undefined && serves(pod, report, health);
  const caughtUp =
    own !== undefined &&
    own.leaderId !== '' &&
    health !== 'Dead' &&
    (agreed?.commitIndex ?? 0) - (matchIndex ?? 0) <= LAG_ENTRIES_MAX;
  const stays = !terminating && own?.draining !== true;
  const cordon = cordonOf(own);
  const works = cordon === undefined ? canServe : caughtUp && own?.backend?.ready !== false;
  const restartAsked = pod?.metadata.annotations?.[RESTART_ANNOTATION] !== undefined;
  const revision = pod?.metadata.labels?.['controller-revision-hash'];
  const { updateRevision, ageMs, logLines, refusals } = observation;
  const logLine = logLines.get(name);
  const refusal = refusals?.get(pod?.metadata.uid ?? '');
  const ejectedBy = ejectors(name, observation.reports);
  const data = dataOf({ name, pod, report, agreed });
  const problem =
    podProblem({ name, pod, report, health, starting, ageMs, logLine, refusal }) ??
    (input.wanted ? dataProblem(name, data) : undefined);
  return {
    name,
    ordinal,
    voter,
    data,
    ...(own?.diskId === undefined || own.diskId === '' ? {} : { diskId: own.diskId }),
    ...(own?.lastIndex === undefined ? {} : { lastIndex: own.lastIndex }),
    ...(own?.lastTerm === undefined ? {} : { lastTerm: own.lastTerm }),
    ...(own?.recovery === undefined || own.recovery === '' ? {} : { recovery: own.recovery }),
    ...(pod === undefined ? {} : { pod }),
    role: roleOf(own, agreed, name),
    health,
    caughtUp,
    ready: canServe && stays && !input.fenced,
    healthy: works && stays,
    overdue: observation.overdue?.has(pod?.metadata.uid ?? '') === true,
    ...(cordon === undefined ? {} : { cordon }),
    ...(own?.version === undefined || own.version === '' ? {} : { version: own.version }),
    lost: health === 'Dead' && own === undefined && isWithoutLease(name, agreed),
    serving: canServe,
    terminating,
    starting,
    answers: own !== undefined,
    outdated:
      pod !== undefined &&
      (restartAsked || (updateRevision !== undefined && revision !== updateRevision)),
    ...(restartAsked ? { restartAsked } : {}),
    ...(matchIndex === undefined ? {} : { matchIndex }),
    ...(own === undefined ? {} : { sessions: own.sessionsOwned }),
    ...(problem === undefined ? {} : { problem }),
    ...(ejectedBy.length === 0 ? {} : { ejectedBy }),
  };
}

function cordonOf(own: SidecarStatus | undefined): MemberView['cordon'] {
  const reasons = { asked: 'asked', fenced: 'fenced' } as const;
  return reasons[own?.cordon as keyof typeof reasons];
}

/** Sidecars that do not tell whether a member holds its lease are taken to mean that it does. */
function isWithoutLease(name: string, agreed: SidecarStatus | undefined): boolean {
  return agreed?.members.find(({ id }) => id === name)?.leased === false;
}

/** The members that say so themselves, in the order of their names. */
function ejectors(name: string, reports: ReadonlyMap<string, SidecarReport>): string[] {
  return [...reports]
    .filter(([, report]) => report.kind === 'answered' && isEjectedIn(report.status, name))
    .map(([by]) => by)
    .sort();
}

const isEjectedIn = ({ ejected = [] }: SidecarStatus, name: string): boolean =>
  ejected.some(({ id }) => id === name);

function roleOf(
  own: SidecarStatus | undefined,
  agreed: SidecarStatus | undefined,
  name: string,
): MemberView['role'] {
  if (own === undefined) return 'Unknown';
  // Two members may both think that they lead; only one of them does in the highest term.
  if (own.role === 'leader') {
    return agreed?.leaderId === name || agreed === undefined ? 'Leader' : 'Candidate';
  }
  const roles = { follower: 'Follower', candidate: 'Candidate', learner: 'Learner' } as const;
  return roles[own.role as keyof typeof roles] ?? 'Unknown';
}

function healthOf(
  name: string,
  own: SidecarStatus | undefined,
  agreed: SidecarStatus | undefined,
): MemberView['health'] {
  const states = { alive: 'Alive', suspect: 'Suspect', dead: 'Dead', left: 'Left' } as const;
  const seen = agreed?.members.find((member) => member.id === name)?.state;
  if (agreed?.nodeId === name) return 'Alive';
  return states[seen as keyof typeof states] ?? (own === undefined ? 'Unknown' : 'Alive');
}

/** The cluster's word counts before the kubelet's, which may be seconds old. */
function serves(
  pod: Pod,
  report: SidecarReport | undefined,
  health: MemberView['health'],
): boolean {
  if (pod.status?.podIP === undefined || health === 'Dead' || health === 'Left') return false;
  if (report === undefined) return isPodReady(pod);
  if (report.kind === 'answered') {
    return report.status.ready && report.status.backend?.ready !== false;
  }
  // We cannot reach it, but its peers can: then it is our way to it that is broken.
  return health === 'Alive' && isPodReady(pod);
}

/** What the kubelet says. */
export function isPodReady(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
    false
  );
}

/** Whether the sidecar of `pod` runs, so that it is worth asking. */
export function canAnswer(pod: Pod): boolean {
  const sidecar = pod.status?.initContainerStatuses?.find(({ name }) => name === SIDECAR_CONTAINER);
  return pod.status?.podIP !== undefined && sidecar?.state?.running !== undefined;
}
