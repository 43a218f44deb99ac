/** Carries out the step that brings the members closer to the spec, after it was decided again on fresh answers. */
import { isDeepStrictEqual } from 'node:util';
import type { McpCluster, McpClusterStatus } from '../../api/index.ts';
import { isNotFound, KubeError, RESOURCES } from '../../kube/index.ts';
import { FOUNDED_INDEX, RpcError, unreachable } from '../../std/index.ts';
import {
  nextRecovery,
  podName,
  volumeClaimName,
  type ClusterView,
  type MembershipStep,
} from '../core/index.ts';
import { look, observe } from './look.ts';
import type { Subject, Tools } from './tools.ts';

/**
 * One step at most; returns the cluster with what its status has to remember. That is written down before anything follows
 * from it, and only if nobody changed the cluster since it was read, so that an operator that was held up cannot undo what
 * another one has done.
 */
export async function changeMembers(
  subject: Subject,
  view: ClusterView,
  tools: Tools,
): Promise<McpCluster> {
  const { cluster } = subject;
  if (cluster.spec.hibernated) return cluster;
  noteLeaving(subject, view, tools);
  try {
    const memory = { ...newlyFounded(cluster, view), ...recoveryToBegin(cluster, view) };
    if (Object.keys(memory).length > 0) {
      const known = await remember(cluster, memory, tools);
      tellOfRecovery(cluster, memory.recovery, tools);
      return known;
    }
    const step = view.membershipStep;
    if (step.kind === 'settled' || step.kind === 'wait') return cluster;
    const fresh = await lookAgain(subject, tools);
    if (!isDeepStrictEqual(fresh.membershipStep, step)) return cluster;
    return await execute(subject, { view: fresh, step }, tools);
  } catch (error) {
    // Somebody changed the cluster meanwhile: what that is comes by the watch, and with it the next round.
    if (error instanceof KubeError && error.status === 409) return cluster;
    if (!(error instanceof RpcError)) throw error;
    // A lost reply proves nothing: the next round sees what has become of it.
    const { name, namespace } = cluster.metadata;
    const { kind } = view.membershipStep;
    const facts = { cluster: name, namespace, step: kind, error: error.message };
    tools.logger.warn('members are not changed yet', facts);
    return cluster;
  }
}

/** From when on a pod that goes for good has been giving its sessions away, as far as this process knows. */
function noteLeaving({ cluster, watched }: Subject, view: ClusterView, { clock }: Tools): void {
  const uids = view.members
    .filter(({ ordinal, cordon }) => ordinal >= cluster.spec.replicas && cordon === 'asked')
    .map(({ pod }) => pod?.metadata.uid ?? '');
  for (const uid of watched.leaving.keys()) if (!uids.includes(uid)) watched.leaving.delete(uid);
  for (const uid of uids) {
    if (!watched.leaving.has(uid)) watched.leaving.set(uid, clock.monotonic());
  }
}

function newlyFounded(cluster: McpCluster, view: ClusterView): Memory {
  const exists = view.hasQuorum && (view.commitIndex ?? 0) > FOUNDED_INDEX;
  return exists && cluster.status?.founded !== true ? { founded: true } : {};
}

function recoveryToBegin(cluster: McpCluster, view: ClusterView): Memory {
  const recovery = nextRecovery(cluster, view);
  return recovery === undefined ? {} : { recovery };
}

async function lookAgain(subject: Subject, tools: Tools): Promise<ClusterView> {
  await subject.watched.monitor.refresh();
  const seen = look(subject, tools);
  return observe(subject, { ...seen, statefulSetChanged: false, withLogs: false }, tools);
}

type Acting = Exclude<MembershipStep, { readonly kind: 'settled' | 'wait' }>;

async function execute(
  subject: Subject,
  { view, step }: { readonly view: ClusterView; readonly step: Acting },
  tools: Tools,
): Promise<McpCluster> {
  const { cluster, watched } = subject;
  const link = (member: string | undefined) => watched.monitor.link(member ?? '');
  switch (step.kind) {
    case 'change':
      await link(view.leader)?.changeMembership(step.changes, view.participants);
      tell(cluster, step.reason, SENTENCES[step.reason](step.member), tools);
      return cluster;
    case 'drain':
      await link(step.member)?.drain(true);
      return cluster;
    case 'transfer':
      await link(step.from)?.transferLeadership(step.to);
      return cluster;
    case 'resize':
      return resize(subject, step.replicas, tools);
    case 'discard-data':
      await discardData(cluster, step, tools);
      return cluster;
    case 'release-volume':
      return releaseVolume(cluster, step.ordinal, tools);
    default:
      return unreachable(step);
  }
}

