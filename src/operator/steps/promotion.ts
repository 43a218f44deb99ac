/** Lets the pod lead that people ask for. */
import { PROMOTE_ANNOTATION } from '../../api/index.ts';
import type { PromotionStep } from '../core/index.ts';
import { moveLeadership } from './rollout.ts';
import type { Subject, Tools } from './tools.ts';

/** Asks the leader once at a time; what it does not do is asked for again by the next reconcile. */
export function promote(subject: Subject, step: PromotionStep, tools: Tools): void {
  if (step.kind !== 'transfer') return;
  const why = `as the annotation ${PROMOTE_ANNOTATION} asks`;
  moveLeadership(subject, { from: step.from, to: step.to, why }, tools);
}
