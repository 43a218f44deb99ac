/**
 * Who takes part in a cluster, brought to what its spec asks for by one small change at a time. Every step is decided from
 * what is there, so whoever dies between two steps is followed by one that goes on: nothing but the number of pods that the
 * StatefulSet is asked for is remembered, and that is written down before it is asked for.
 */
import { unreachable } from '../../std/index.ts';
import { majority } from './quorum.ts';

/** Who takes part in the agreed log, as its leader says. */
export interface Participants {
  readonly voters: readonly string[];
  /** Not empty: two majorities decide, and one of the changes is not over. */
  readonly votersOutgoing: readonly string[];
  readonly learners: readonly string[];
}

/**
 * What the data of a pod are worth. A member is a name and a volume: another volume under the same name is another member,
 * which must not come in as if it still knew what the first one has promised.
 */
export type DataState =
  /** The pod does not say. */
  | 'unknown'
  /** Nothing was ever written: it may join. */
  | 'empty'
  /** Those of the member that the cluster knows. */
  | 'current'
  /** The cluster knows the name with another volume, which is gone. */
  | 'replaced'
  /** Of a member that the cluster has removed. */
  | 'removed'
  /** They cannot be read, or differ from what a majority agreed on. */
  | 'unusable';

export interface MembershipMember {
  readonly name: string;
  readonly ordinal: number;
  /** Uid of its pod, unless there is none. */
  readonly podUid?: string | undefined;
  readonly terminating: boolean;
  /** Its sidecar answers. */
  readonly answers: boolean;
  /** It is on its first start, so that its silence says nothing yet. */
  readonly starting: boolean;
  /** It follows the leader and lacks next to nothing of the log. */
  readonly caughtUp: boolean;
  /** It was told to give its sessions away. */
  readonly draining: boolean;
  /** It has none left, or cannot give any away. */
  readonly drained: boolean;
  readonly data: DataState;
}

export interface MembershipView {
  /** What the spec asks for. */
  readonly target: { readonly replicas: number; readonly voters: number };
  /** Pods that the StatefulSet is asked for now. */
  readonly scaledTo: number;
  /** Undefined: no leader with a majority is known, so that nothing can be changed. */
  readonly participants: Participants | undefined;
  readonly leader: string | undefined;
  /** Each pod that is wanted or exists, by ordinal. */
  readonly members: readonly MembershipMember[];
  /** The pod that was taken away last, until its volume has been seen to. */
  readonly releasing: number | undefined;
}

export interface MemberChange {
  readonly type: 'add-voter' | 'add-learner' | 'remove';
  readonly id: string;
}

/** What a change of the participants is for; the reason of its event. */
export type ChangeReason =
  'LearnerAdded' | 'VoterPromoted' | 'VotersReduced' | 'MemberRemoved' | 'LostMemberRemoved';

export type MembershipStep =
  | { readonly kind: 'settled' }
  /** Nothing can be done until what `message` says has happened. */
  | {
      readonly kind: 'wait';
      readonly message: string;
      /** A change has begun that a restart of a healthy pod would hold up. */
      readonly isChanging: boolean;
    }
  | {
      readonly kind: 'change';
      readonly reason: ChangeReason;
      readonly member: string;
      readonly changes: readonly MemberChange[];
    }
  | { readonly kind: 'drain'; readonly member: string }
  | { readonly kind: 'transfer'; readonly from: string; readonly to: string }
  /** The StatefulSet is to have one pod more or less. */
  | { readonly kind: 'resize'; readonly replicas: number }
  /** The volume of this very pod goes, and the pod with it; both come back empty. */
  | {
      readonly kind: 'discard-data';
      readonly member: string;
      readonly podUid: string;
      readonly data: 'removed' | 'unusable';
    }
  /** The volume of a pod that went for good is to be deleted, or kept, as the spec says. */
  | { readonly kind: 'release-volume'; readonly ordinal: number };

/**
 * The next step towards `target`. Members without their data go first, then learners are promoted and newcomers let in, one
 * after the other, then what is too much goes: leader moved, sessions given away, member out, pod, volume. No change
 * is proposed unless the voters after it, and those before, have a majority that follows.
 */
