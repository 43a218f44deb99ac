/** What each strategy of balancing promises beyond the conformance suite. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createBalancer, type BalancerRules } from '../../src/gateway/core/balancers.ts';
import type { Balancer, Picker } from '../../src/gateway/core/balancer.ts';
import { createOutcomes } from '../../src/gateway/core/outcomes.ts';
import { seededRandom } from '../../src/std/index.ts';
import { verifies } from '../requirements.ts';
import { asking, pods, rules, spread, sum, type Pod } from './candidates.ts';

test('RoundRobin takes each in turn, also after a change of the pods', () => {
  const balancer = createBalancer(rules('RoundRobin'));
  const all = pods(4);
  const random = seededRandom(2);
  const turns = (picker: Picker, times: number): string[] =>
    Array.from({ length: times }, () => picker.pick(asking(random)) ?? '');
  const first = turns(balancer.update(all), 8);
  assert.deepEqual(first.slice(0, 4), first.slice(4));
  assert.equal(new Set(first).size, 4);
  const last = first.at(-1) ?? '';
  const [next] = turns(balancer.update(pods(5)), 1);
  assert.equal(
    next,
    [...pods(5).map(({ node }) => node), 'p0000'].find((node) => node > last) ?? 'p0000',
  );
});

/** nginx's algorithm, which looks at every pod for each pick: the measure of smoothness. */
function nginxSequence(weights: readonly number[], times: number): number[] {
  const total = sum(weights);
  const current = weights.map(() => 0);
  return Array.from({ length: times }, () => {
    for (const [index, weight] of weights.entries())
      current[index] = (current[index] ?? 0) + weight;
    const best = current.indexOf(Math.max(...current));
    current[best] = (current[best] ?? 0) - total;
    return best;
  });
}
/** The greatest distance, at any moment, between what a pod got and its share. */
function unevenness(sequence: readonly number[], weights: readonly number[]): number {
  const total = sum(weights);
  const got = weights.map(() => 0);
  let worst = 0;
  for (const [time, index] of sequence.entries()) {
    got[index] = (got[index] ?? 0) + 1;
    for (const [each, weight] of weights.entries())
      worst = Math.max(worst, Math.abs((got[each] ?? 0) - ((time + 1) * weight) / total));
  }
  return worst;
}

test(`WeightedRoundRobin: ${verifies('balancing.weights')}`, () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 8 }),
      (weights) => {
        const all = pods(weights.length, (index) => ({ weight: weights[index] ?? 1 }));
        const picker = createBalancer(rules('WeightedRoundRobin')).update(all);
        const random = seededRandom(1);
        const total = sum(weights);
        const picks = Array.from({ length: 3 * total }, () => {
          const picked = picker.pick(asking(random));
          return all.findIndex(({ node }) => node === picked);
        });
        // After each full round everybody has exactly its weight, as with nginx.
        for (const [index, weight] of weights.entries())
          for (const round of [1, 2, 3])
            assert.equal(
              picks.slice(0, round * total).filter((each) => each === index).length,
              round * weight,
            );
        const ours = unevenness(picks, weights);
        const nginx = unevenness(nginxSequence(weights, 3 * total), weights);
        assert.ok(ours <= Math.max(1, nginx) + 0.35, `${ours} against nginx's ${nginx}`);
      },
    ),
  );
});

for (const strategy of [
  'LeastConnections',
  'ConsistentHash',
  'HealthBased',
  'ResourceBased',
] as const)
  test(`${strategy}: work is in proportion to weights`, () => {
    const all = pods(10, (index) => ({ weight: index < 5 ? 1 : 3 }));
    const picker = createBalancer(rules(strategy)).update(all);
    const counts = spread(picker, all, 4_000, (index) => ({ key: `session ${index}` }));
    const heavy = sum(all.slice(5).map(({ node }) => counts.get(node) ?? 0));
    assert.ok(Math.abs(heavy / 4_000 - 0.75) < 0.06, `${heavy / 4_000}`);
  });

test(verifies('balancing.least-connections'), () => {
  for (const count of [3, 30, 300]) {
    const all = pods(count);
    const counts = spread(createBalancer(rules('LeastConnections')).update(all), all, 10 * count);
    const most = Math.max(...counts.values());
    assert.ok(most <= 13, `${most} with ${count} pods`);
  }
});

test('ties go to this pod itself, which saves a hop', () => {
  for (const count of [2, 3])
    for (const local of Array.from({ length: count }, (_, index) => index)) {
      const all = pods(count, (index) => ({ local: index === local }));
      const picker = createBalancer(rules('LeastConnections')).update(all);
      assert.equal(picker.pick(asking(seededRandom(1))), all[local]?.node);
    }
});

test('ties go to the pod that tells of less load, before this pod itself', () => {
  const all = pods(3, (index) => ({ local: index === 0, load: 3 - index }));
  const picker = createBalancer(rules('LeastConnections')).update(all);
  assert.equal(picker.pick(asking(seededRandom(1))), 'p0002');
});

test('turns that a pod missed while it was avoided are not made up for in a row', () => {
  const all = pods(3);
  const picker = createBalancer(rules('WeightedRoundRobin')).update(all);
  const random = seededRandom(1);
  for (let times = 0; times < 100; times++)
    picker.pick(asking(random, { avoid: new Set(['p0000']) }));
  const next = Array.from({ length: 6 }, () => picker.pick(asking(random)));
  assert.ok(next.filter((node) => node === 'p0000').length <= 3, next.join());
});

