/** One conformance suite for every balancer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BALANCER_NAMES, createBalancer } from '../../src/gateway/core/balancers.ts';
import type { PickRequest } from '../../src/gateway/core/balancer.ts';
import { seededRandom } from '../../src/std/index.ts';
import { verifies } from '../requirements.ts';
import { asking, pod, pods, rules, type Pod } from './candidates.ts';

const anyPod = fc.record({
  ready: fc.boolean(),
  weight: fc.integer({ min: 0, max: 5 }),
  active: fc.integer({ min: 0, max: 20 }),
  sessions: fc.integer({ min: 0, max: 20 }),
  avoided: fc.boolean(),
  latency: fc.integer({ min: 0, max: 100 }),
  cpu: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  age: fc.integer({ min: 0, max: 100 }),
});
const anySituation = fc.record({
  pods: fc.array(anyPod, { maxLength: 12 }),
  key: fc.option(fc.string(), { nil: undefined }),
  seed: fc.integer(),
  slowStartMs: fc.constantFrom(0, 100),
});
type Situation = typeof anySituation extends fc.Arbitrary<infer T> ? T : never;

function build(situation: Situation): { all: Pod[]; avoid: Set<string>; request: PickRequest } {
  const all = situation.pods.map((each, index) =>
    pod(`p${index}`, {
      ...{ ready: each.ready, weight: each.weight, active: each.active, sessions: each.sessions },
      local: index === 0,
      latencyMs: () => each.latency,
      readySinceMs: 1_000 - each.age,
      resources: each.cpu === null ? undefined : { cpu: each.cpu, memory: 0, loopDelayMs: 0 },
    }),
  );
  const avoid = new Set(
    all.filter((_, index) => situation.pods[index]?.avoided).map((p) => p.node),
  );
  const random = seededRandom(situation.seed);
  return { all, avoid, request: { key: situation.key, avoid, random, nowMs: 1_000 } };
}

for (const strategy of BALANCER_NAMES) {
  test(`${strategy}: ${verifies('balancing.only-ready')}`, () => {
    fc.assert(
      fc.property(fc.array(anySituation, { minLength: 1, maxLength: 4 }), (situations) => {
        const [{ slowStartMs } = { slowStartMs: 0 }] = situations;
        const balancer = createBalancer(rules(strategy, { slowStartMs }));
        // The same balancer meets pods that come, go and change.
        for (const situation of situations) {
          const { all, avoid, request } = build(situation);
          const picker = balancer.update(all);
          const ready = all.filter((each) => each.ready);
          const may = ready.some(({ weight }) => weight > 0)
            ? ready.filter(({ weight }) => weight > 0)
            : ready;
          const possible = may.filter(({ node }) => !avoid.has(node)).map(({ node }) => node);
          for (let times = 0; times < 5; times++) {
            const node = picker.pick(request);
            if (possible.length === 0) assert.equal(node, undefined);
            else assert.ok(node !== undefined && possible.includes(node), `${node}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test(`${strategy}: nobody, one pod, and pods that come and go`, () => {
    const balancer = createBalancer(rules(strategy));
    const random = seededRandom(3);
    assert.equal(balancer.update([]).pick(asking(random)), undefined);
    const [first, second, third] = pods(3) as [Pod, Pod, Pod];
    assert.equal(balancer.update([first]).pick(asking(random)), first.node);
    assert.equal(
      balancer.update([first]).pick(asking(random, { avoid: new Set([first.node]) })),
      undefined,
    );
    const several = balancer.update([first, second, third]);
    const seen = new Set(
      Array.from({ length: 60 }, (_, index) =>
        several.pick(asking(random, { key: `key ${index}` })),
      ),
    );
    if (
      strategy === 'RoundRobin' ||
      strategy === 'WeightedRoundRobin' ||
      strategy === 'ConsistentHash'
    )
      assert.equal(seen.size, 3);
    assert.equal(balancer.update([third]).pick(asking(random)), third.node);
  });

  test(`${strategy}: ${verifies('balancing.repeatable')}`, () => {
    fc.assert(
      fc.property(anySituation, (situation) => {
        const run = (): (string | undefined)[] => {
          const { all, request } = build(situation);
          const picker = createBalancer(rules(strategy)).update(all);
          return Array.from({ length: 10 }, () => picker.pick(request));
        };
        assert.deepEqual(run(), run());
      }),
    );
  });

  test(`${strategy}: ${verifies('balancing.capabilities')}`, () => {
    const balancer = createBalancer(rules(strategy));
    const all = pods(6, (index) => ({ capabilities: index % 2 === 0 ? ['gpu', 'eu'] : ['eu'] }));
    const picker = balancer.update(all);
    const random = seededRandom(9);
    for (let times = 0; times < 40; times++) {
      const request = { requires: ['eu', 'gpu'], key: `key ${times}` };
      const node = picker.pick(asking(random, request));
      assert.ok(all.find((each) => each.node === node)?.capabilities.includes('gpu'));
    }
    assert.equal(picker.pick(asking(random, { requires: ['tpu'] })), undefined);
  });

  if (strategy !== 'ConsistentHash')
    test(`${strategy}: ${verifies('balancing.slow-start')}`, () => {
      const shareOf = (nowMs: number): number => {
        const balancer = createBalancer(rules(strategy, { slowStartMs: 10_000 }));
        const all = pods(4, (index) => ({ readySinceMs: index === 0 ? 0 : -Infinity }));
        const picker = balancer.update(all);
        const random = seededRandom(5);
        const counts = Array.from({ length: 4_000 }, () => picker.pick(asking(random, { nowMs })));
        return counts.filter((node) => node === all[0]?.node).length / 1_000;
      };
      const shares = [0, 5_000, 10_000].map(shareOf) as [number, number, number];
      assert.ok(shares[0] < 0.2 && shares[1] > 0.3 && shares[1] < 0.7, shares.join());
      assert.ok(shares[2] > 0.9, shares.join());
    });
}
