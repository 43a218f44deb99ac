/** What people should see of a cluster, put together from its status, its pods and their nodes. */
import {
  CLUSTER_LABEL,
  LAST_COMMAND_ANNOTATION,
  type Condition,
  type McpCluster,
  type McpClusterMember,
} from '../../api/index.ts';

/** What is read of a pod. */
export interface PodFacts {
  readonly name: string;
  readonly node?: string | undefined;
  readonly restarts: number;
}

/** Something that ends at an instant, such as a certificate. */
export interface Expiry {
  readonly what: string;
  /** As the API writes it. */
  readonly endsAt: string;
}

export interface StatusFacts {
  readonly cluster: McpCluster;
  readonly pods: readonly PodFacts[];
  /** Zone of each node, as far as it may be read. */
  readonly zones: ReadonlyMap<string, string>;
  readonly expiries: readonly Expiry[];
  /** What the user gave to reach the cluster, to be repeated in the commands that are named, such as ` -n team`. */
  readonly flags: string;
}

export interface MemberRow {
  readonly name: string;
  readonly role: string;
  readonly membership?: string | undefined;
  readonly ready: boolean;
  readonly health: string;
  /** Entries of the log that are committed and that it is not known to hold. */
  readonly lag?: number | undefined;
  readonly sessions?: number | undefined;
  readonly version?: string | undefined;
  readonly node?: string | undefined;
  readonly zone?: string | undefined;
  readonly restarts?: number | undefined;
  readonly cordon?: string | undefined;
  readonly blockedBy?: string | undefined;
  readonly message?: string | undefined;
}

/** A condition that is not as it should be, and what to do about it. */
export interface Trouble {
  readonly condition: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly since: string;
  readonly next?: string | undefined;
}

/** The whole answer; `-o json` prints it. */
export interface StatusView {
  readonly name: string;
  readonly namespace: string;
  readonly phase: string;
  /** The operator has seen the spec as it is now. */
  readonly isCurrent: boolean;
  readonly endpoint?: string | undefined;
  readonly leader?: string | undefined;
  readonly targetLeader?: string | undefined;
  readonly term?: number | undefined;
  readonly replicas: { readonly wanted: number; readonly existing: number; readonly ready: number };
  readonly voters?: number | undefined;
  readonly sessions?: number | undefined;
  readonly image: string;
  readonly fencedMembers: readonly string[];
  readonly members: readonly MemberRow[];
  readonly troubles: readonly Trouble[];
  readonly expiries: readonly Expiry[];
  readonly nextMaintenanceWindow?: string | undefined;
  /** What became of the backups that the spec asks for. */
  readonly backup?: NonNullable<McpCluster['status']>['backup'];
  readonly leaderSince?: string | undefined;
  /** What a command of ours last changed, who and when. */
  readonly lastCommand?: string | undefined;
}

export function statusView(facts: StatusFacts): StatusView {
  const { cluster, pods, zones } = facts;
  const { metadata, spec, status = {} } = cluster;
  const { members = [], conditions = [], commitIndex } = status;
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    phase: status.phase ?? 'Unknown',
    isCurrent: status.observedGeneration === metadata.generation,
    endpoint: status.endpoint,
    leader: status.leader,
    targetLeader: status.targetLeader,
    term: status.term,
    replicas: {
      wanted: spec.replicas,
      existing: status.replicas ?? 0,
      ready: status.readyReplicas ?? 0,
    },
    voters: status.voters,
    sessions: status.sessions,
    image: spec.server.image,
    fencedMembers: spec.fencedMembers,
    members: members.map((member) => {
      const pod = pods.find(({ name }) => name === member.name);
      return memberRow(member, { commitIndex, pod, zones });
    }),
    troubles:
      conditions.length === 0
        ? [unseen(facts)]
        : eachNextOnce(
            conditions.filter(isTrouble).map((condition) => troubleOf(condition, facts)),
          ),
    expiries: facts.expiries,
    nextMaintenanceWindow: status.nextMaintenanceWindow,
    backup: spec.backup === undefined ? undefined : (status.backup ?? {}),
    leaderSince: status.leaderSince,
    lastCommand: metadata.annotations?.[LAST_COMMAND_ANNOTATION],
  };
}

