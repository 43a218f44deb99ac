/** Pods for the tests of balancing: candidates with a load that the test counts itself. */
import assert from 'node:assert/strict';
import type { BalancerRules } from '../../src/gateway/core/balancers.ts';
import type { Candidate, PickRequest, Picker } from '../../src/gateway/core/balancer.ts';
import { seededRandom, type Random } from '../../src/std/index.ts';

export interface Pod extends Candidate {
  active: number;
  sessions: number;
}

export const pod = (node: string, facts: Partial<Pod> = {}): Pod => ({
  node,
  ready: true,
  local: false,
  weight: 1,
  capabilities: [],
  active: 0,
  sessions: 0,
  load: 0,
  resources: undefined,
  readySinceMs: -Infinity,
  latencyMs: () => 0,
  successShare: () => 1,
  ...facts,
});
export const pods = (count: number, facts: (index: number) => Partial<Pod> = () => ({})): Pod[] =>
  Array.from({ length: count }, (_, index) =>
    pod(`p${String(index).padStart(4, '0')}`, facts(index)),
  );

export const rules = (
  strategy: BalancerRules['strategy'],
  overrides: Partial<BalancerRules> = {},
): BalancerRules => ({
  strategy,
  slowStartMs: 0,
  consistentHash: { loadFactor: 1.25 },
  ...overrides,
});
const NOBODY: ReadonlySet<string> = new Set();
export const asking = (random: Random, request: Partial<PickRequest> = {}): PickRequest => ({
  avoid: NOBODY,
  random,
  nowMs: 0,
  ...request,
});
/** Picks `times` and keeps each request under way; the counts by pod. */
export function spread(
  picker: Picker,
  all: readonly Pod[],
  times: number,
  request: (index: number) => Partial<PickRequest> = () => ({}),
  random = seededRandom(1),
): Map<string, number> {
  const byNode = new Map(all.map((each) => [each.node, each]));
  const counts = new Map(all.map(({ node }) => [node, 0]));
  for (let index = 0; index < times; index++) {
    const node = picker.pick(asking(random, request(index))) ?? assert.fail('nobody');
    counts.set(node, (counts.get(node) ?? 0) + 1);
    (byNode.get(node) as Pod).active += 1;
  }
  return counts;
}
export const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
