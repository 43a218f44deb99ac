/** When a cluster begins again from one member, as `spec.recovery` asks for, and how far it is; the sidecars do the rest. */
import type { McpCluster, McpClusterStatus } from '../../api/index.ts';
import { podOrdinal } from './names.ts';
import type { ClusterView, MemberView } from './view.ts';

export type Recovery = NonNullable<McpClusterStatus['recovery']>;

/** The beginning that the data of all pods come from, or will; undefined when there was none. */
export function recoveryInForce({ status }: McpCluster): Recovery | undefined {
  return status?.recovery?.phase === 'Refused' ? undefined : status?.recovery;
}

/** All pods are to stop: a member of the old majority must never meet the new beginning. */
export function isStopping(cluster: McpCluster): boolean {
  return cluster.status?.recovery?.phase === 'Stopping';
}

export function isRecovering({ status }: McpCluster): boolean {
  return status?.recovery?.phase === 'Stopping' || status?.recovery?.phase === 'Rebuilding';
}

/**
 * What is to be written down before anything follows from it; undefined when it stands in the status already. An id is begun
 * once, and only without a majority.
 */
export function nextRecovery(cluster: McpCluster, view: ClusterView): Recovery | undefined {
  const { recovery: asked } = cluster.spec;
  const last = cluster.status?.recovery;
  if (
    last !== undefined &&
    isRecovering(cluster) &&
    (asked === undefined || asked.id === last.id)
  ) {
    return changed(last, goOn(last, asked === undefined, view));
  }
  if (asked === undefined || asked.id === last?.id || !view.isComplete) return undefined;
  const { id, trustMember } = asked;
  const refusal = whyRefused(cluster, trustMember, view);
  return refusal === undefined
    ? { id, trustMember, phase: 'Stopping', ...waitsFor(stillThere(view)) }
    : { id, trustMember, phase: 'Refused', message: refusal };
}

function goOn(last: Recovery, isTakenBack: boolean, view: ClusterView): Recovery {
  const { id, trustMember } = last;
  if (last.phase === 'Stopping') {
    // Nothing was changed yet: whoever asked may think again.
    if (isTakenBack) return { id, trustMember, phase: 'Refused', message: 'it was taken back' };
    const there = stillThere(view);
    if (there.length > 0) return { id, trustMember, phase: 'Stopping', ...waitsFor(there) };
    return { id, trustMember, phase: 'Rebuilding', message: `waits for ${trustMember} to serve` };
  }
  const trusted = view.members.find(({ name }) => name === trustMember);
  const serves = trusted?.recovery === id && view.leader === trustMember && view.hasQuorum;
  if (serves) return { id, trustMember, phase: 'Done' };
  const why = trusted?.problem === undefined ? '' : `: ${trusted.problem.message}`;
  return {
    id,
    trustMember,
    phase: 'Rebuilding',
    message: `waits for ${trustMember} to serve${why}`,
  };
}

function whyRefused(
  cluster: McpCluster,
  trustMember: string,
  view: ClusterView,
): string | undefined {
  const { status, metadata } = cluster;
  if (status?.founded !== true) return 'the cluster was never founded: there is nothing to recover';
  if (view.hasQuorum) return 'the cluster has a majority: there is nothing to recover';
  const ordinal = podOrdinal(metadata.name, trustMember);
  const isPod = view.members.some((member) => member.ordinal === ordinal);
  return isPod ? undefined : `there is no pod ${trustMember}`;
}

const stillThere = ({ members }: ClusterView): readonly MemberView[] =>
  members.filter(({ pod }) => pod !== undefined);

const waitsFor = (pods: readonly MemberView[]): { message: string } => ({
  message: `waits for ${pods.map(({ name }) => name).join(', ') || 'nobody'} to stop; when its node is off for good, a pod has to be deleted with --force`,
});

function changed(last: Recovery, next: Recovery): Recovery | undefined {
  return last.phase === next.phase && last.message === next.message ? undefined : next;
}

/** Why what the spec asks for was not done; undefined when it was, or will be. */
export function recoveryRefusal({ spec, status }: McpCluster): string | undefined {
  const last = status?.recovery;
  const isRefused = last?.phase === 'Refused' && last.id === spec.recovery?.id;
  return isRefused ? `spec.recovery ${last.id}: ${last.message ?? 'refused'}` : undefined;
}

/** Who is left of a majority that is gone, and the command that begins again from the one whose log goes furthest. */
export function recoveryAdvice(cluster: McpCluster, view: ClusterView): string {
  // Whoever is being deleted answers to its end, and its volume may go with it.
  const left = view.members.filter(
    ({ answers, terminating, lastIndex = 0 }) => answers && !terminating && lastIndex > 0,
  );
  const best = left.toSorted(
    (a, b) => (b.lastTerm ?? 0) - (a.lastTerm ?? 0) || (b.lastIndex ?? 0) - (a.lastIndex ?? 0),
  )[0];
  if (best === undefined) return 'no member that is left answers';
  const logs = left.map(
    ({ name, lastIndex, lastTerm }) => `${name} (log up to entry ${lastIndex} of term ${lastTerm})`,
  );
  const { name, namespace, generation } = cluster.metadata;
  const id = `recovery-${generation}`;
  const patch = JSON.stringify({ spec: { recovery: { id, trustMember: best.name } } });
  return `left: ${logs.join(', ')}; should the others be gone for good: kubectl -n ${namespace} patch mcpcluster ${name} --type=merge -p '${patch}', which loses what was acknowledged without ${best.name}`;
}