/** What helps several conditions is said with the first of them. */
function eachNextOnce(troubles: readonly Trouble[]): readonly Trouble[] {
  const isSaid = ({ next }: Trouble, index: number): boolean =>
    next !== undefined && troubles.findIndex((other) => other.next === next) < index;
  return troubles.map((trouble, index) =>
    isSaid(trouble, index) ? { ...trouble, next: undefined } : trouble,
  );
}

function memberRow(
  member: McpClusterMember,
  {
    commitIndex,
    pod,
    zones,
  }: {
    readonly commitIndex: number | undefined;
    readonly pod: PodFacts | undefined;
    readonly zones: ReadonlyMap<string, string>;
  },
): MemberRow {
  const { name, role, membership, ready, sessions, version, cordon, blockedBy, message } = member;
  const isKnown = commitIndex !== undefined && member.matchIndex !== undefined;
  return {
    name,
    role,
    membership,
    ready,
    health: member.health ?? 'Unknown',
    // The leader's own count is read a moment before the commit that it belongs to.
    lag: isKnown ? Math.max(0, commitIndex - (member.matchIndex ?? 0)) : undefined,
    sessions,
    version,
    node: pod?.node,
    zone: pod?.node === undefined ? undefined : zones.get(pod.node),
    restarts: pod?.restarts,
    cordon,
    blockedBy,
    message,
  };
}

const WANTED: Readonly<Record<string, Condition['status']>> = {
  Available: 'True',
  Progressing: 'False',
  Degraded: 'False',
  QuorumHealthy: 'True',
  Reconciled: 'True',
  BackupHealthy: 'True',
  Restored: 'True',
};

function isTrouble({ type, status }: Condition): boolean {
  // There is nothing to judge yet, or nobody wants any.
  if (type === 'BackupHealthy' && status === 'Unknown') return false;
  return WANTED[type] !== undefined && WANTED[type] !== status;
}

function troubleOf(condition: Condition, { cluster, flags }: StatusFacts): Trouble {
  const { type, status, reason, message, lastTransitionTime } = condition;
  const next = NEXT[reason]?.(cluster) ?? (type === 'Degraded' ? logsOf(cluster) : undefined);
  return {
    condition: type,
    status,
    reason,
    message,
    since: lastTransitionTime,
    next: next === undefined ? undefined : `kubectl mcp ${next}${flags}`,
  };
}

/** What to do, by the reason of a condition. */
const NEXT: Readonly<Record<string, (cluster: McpCluster) => string | undefined>> = {
  WaitingForApproval: ({ metadata }) => `approve ${metadata.name}`,
  Hibernated: ({ metadata }) => `wake ${metadata.name}`,
  Hibernating: () => undefined,
  BackupFailed: ({ metadata }) => `backup ${metadata.name}`,
  Overdue: ({ metadata }) => `backup ${metadata.name}`,
  Paused: ({ metadata }) => `resume ${metadata.name}`,
  // The message names the member whose log goes furthest.
  QuorumLost: ({ metadata, status }) => {
    const trusted = trustedIn(status?.conditions?.find(({ reason }) => reason === 'QuorumLost'));
    return trusted === undefined ? undefined : `recover ${metadata.name} ${trusted}`;
  },
};

const trustedIn = (condition: Condition | undefined): string | undefined =>
  /"trustMember":"([^"]+)"/.exec(condition?.message ?? '')?.[1];

function logsOf({ metadata, status }: McpCluster): string {
  const sick = status?.members?.find(({ message }) => message !== undefined);
  return `logs ${metadata.name}${sick === undefined ? '' : ` ${sick.name}`}`;
}

function unseen({ cluster }: StatusFacts): Trouble {
  return {
    condition: 'Reconciled',
    status: 'Unknown',
    reason: 'NotSeen',
    message: 'no operator has looked at it yet: is one running, and does it watch this namespace?',
    since: cluster.metadata.creationTimestamp ?? '',
    next: undefined,
  };
}

/** Selects the pods of a cluster. */
export const podSelector = (cluster: string): string => `${CLUSTER_LABEL}=${cluster}`;
