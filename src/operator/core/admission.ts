/**
 * What is said to a McpCluster before it is stored, by what other objects are like: rules that look at the object alone are in
 * its schema. What can only become wrong by this write is refused; what may be put right by another object, which arrives in any
 * order, is a warning. All of it is a condition as well, in the same words, when nobody asked before.
 */
import type { McpCluster } from '../../api/index.ts';
import type { ReconcileProblem } from './conditions.ts';
import { canonicalJson } from './hash.ts';
import { rigidProblem, type RigidClaim } from './expansion.ts';
import { foreignSentence, type ForeignFact } from './needed-objects.ts';
import { sharedBackups } from './shared-backups.ts';
import { referenceProblems, type SpecFacts } from './spec-problems.ts';

export interface AdmissionFacts extends SpecFacts {
  /** Somebody else's objects under names that a new cluster needs. */
  readonly foreign: readonly ForeignFact[];
  /** All clusters there are. */
  readonly others: readonly McpCluster[];
  /** Claims that would have to grow and cannot. */
  readonly rigid: readonly RigidClaim[];
}

export interface Verdict {
  /** Empty: it is admitted. */
  readonly refusals: readonly ReconcileProblem[];
  readonly warnings: readonly ReconcileProblem[];
}

/** `before` is the object as it is stored; undefined for a new one. */
export function judge(
  cluster: McpCluster,
  before: McpCluster | undefined,
  facts: AdmissionFacts,
): Verdict {
  const refusals: ReconcileProblem[] = [];
  // Who is there already cannot be helped by a refusal: that would only keep everything else from being mended.
  if (before === undefined) {
    for (const foreign of facts.foreign) {
      const message = foreignSentence(foreign, foreign.owner);
      refusals.push({ reason: 'ForeignObject', message });
    }
  } else if (before.spec.storage.size !== cluster.spec.storage.size) {
    const [rigid] = facts.rigid;
    if (rigid !== undefined) refusals.push(rigidProblem(cluster, rigid));
  }
  const [was, is] = [before, cluster].map((one) => canonicalJson(one?.spec.backup?.volume));
  if (was !== is) refusals.push(...sharedBackups(cluster, facts.others));
  return { refusals, warnings: referenceProblems(cluster, facts) };
}
