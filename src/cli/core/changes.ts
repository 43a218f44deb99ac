/**
 * What each verb changes: one field of the resource, so that whoever keeps it in a file can write the same there. A verb that
 * cannot do what it is asked for says which field stands in its way and what to do next.
 */
import {
  APPROVE_UPDATE_ANNOTATION,
  PROMOTE_ANNOTATION,
  RESTART_ANNOTATION,
  type McpCluster,
  type McpClusterMember,
} from '../../api/index.ts';

/** What a verb comes to for a cluster as it is. */
export type Plan =
  | {
      readonly kind: 'change';
      /** A merge patch of the McpCluster, or of `pod`. */
      readonly patch: {
        readonly spec?: object;
        readonly metadata?: { readonly annotations: object };
      };
      readonly pod?: string;
      /** What has been done, in a sentence without its full stop. */
      readonly done: string;
      /** It describes an act and not a state: it does not belong into anybody's file. */
      readonly isAct?: true;
      /** Why people are asked before. */
      readonly danger?: string;
    }
  /** It is so already. */
  | { readonly kind: 'nothing'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string };

const nothing = (message: string): Plan => ({ kind: 'nothing', message });
const refused = (message: string): Plan => ({ kind: 'refused', message });
const ofSpec = (spec: object, done: string): Plan => ({ kind: 'change', patch: { spec }, done });

/** Where Kubernetes' own `rollout restart` writes. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';

/** Lets an update go on to the pod that leads; `revision` is the one in force, undefined while nobody knows it. */
export function approve({ spec, status }: McpCluster, revision: string | undefined): Plan {
  if (spec.update.mode !== 'Supervised') {
    return refused('spec.update.mode is Automatic: updates need no approval');
  }
  if (status?.members?.every(({ blockedBy }) => blockedBy === undefined) !== false) {
    return nothing('no update is under way: there is nothing to approve');
  }
  if (revision === undefined) {
    return refused('the StatefulSet does not tell its revision yet: try again in a moment');
  }
  return {
    kind: 'change',
    patch: { metadata: { annotations: { [APPROVE_UPDATE_ANNOTATION]: revision } } },
    done: `the update to ${revision} may go on to the pod that leads`,
  };
}

/** Lets `member` lead. What is written names the term that it ends, so that it asks for nothing afterwards. */
export function promote(cluster: McpCluster, member: string): Plan {
  const { status } = cluster;
  const found = memberOf(cluster, member);
  if (typeof found === 'string') return refused(found);
  const asleep = atRest(cluster);
  if (asleep !== undefined) return refused(asleep);
  if (status?.leader === member) return nothing(`${member} leads already`);
  if (status?.leader === undefined || status.term === undefined) {
    return refused('nobody leads: see what status says about QuorumHealthy');
  }
  if (found.membership !== undefined && found.membership !== 'Voter') {
    return refused(`${member} does not vote (${found.membership}): name a Voter`);
  }
  if (found.cordon === 'Fenced') {
    return refused(`spec.fencedMembers names ${member}: unfence it first`);
  }
  return {
    kind: 'change',
    patch: { metadata: { annotations: { [PROMOTE_ANNOTATION]: `${status.term}:${member}` } } },
    done: `${member} is to lead in place of ${status.leader}`,
    isAct: true,
  };
}

/** Replaces all pods one after the other. `now` is an instant as the API writes it. */
export function restart(cluster: McpCluster, now: string): Plan {
  const asleep = atRest(cluster);
  if (asleep !== undefined) return refused(asleep);
  const metadata = { annotations: { [RESTARTED_AT]: now } };
  return ofSpec({ podTemplate: { metadata } }, 'its pods are replaced, one after the other');
}

/** Replaces one pod under the rules of a rolling update. */
export function restartMember(cluster: McpCluster, member: string, now: string): Plan {
  const found = memberOf(cluster, member);
  const asleep = typeof found === 'string' ? found : atRest(cluster);
  if (asleep !== undefined) return refused(asleep);
  return {
    kind: 'change',
    pod: member,
    patch: { metadata: { annotations: { [RESTART_ANNOTATION]: now } } },
    done: `${member} is replaced as soon as the others can do without it`,
    isAct: true,
  };
}

