/**
 * Which pod people want to lead. What they ask for names the term that it shall end, so that it is over as soon as anybody
 * else leads, whoever that is: nothing has to be remembered, and nobody is surprised by it later.
 */
import { PROMOTE_ANNOTATION, type McpCluster } from '../../api/index.ts';
import type { RolloutStep } from './rollout.ts';
import type { ClusterView, MemberView } from './view.ts';

export type PromotionStep =
  /** Nobody asks, or it is over. */
  | { readonly kind: 'none' }
  /** `from` is to let `to` lead now. */
  | { readonly kind: 'transfer'; readonly from: MemberView; readonly to: string }
  /** Something else is under way that decides who leads. */
  | { readonly kind: 'wait'; readonly to: string }
  | { readonly kind: 'refused'; readonly message: string };

const NONE: PromotionStep = { kind: 'none' };

/** What follows from the annotation of the cluster; a paused or sleeping cluster is asked for nothing. */
export function decidePromotion(
  { spec, metadata }: McpCluster,
  view: ClusterView,
  rollout: RolloutStep,
): PromotionStep {
  const text = metadata.annotations?.[PROMOTE_ANNOTATION];
  if (text === undefined || spec.paused || spec.hibernated) return NONE;
  const [, term, to = ''] = /^(\d+):(.+)$/.exec(text) ?? [];
  if (term === undefined) {
    return refused(`"${text}" is not <term>:<pod>, such as 7:${metadata.name}-1`);
  }
  if (!view.hasQuorum || Number(term) !== view.term || view.leader === to) return NONE;
  const from = view.members.find(({ name }) => name === view.leader);
  if (from === undefined) return NONE;
  const why = whyNot(view.members.find(({ name }) => name === to));
  if (why !== undefined) return refused(`${to} cannot lead: ${why}`);
  const isMoving = rollout.kind === 'transfer' || rollout.kind === 'replace';
  return isMoving || view.membershipChange !== undefined
    ? { kind: 'wait', to }
    : { kind: 'transfer', from, to };
}

const refused = (why: string): PromotionStep => ({
  kind: 'refused',
  message: `annotation ${PROMOTE_ANNOTATION}: ${why}`,
});

function whyNot(member: MemberView | undefined): string | undefined {
  if (member === undefined) return 'there is no such pod';
  if (!member.voter) return 'it does not vote';
  if (member.cordon === 'fenced') return 'it is fenced (spec.fencedMembers)';
  if (member.terminating) return 'it is on its way out';
  return member.caughtUp ? undefined : 'it does not follow the leader closely enough';
}
