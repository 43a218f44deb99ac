/**
 * The words of balancing. A balancer reacts to what changes about the pods; the picker it answers with chooses one for each
 * request in O(1) or O(log n), and stays good until the next change.
 */
import type { Random } from '../../std/index.ts';
import type { Resources } from './types.ts';

/**
 * A pod as one front sees it. `node`, `ready`, `weight` and `capabilities` hold until the next update; the rest is live and
 * read at each pick.
 */
export interface Candidate {
  readonly node: string;
  /** Takes new work: alive, its MCP server answers, neither draining nor fenced nor ejected. */
  readonly ready: boolean;
  /** This pod itself: it wins ties, which saves a hop. */
  readonly local: boolean;
  /** Share of the work beside the others'; 0 = only when nobody else is ready. */
  readonly weight: number;
  readonly capabilities: readonly string[];
  /** Requests of this front under way there. */
  readonly active: number;
  readonly sessions: number;
  /** What the pod tells of itself; only compared. */
  readonly load: number;
  readonly resources: Resources | undefined;
  readonly readySinceMs: number;
  /** Peak EWMA of response times in ms; 0 = none measured. */
  latencyMs(nowMs: number): number;
  /** Share of answers without error lately, 0..1. */
  successShare(nowMs: number): number;
}

export interface PickRequest {
  /** What a consistent hash keeps together. */
  readonly key?: string | undefined;
  /** Labels that the pod must have. */
  readonly requires?: readonly string[] | undefined;
  /** Pods that just refused. */
  readonly avoid: ReadonlySet<string>;
  readonly random: Random;
  readonly nowMs: number;
}

export interface Picker {
  /** A ready pod that is not to be avoided, or undefined when there is none. */
  pick(request: PickRequest): string | undefined;
}

export interface Balancer {
  /** Called after each change of who is there; the picker before it must not be used any more. */
  update(candidates: readonly Candidate[]): Picker;
}

/** Those that may be picked: ready, and with a weight unless nobody has one. */
export function eligible(candidates: readonly Candidate[]): readonly Candidate[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  const weighted = ready.filter(({ weight }) => weight > 0);
  return weighted.length > 0 ? weighted : ready;
}

/** The weight to divide by; pods are only picked at weight 0 when all have it. */
export const weightOf = ({ weight }: Pick<Candidate, 'weight'>): number =>
  weight > 0 ? weight : 1;