export function planMembership(view: MembershipView): MembershipStep {
  const { participants } = view;
  if (participants === undefined) return wait('a leader with a majority', false);
  if (participants.votersOutgoing.length > 0) return wait('a joint configuration to be left', true);
  return (
    takeOutLost(view, participants) ??
    discardData(view, participants) ??
    promote(view, participants) ??
    letIn(view, participants) ??
    takeOutSurplus(view, participants) ??
    shrink(view, participants) ??
    grow(view, participants) ?? { kind: 'settled' }
  );
}

/** A sentence when a change is under way that a restart of a healthy pod would hold up or make dangerous. */
export function changeInFlight(step: MembershipStep): string | undefined {
  switch (step.kind) {
    case 'settled':
      return undefined;
    case 'wait':
      return step.isChanging ? `waits for ${step.message}` : undefined;
    case 'change':
      return `${step.reason} ${step.member}`;
    case 'drain':
      return `sessions of ${step.member} are given away`;
    case 'transfer':
      return `leadership goes from ${step.from} to ${step.to}`;
    case 'resize':
      return `the cluster gets ${step.replicas} pods`;
    case 'discard-data':
      return `the data of ${step.member} are thrown away`;
    case 'release-volume':
      return `the volume of ordinal ${step.ordinal} is released`;
    default:
      return unreachable(step);
  }
}

type Found = MembershipStep | undefined;

const wait = (message: string, isChanging: boolean): MembershipStep => ({
  kind: 'wait',
  message,
  isChanging,
});

const takesPart = ({ voters, learners }: Participants, id: string): boolean =>
  voters.includes(id) || learners.includes(id);

/** A member whose data are gone may have promised what it does not know any more: its name must leave first. */
function takeOutLost(view: MembershipView, now: Participants): Found {
  const lost = view.members.find(
    ({ name, data }) => takesPart(now, name) && (data === 'replaced' || data === 'unusable'),
  );
  if (lost === undefined) return undefined;
  const changes: MemberChange[] = [{ type: 'remove', id: lost.name }];
  if (!isSafe(view, now, changes)) {
    return wait(`a majority without ${lost.name}, whose data are gone`, false);
  }
  return { kind: 'change', reason: 'LostMemberRemoved', member: lost.name, changes };
}

/** Only an empty volume may join: what a removed member has in its log may never have been agreed on. */
function discardData(view: MembershipView, now: Participants): Found {
  for (const { name, ordinal, podUid, terminating, data } of view.members) {
    if (ordinal >= view.target.replicas || takesPart(now, name)) continue;
    if (podUid === undefined || terminating) continue;
    if (data !== 'removed' && data !== 'unusable') continue;
    return { kind: 'discard-data', member: name, podUid, data };
  }
  return undefined;
}

/** One newcomer at a time: the leader has to send each of them all of the state. */
function letIn(view: MembershipView, now: Participants): Found {
  const isWanted = ({ ordinal }: MembershipMember): boolean =>
    ordinal < Math.min(view.target.replicas, view.scaledTo);
  const newcomer = view.members.find(
    (member) =>
      isWanted(member) &&
      !takesPart(now, member.name) &&
      member.data === 'empty' &&
      !member.terminating,
  );
  if (newcomer === undefined) return undefined;
  const slow = slowLearner(view, now);
  if (slow !== undefined) return wait(`${slow.name} to catch up`, true);
  const changes: MemberChange[] = [{ type: 'add-learner', id: newcomer.name }];
  return { kind: 'change', reason: 'LearnerAdded', member: newcomer.name, changes };
}

function promote(view: MembershipView, now: Participants): Found {
  const candidate = view.members.find(
    ({ name, ordinal, caughtUp, terminating }) =>
      ordinal < view.target.voters && now.learners.includes(name) && caughtUp && !terminating,
  );
  if (candidate === undefined) return undefined;
  const changes: MemberChange[] = [{ type: 'add-voter', id: candidate.name }];
  if (!isSafe(view, now, changes)) return wait(`a majority to promote ${candidate.name}`, false);
  return { kind: 'change', reason: 'VoterPromoted', member: candidate.name, changes };
}

/**
 * The highest member that is not wanted goes, once it leads nothing and serves nobody. All voters that are too many stop
 * voting in the same change: an even number of them would need one more to agree and survive no more.
 */
