/** Every strategy by its name in the resource. */
import type { Balancer } from './balancer.ts';
import { withCapabilities } from './capability.ts';
import { createConsistentHash } from './consistent-hash.ts';
import { byHealth, byResources, byResponseTime } from './costs.ts';
import { createRoundRobin } from './round-robin.ts';
import { withSlowStart } from './slow-start.ts';
import { connections, createTwoChoices } from './two-choices.ts';
import { createWeightedRoundRobin } from './weighted-round-robin.ts';

export interface BalancerRules {
  readonly strategy: keyof typeof STRATEGIES;
  readonly slowStartMs: number;
  readonly consistentHash: { readonly loadFactor: number };
}

const STRATEGIES = {
  RoundRobin: createRoundRobin,
  LeastConnections: () => createTwoChoices(connections),
  WeightedRoundRobin: createWeightedRoundRobin,
  ConsistentHash: ({ consistentHash }: BalancerRules) => createConsistentHash(consistentHash),
  HealthBased: () => createTwoChoices(byHealth),
  ResponseTime: () => createTwoChoices(byResponseTime),
  ResourceBased: () => createTwoChoices(byResources),
  /** Labels are honoured by every strategy; this one looks at nothing else but connections. */
  Capability: () => createTwoChoices(connections),
} as const satisfies Record<string, (rules: BalancerRules) => Balancer>;

export const BALANCER_NAMES = Object.keys(STRATEGIES) as (keyof typeof STRATEGIES)[];

/**
 * The strategy with what goes with each: labels that a tool needs, and slow start. A key keeps its pod even while that warms
 * up, so slow start is not for the consistent hash.
 */
export function createBalancer(rules: BalancerRules): Balancer {
  const base = withCapabilities(() => STRATEGIES[rules.strategy](rules));
  return rules.strategy === 'ConsistentHash' ? base : withSlowStart(base, rules.slowStartMs);
}