const SENTENCES = {
  LearnerAdded: (member: string) => `${member} joins as a learner`,
  VoterPromoted: (member: string) => `${member} has the log and votes from now on`,
  VotersReduced: (member: string) => `${member} only learn from now on`,
  MemberRemoved: (member: string) => `${member} is out; its pod goes next`,
  LostMemberRemoved: (member: string) =>
    `${member} is out, since its data are lost or cannot be used; it joins again as a new member`,
} as const;

function resize({ cluster, size }: Subject, replicas: number, tools: Tools): Promise<McpCluster> {
  const isGrowth = replicas > size.replicas;
  const [reason, releasing] = isGrowth ? ['ScalingUp', undefined] : ['ScalingDown', replicas];
  tell(cluster, reason, `the cluster gets ${replicas} pods of ${cluster.spec.replicas}`, tools);
  return remember(cluster, { scaledTo: replicas, releasing }, tools);
}

/** The claim first: it stays until the pod is gone, and the new pod finds none. Neither goes if somebody was faster. */
async function discardData(
  cluster: McpCluster,
  { member, podUid, data }: Extract<MembershipStep, { readonly kind: 'discard-data' }>,
  tools: Tools,
): Promise<void> {
  const { client } = tools;
  const { namespace } = cluster.metadata;
  const pod = await client.get(RESOURCES.pods, { namespace, name: member });
  if (pod?.metadata.uid !== podUid) return;
  const why = data === 'removed' ? 'belong to a member that was removed' : 'cannot be used';
  tell(
    cluster,
    'DataDiscarded',
    `the data of ${member} ${why}: it begins with an empty volume`,
    tools,
  );
  await deleteClaim(cluster, member, tools);
  const preconditions = { uid: podUid };
  await client
    .delete(RESOURCES.pods, { namespace, name: member }, { preconditions })
    .catch(unlessGone);
}

/** Forgotten only when the claim is gone, so that the next pod of this name does not get it. */
async function releaseVolume(
  cluster: McpCluster,
  ordinal: number,
  tools: Tools,
): Promise<McpCluster> {
  const isKept = cluster.spec.storage.retention.whenScaled === 'Retain';
  const isGone =
    isKept || (await deleteClaim(cluster, podName(cluster.metadata.name, ordinal), tools));
  return isGone ? remember(cluster, { releasing: undefined }, tools) : cluster;
}

/** True when there is none any more. */
async function deleteClaim(cluster: McpCluster, pod: string, { client }: Tools): Promise<boolean> {
  const { namespace } = cluster.metadata;
  const ref = { namespace, name: volumeClaimName(pod) };
  const claim = await client.get(RESOURCES.persistentVolumeClaims, ref);
  if (claim === undefined) return true;
  if (claim.metadata.deletionTimestamp !== undefined) return false;
  const preconditions = { uid: claim.metadata.uid as string };
  await client.delete(RESOURCES.persistentVolumeClaims, ref, { preconditions }).catch(unlessGone);
  return false;
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

/** What the status remembers of steps; undefined: not any more. */
type Memory = {
  readonly [K in 'founded' | 'recovery' | 'releasing' | 'scaledTo']?:
    McpClusterStatus[K] | undefined;
};

async function remember(
  cluster: McpCluster,
  memory: Memory,
  { statusWriter }: Tools,
): Promise<McpCluster> {
  const status = Object.fromEntries(
    Object.entries({ ...cluster.status, ...memory }).filter(([, value]) => value !== undefined),
  ) as McpClusterStatus;
  await statusWriter.record(cluster, status);
  return { ...cluster, status };
}

/** Each phase once: nothing that an operator does is graver. */
function tellOfRecovery(
  cluster: McpCluster,
  recovery: McpClusterStatus['recovery'],
  tools: Tools,
): void {
  if (recovery === undefined || recovery.phase === cluster.status?.recovery?.phase) return;
  const { id, trustMember, phase, message = 'it serves' } = recovery;
  const note = `recovery ${id} from ${trustMember}: ${message}`;
  tell(cluster, `Recovery${phase}`, note, tools, phase === 'Done' ? 'Normal' : 'Warning');
}

function tell(
  cluster: McpCluster,
  reason: string,
  note: string,
  { recorder, logger }: Tools,
  type: 'Normal' | 'Warning' = 'Normal',
): void {
  const { name, namespace } = cluster.metadata;
  logger.info('membership', { cluster: name, namespace, reason, note });
  recorder.record({ regarding: cluster, type, reason, action: 'ChangeMembers', note });
}