function takeOutSurplus(view: MembershipView, now: Participants): Found {
  const { target } = view;
  const leaving = view.members.findLast(
    ({ name, ordinal }) => ordinal >= target.replicas && takesPart(now, name),
  );
  const surplus = view.members.filter(
    ({ name, ordinal }) => ordinal >= target.voters && now.voters.includes(name),
  );
  if (leaving === undefined && surplus.length === 0) return undefined;
  const changes: MemberChange[] = [
    ...(leaving === undefined ? [] : [{ type: 'remove' as const, id: leaving.name }]),
    ...surplus
      .filter(({ name }) => name !== leaving?.name)
      .map(({ name }) => ({ type: 'add-learner' as const, id: name })),
  ];
  const what = leaving?.name ?? surplus.map(({ name }) => name).join(', ');
  if (!isSafe(view, now, changes)) return wait(`a majority without ${what}`, false);
  if (leaving !== undefined && !leaving.drained) {
    if (!leaving.draining) return { kind: 'drain', member: leaving.name };
    return wait(`the sessions of ${leaving.name} to be given away`, true);
  }
  const from = changes.find(({ id }) => id === view.leader)?.id;
  if (from !== undefined) {
    const to = heir(view, now, changes);
    return to === undefined
      ? wait(`a voter that can lead in place of ${from}`, true)
      : { kind: 'transfer', from, to };
  }
  return leaving === undefined
    ? { kind: 'change', reason: 'VotersReduced', member: what, changes }
    : { kind: 'change', reason: 'MemberRemoved', member: leaving.name, changes };
}

/** A pod goes after its member, and its volume after the pod; only then comes the next one. */
function shrink(view: MembershipView, now: Participants): Found {
  const { target, scaledTo, members, releasing } = view;
  const going = members.find(({ ordinal, podUid }) => ordinal >= scaledTo && podUid !== undefined);
  if (going !== undefined) return wait(`${going.name} to stop`, true);
  if (releasing !== undefined) return { kind: 'release-volume', ordinal: releasing };
  if (scaledTo <= target.replicas) return undefined;
  const last = members.find(({ ordinal }) => ordinal === scaledTo - 1);
  if (last !== undefined && takesPart(now, last.name)) return undefined;
  return { kind: 'resize', replicas: scaledTo - 1 };
}

/** One pod more, once everybody who came is in; a pod that does not come up is not waited for. */
function grow(view: MembershipView, now: Participants): Found {
  const { target, scaledTo, members } = view;
  const coming = members.find(
    ({ name, ordinal, answers, starting }) =>
      ordinal < scaledTo && !takesPart(now, name) && (answers || starting),
  );
  if (coming !== undefined) return wait(`${coming.name} to start`, false);
  const slow = slowLearner(view, now);
  const isMissed = slow !== undefined && slow.ordinal < target.voters;
  if (slow !== undefined && (isMissed || scaledTo < target.replicas)) {
    return wait(`${slow.name} to catch up`, isMissed);
  }
  return scaledTo < target.replicas ? { kind: 'resize', replicas: scaledTo + 1 } : undefined;
}

const slowLearner = (
  { members }: MembershipView,
  now: Participants,
): MembershipMember | undefined =>
  members.find(
    ({ name, answers, caughtUp }) => now.learners.includes(name) && answers && !caughtUp,
  );

/** The voters before and after a change each have a majority that follows the leader. */
function isSafe(
  view: MembershipView,
  now: Participants,
  changes: readonly MemberChange[],
): boolean {
  const following = new Set(
    view.members.filter(({ caughtUp }) => caughtUp).map(({ name }) => name),
  );
  const holds = (voters: readonly string[]): boolean =>
    voters.length > 0 && voters.filter((id) => following.has(id)).length >= majority(voters.length);
  return holds(now.voters) && holds(votersAfter(now, changes));
}

function votersAfter({ voters }: Participants, changes: readonly MemberChange[]): string[] {
  const changed = new Set(changes.map(({ id }) => id));
  const added = changes.filter(({ type }) => type === 'add-voter').map(({ id }) => id);
  return [...voters.filter((id) => !changed.has(id)), ...added];
}

/** The lowest of the voters that stay and follow. */
function heir(
  view: MembershipView,
  now: Participants,
  changes: readonly MemberChange[],
): string | undefined {
  const staying = votersAfter(now, changes);
  return view.members.find(
    ({ name, caughtUp, terminating }) =>
      staying.includes(name) && name !== view.leader && caughtUp && !terminating,
  )?.name;
}