test('turns among pods with a label go on when other pods come', () => {
  const balancer = createBalancer(rules('RoundRobin'));
  const able = { capabilities: ['gpu'] };
  const random = seededRandom(4);
  const picks = Array.from({ length: 12 }, (_, round) =>
    balancer
      .update(pods(6 + round, (index) => (index < 3 ? able : {})))
      .pick(asking(random, { requires: ['gpu'] })),
  );
  assert.deepEqual(picks.slice(0, 9), picks.slice(3));
});

const owners = (balancer: Balancer, all: readonly Pod[], keys: number): (string | undefined)[] => {
  const picker = balancer.update(all);
  const random = seededRandom(1);
  return Array.from({ length: keys }, (_, key) =>
    picker.pick(asking(random, { key: `key ${key}` })),
  );
};

test(verifies('balancing.hash-minimal'), () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.nat(19), (count, gone) => {
      const unbounded = rules('ConsistentHash', { consistentHash: { loadFactor: Infinity } });
      const all = pods(count);
      const leaving = all[gone % count]?.node;
      const before = owners(createBalancer(unbounded), all, 300);
      const after = owners(
        createBalancer(unbounded),
        all.filter(({ node }) => node !== leaving),
        300,
      );
      for (const [key, owner] of before.entries())
        if (owner === leaving) assert.notEqual(after[key], leaving);
        else assert.equal(after[key], owner);
    }),
    { numRuns: 40 },
  );
  const shares = Object.values(
    Object.groupBy(
      owners(
        createBalancer(rules('ConsistentHash', { consistentHash: { loadFactor: Infinity } })),
        pods(10),
        10_000,
      ),
      (node) => node ?? '',
    ),
  );
  assert.equal(shares.length, 10);
  for (const keys of shares) assert.ok((keys?.length ?? 0) > 600 && (keys?.length ?? 0) < 1_500);
});

test(verifies('balancing.hash-bounded'), () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom(1.05, 1.25, 2),
      (count, loadFactor) => {
        const all = pods(count);
        const balancer = createBalancer(
          rules('ConsistentHash', { consistentHash: { loadFactor } }),
        );
        const picker = balancer.update(all);
        // Half of the requests have one and the same key.
        const counts = spread(picker, all, 200, (index) => ({
          key: index % 2 === 0 ? 'popular' : `key ${index}`,
        }));
        for (const load of counts.values())
          assert.ok(load <= Math.ceil(loadFactor * (200 / count)), `${load} of ${count} pods`);
      },
    ),
    { numRuns: 60 },
  );
});

test(verifies('balancing.response-time'), () => {
  const outcomes = createOutcomes();
  for (let second = 0; second < 20; second++) outcomes.answered(true, 10, second * 1_000);
  outcomes.answered(true, 500, 20_000);
  assert.equal(outcomes.latencyMs(20_000), 500, 'a worse answer counts at once');
  outcomes.answered(true, 10, 20_100);
  assert.ok(outcomes.latencyMs(20_100) > 480, 'a better one by and by');
  for (let second = 21; second < 80; second++) outcomes.answered(true, 10, second * 1_000);
  assert.ok(outcomes.latencyMs(80_000) < 20, `${outcomes.latencyMs(80_000)}`);

  const all = pods(6, (index) => ({ latencyMs: () => (index === 0 ? 400 : 20) }));
  const picker = createBalancer(rules('ResponseTime')).update(all);
  const counts = spread(picker, all, 120);
  assert.ok((counts.get('p0000') ?? 0) <= 120 / 6 / 5, `${counts.get('p0000')} to the slow one`);
  const fresh = pods(3, (index) => ({
    latencyMs: () => (index === 0 ? 0 : 20),
    active: index === 0 ? 1 : 0,
  }));
  const probing = createBalancer(rules('ResponseTime')).update(fresh);
  assert.notEqual(
    probing.pick(asking(seededRandom(1))),
    'p0000',
    'one request at a time to the unknown',
  );
});

test(verifies('balancing.resources'), () => {
  const shareOfFirst = (strategy: BalancerRules['strategy'], facts: Partial<Pod>): number => {
    const all = pods(6, (index) =>
      index === 0 ? facts : { resources: { cpu: 0.1, memory: 0.1, loopDelayMs: 1 } },
    );
    const counts = spread(createBalancer(rules(strategy)).update(all), all, 600);
    return (counts.get('p0000') ?? 0) / 100;
  };
  const full = { cpu: 0.1, memory: 0.1, loopDelayMs: 1 };
  for (const resources of [
    { ...full, cpu: 0.95 },
    { ...full, memory: 0.95 },
    { ...full, loopDelayMs: 90 },
  ])
    assert.ok(shareOfFirst('ResourceBased', { resources }) < 0.4);
  assert.ok(shareOfFirst('ResourceBased', { resources: full }) > 0.8);
  assert.ok(shareOfFirst('HealthBased', { successShare: () => 0.5 }) < 0.45);
  assert.ok(shareOfFirst('HealthBased', { successShare: () => 0 }) < 0.1);
  assert.ok(shareOfFirst('HealthBased', {}) > 0.8);
});

test('failures are forgiven with time', () => {
  const outcomes = createOutcomes();
  assert.equal(outcomes.successShare(0), 1);
  for (let times = 0; times < 30; times++) outcomes.answered(false, 5_000, 0);
  assert.ok(outcomes.successShare(0) < 0.1);
  assert.ok(outcomes.successShare(120_000) > 0.95);
  assert.equal(outcomes.latencyMs(0), 0, 'an error says nothing of how long answers take');
});