export function fence(cluster: McpCluster, members: readonly string[]): Plan {
  const { fencedMembers, replicas } = cluster.spec;
  const wrong = members.map((each) => memberOf(cluster, each)).find(isText);
  if (wrong !== undefined) return refused(wrong);
  const next = [...new Set([...fencedMembers, ...members])];
  if (next.length === fencedMembers.length) return nothing(`${list(members)} fenced already`);
  if (next.length >= replicas) {
    return refused(
      `spec.fencedMembers: a pod must be left that takes sessions, and there are ${replicas}: fence fewer, or hibernate the cluster`,
    );
  }
  return ofSpec({ fencedMembers: next }, `${list(members)} fenced: no sessions, no leadership`);
}

/** Takes `members` out of the fence, or all of them when none is named. */
export function unfence({ spec }: McpCluster, members: readonly string[]): Plan {
  const leaving = members.length === 0 ? spec.fencedMembers : members;
  const wrong = leaving.find((each) => !spec.fencedMembers.includes(each));
  if (wrong !== undefined) {
    const there = spec.fencedMembers.join(', ') || 'nobody';
    return nothing(`${wrong} is not fenced: spec.fencedMembers names ${there}`);
  }
  if (leaving.length === 0) return nothing('nobody is fenced');
  const next = spec.fencedMembers.filter((each) => !leaving.includes(each));
  return ofSpec({ fencedMembers: next }, `${list(leaving)} no longer fenced`);
}

export function hibernate({ metadata, spec }: McpCluster): Plan {
  if (spec.hibernated) return nothing('spec.hibernated is true already');
  return {
    ...(ofSpec({ hibernated: true }, 'it goes to sleep') as Plan & { kind: 'change' }),
    danger: `every pod of ${metadata.name} goes, and its clients are served no more until it wakes; volumes and sessions stay`,
  };
}

export function wake({ spec }: McpCluster): Plan {
  return spec.hibernated
    ? ofSpec({ hibernated: false }, 'it wakes up')
    : nothing('spec.hibernated is false already');
}

export function pause({ spec }: McpCluster): Plan {
  return spec.paused
    ? nothing('spec.paused is true already')
    : ofSpec({ paused: true }, 'the operator changes nothing any more but where clients are sent');
}

export function resume({ spec }: McpCluster): Plan {
  return spec.paused
    ? ofSpec({ paused: false }, 'the operator acts again')
    : nothing('spec.paused is false already');
}

/** When pods that work may be replaced; undefined: at any time. */
export interface Window {
  readonly schedule: string;
  readonly duration: string;
  readonly timeZone: string;
}

export function maintenance({ spec }: McpCluster, window: Window | undefined): Plan {
  if (window === undefined) {
    return spec.update.maintenanceWindow === undefined
      ? nothing('spec.update.maintenanceWindow is not set: pods are replaced at any time')
      : ofSpec({ update: { maintenanceWindow: null } }, 'pods are replaced at any time');
  }
  const { schedule, duration, timeZone } = window;
  return ofSpec(
    { update: { maintenanceWindow: window } },
    `pods that work are replaced only in the ${duration} after "${schedule}" in ${timeZone}`,
  );
}

/** The last resort after the loss of a majority. */
export function recover(cluster: McpCluster, trustMember: string): Plan {
  const { metadata, status } = cluster;
  const found = memberOf(cluster, trustMember);
  if (typeof found === 'string') return refused(found);
  const quorum = status?.conditions?.find(({ type }) => type === 'QuorumHealthy');
  if (quorum?.status === 'True') {
    return refused(`it has a majority (${quorum.message}): there is nothing to recover`);
  }
  const id = `recovery-${metadata.generation}`;
  return {
    kind: 'change',
    patch: { spec: { recovery: { id, trustMember } } },
    done: `it begins again from ${trustMember}`,
    danger: `what was acknowledged without ${trustMember} is lost, and the data of the other members are thrown away`,
  };
}

const isText = (value: unknown): value is string => typeof value === 'string';

const list = (members: readonly string[]): string =>
  `${members.join(', ')} ${members.length === 1 ? 'is' : 'are'}`;

/** The member, or why there is none. */
function memberOf({ status }: McpCluster, name: string): McpClusterMember | string {
  const members = status?.members ?? [];
  const found = members.find((member) => member.name === name);
  const there = members.map((member) => member.name).join(', ') || 'none yet';
  return found ?? `there is no member ${name}: there are ${there}`;
}

function atRest({ spec }: McpCluster): string | undefined {
  if (spec.paused) return 'spec.paused is true, so the operator would not do it: resume it first';
  return spec.hibernated ? 'spec.hibernated is true: there are no pods; wake it first' : undefined;
}
