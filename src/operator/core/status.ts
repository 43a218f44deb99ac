/** The status of a cluster, built from the picture of it. */
import {
  mergeConditions,
  selectorLabels,
  selectorText,
  type Condition,
  type McpCluster,
  type McpClusterMember,
  type McpClusterStatus,
  type Phase,
} from '../../api/index.ts';
import { isRestoring, type BackupReport } from './backup-health.ts';
import { conditionsOf, type ConditionInput } from './conditions.ts';
import type { ClusterSize } from './config.ts';
import { canonicalJson } from './hash.ts';
import { partOf } from './membership-view.ts';
import { endpointUrl } from './names.ts';
import { isRecovering, recoveryAdvice } from './recovery.ts';
import type { MemberView } from './view.ts';

export interface StatusInput extends Omit<
  ConditionInput,
  'replicas' | 'target' | 'hadQuorum' | 'advice' | 'recovering' | 'restoring'
> {
  readonly size: ClusterSize;
  /** Pod that is to lead instead of the one that does. */
  readonly targetLeader?: string | undefined;
  /** When the next window of maintenance opens, as the API writes it. */
  readonly nextWindow?: string | undefined;
  readonly backups?: BackupReport;
  /** Instant for conditions that change, as the API writes it. */
  readonly now: string;
}

/** The whole status; what is not known is left out. */
export function statusOf(cluster: McpCluster, input: StatusInput): McpClusterStatus {
  const { view, size, rollout, now, backups = { conditions: [] } } = input;
  const { generation } = cluster.metadata;
  const blockedBy = rollout.kind === 'done' ? new Map<string, string>() : rollout.blockedBy;
  const conditions = mergeConditions(
    cluster.status?.conditions ?? [],
    [
      ...conditionsOf({
        ...input,
        restoring: isRestoring(cluster),
        replicas: size.replicas,
        target: cluster.spec.replicas,
        hadQuorum: hadQuorum(cluster),
        advice: recoveryAdvice(cluster, view),
        recovering: isRecovering(cluster) ? cluster.status?.recovery?.message : undefined,
      }),
      ...backups.conditions,
    ],
    { generation, now },
  );
  return {
    observedGeneration: generation,
    phase: phaseOf(cluster, conditions),
    replicas: view.members.filter((member) => member.pod !== undefined).length,
    readyReplicas: view.members.filter((member) => member.ready).length,
    voters: view.participants?.voters.length ?? size.voters,
    ...remembered(cluster, size),
    selector: selectorText(selectorLabels(cluster.metadata.name)),
    endpoint: endpointUrl(cluster),
    ...given({
      leader: view.leader,
      targetLeader: input.targetLeader,
      leaderSince: leaderSince(cluster, input),
      term: view.term,
      commitIndex: view.commitIndex,
      sessions: view.sessions,
      nextMaintenanceWindow: input.nextWindow,
      backup: backups.backup,
      restore: backups.restore,
    }),
    members: view.members.map((member) => ({
      ...memberStatus(member, blockedBy.get(member.name)),
      ...given({ id: member.diskId, membership: partOf(member, cluster, view) }),
    })),
    conditions,
  };
}

/** The same instant for as long as the same pod leads the same term. */
function leaderSince({ status }: McpCluster, { view, now }: StatusInput): string | undefined {
  if (view.leader === undefined) return undefined;
  const isSame = status?.leader === view.leader && status.term === view.term;
  return isSame ? (status.leaderSince ?? now) : now;
}

/** What steps rest on, whatever else becomes of the status. */
function remembered({ status }: McpCluster, size: ClusterSize) {
  const { founded, releasing, recovery } = status ?? {};
  const scaledTo = status?.scaledTo ?? size.replicas;
  return { scaledTo, ...given({ founded, releasing, recovery }) };
}

const CORDONS = { asked: 'Draining', fenced: 'Fenced' } as const;

function memberStatus(member: MemberView, blockedBy: string | undefined): McpClusterMember {
  return {
    name: member.name,
    role: member.role,
    ready: member.ready,
    // Peers that wait for a member which only starts call it dead; it has not lived yet.
    health: member.starting && member.health === 'Dead' ? 'Unknown' : member.health,
    ...given({
      matchIndex: member.matchIndex,
      sessions: member.sessions,
      blockedBy: member.outdated ? blockedBy : undefined,
      version: member.version,
      cordon: member.cordon === undefined ? undefined : CORDONS[member.cordon],
      message: messageOf(member),
    }),
  };
}

function messageOf({ pod, problem, ejectedBy }: MemberView): string | undefined {
  if (pod === undefined) return 'the pod does not exist';
  if (problem !== undefined || ejectedBy === undefined) return problem?.message;
  return `fails too often: no new work from the gateways of ${ejectedBy.join(', ')} for a while`;
}

function hadQuorum({ status }: McpCluster): boolean {
  const before = status?.conditions?.find(({ type }) => type === 'QuorumHealthy');
  const reasons = ['QuorumLost', 'Electing'];
  return (
    status?.founded === true || before?.status === 'True' || reasons.includes(before?.reason ?? '')
  );
}

/** A word for people, in the order of what matters most to them. */
function phaseOf(cluster: McpCluster, conditions: readonly Condition[]): Phase {
  const is = (type: Condition['type']): boolean =>
    conditions.some((condition) => condition.type === type && condition.status === 'True');
  const hasServed = !['Creating', 'Hibernated', undefined].includes(cluster.status?.phase);
  if (cluster.spec.paused) return 'Paused';
  if (cluster.spec.hibernated) return 'Hibernated';
  if (!is('Available') && !hasServed) return is('Degraded') ? 'Degraded' : 'Creating';
  if (conditions.some(({ reason }) => reason === 'QuorumLost')) return 'QuorumLost';
  if (is('Degraded') || !is('Available')) return 'Degraded';
  return is('Progressing') ? 'Updating' : 'Running';
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The fields that have a value. */
function given<const T extends Record<string, unknown>>(fields: T): Given<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Given<T>;
}

export type StatusChange = 'none' | 'counters' | 'facts';

/** How much two statuses differ: only in counters that move with traffic, or in facts that people wait for. */
export function compareStatus(
  before: McpClusterStatus | undefined,
  after: McpClusterStatus,
): StatusChange {
  if (before === undefined) return 'facts';
  if (canonicalJson(before) === canonicalJson(after)) return 'none';
  return canonicalJson(withoutCounters(before)) === canonicalJson(withoutCounters(after))
    ? 'counters'
    : 'facts';
}

function withoutCounters(status: McpClusterStatus): object {
  const { commitIndex: _commit, sessions: _sessions, members, ...facts } = status;
  return {
    ...facts,
    members: members?.map(({ matchIndex: _match, sessions: _owned, ...member }) => member),
  };
}
