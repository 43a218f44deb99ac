/** Health without a network: thresholds of probes, outlier ejection, and the budget of retries. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createOutlierDetector, type OutlierRules } from '../../src/gateway/core/outlier.ts';
import { createRetryBudget } from '../../src/gateway/core/retry-budget.ts';
import { createThresholds, type ProbeResult } from '../../src/gateway/core/thresholds.ts';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { verifies } from '../requirements.ts';

test(verifies('health.probes'), () => {
  const rules = { unhealthyThreshold: 3, healthyThreshold: 2 };
  const run = (...results: ProbeResult[]): boolean[] => {
    const thresholds = createThresholds();
    return results.map((result) => thresholds.take(result, rules));
  };
  assert.deepEqual(run('ok'), [true], 'the first probe needs no second');
  assert.deepEqual(run('failed', 'failed', 'ok'), [false, false, true], 'nor does its start');
  assert.deepEqual(run('ok', 'failed', 'failed', 'failed'), [true, true, true, false]);
  assert.deepEqual(run('ok', 'failed', 'failed', 'ok', 'failed', 'failed').at(-1), true);
  assert.deepEqual(run('ok', 'gone'), [true, false], 'a refused connection needs no doubt');
  assert.deepEqual(run('ok', 'gone', 'ok', 'failed', 'ok', 'ok').slice(2), [
    false,
    false,
    false,
    true,
  ]);
});

const RULES: OutlierRules = DEFAULT_POLICIES.health.outlierDetection;
const names = (count: number): ReadonlySet<string> =>
  new Set(Array.from({ length: count }, (_, index) => `p${index}`));

test(`consecutive errors: ${verifies('health.outliers')}`, () => {
  const detector = createOutlierDetector(() => RULES);
  detector.sweep(names(3), 0);
  const fail = (node: string, times: number, nowMs: number): unknown[] =>
    Array.from({ length: times }, () => detector.record(node, false, nowMs)).flat();
  assert.deepEqual(fail('p0', 4, 0), []);
  detector.record('p0', true, 0);
  assert.deepEqual(fail('p0', 4, 0), [], 'a good answer begins anew');
  const [first] = fail('p0', 1, 1_000);
  assert.deepEqual(first, {
    ...{ type: 'ejected', node: 'p0', reason: 'consecutive-errors' },
    untilMs: 31_000,
  });
  assert.deepEqual(fail('p0', 20, 2_000), [], 'it is ejected already');
  assert.deepEqual(fail('p1', 20, 2_000), [], 'at most 10 %, which is one of three');
  assert.deepEqual(detector.sweep(names(3), 30_999), []);
  assert.deepEqual(detector.sweep(names(3), 31_000), [{ type: 'returned', node: 'p0' }]);
  const [second] = fail('p0', 5, 32_000) as [{ untilMs: number }];
  assert.equal(second.untilMs, 92_000, 'twice as long the second time');
});

test('a pod whose own probes pass again is back at once, and begins anew', () => {
  const detector = createOutlierDetector(() => RULES);
  detector.sweep(names(3), 0);
  const fail = (times: number): unknown[] =>
    Array.from({ length: times }, () => detector.record('p0', false, 0)).flat();
  assert.equal(fail(5).length, 1);
  assert.deepEqual(detector.pardon('p0'), [{ type: 'returned', node: 'p0' }]);
  assert.deepEqual(detector.pardon('p0'), []);
  assert.deepEqual(fail(4), []);
  assert.deepEqual(detector.pardon('p0'), []);
  assert.deepEqual(fail(4), [], 'what it failed before counts no more');
  assert.deepEqual(detector.pardon('never seen'), []);
});

test('ejections grow to their limit, and shrink again while a pod does well', () => {
  const detector = createOutlierDetector(() => ({ ...RULES, maxEjectionMs: 90_000 }));
  let now = 0;
  const lengthOfNext = (): number => {
    const changes = Array.from({ length: 5 }, () => detector.record('p0', false, now)).flat();
    const [ejected] = changes as unknown as [{ untilMs: number }];
    const lengthMs = ejected.untilMs - now;
    detector.sweep(names(2), (now = ejected.untilMs));
    return lengthMs;
  };
  detector.sweep(names(2), now);
  assert.deepEqual([1, 2, 3, 4].map(lengthOfNext), [30_000, 60_000, 90_000, 90_000]);
  for (let intervals = 0; intervals < 4; intervals++) detector.sweep(names(2), (now += 10_000));
  assert.equal(lengthOfNext(), 30_000);
});

test('a pod is ejected when it fails much more than the others, and only then', () => {
  const run = (failing: readonly number[], requests = 100): unknown[] => {
    const detector = createOutlierDetector(() => ({ ...RULES, consecutiveErrors: 1e9 }));
    const nodes = names(failing.length);
    detector.sweep(nodes, 0);
    for (const [index, percent] of failing.entries())
      for (let request = 0; request < requests; request++)
        detector.record(`p${index}`, (request * 37) % 100 >= percent, 1);
    return detector.sweep(nodes, 10_000).map((change) => {
      return change.type === 'ejected' ? `${change.node} ${change.reason}` : change.node;
    });
  };
  assert.deepEqual(run([1, 2, 1, 2, 1, 40]), ['p5 success-rate']);
  assert.deepEqual(run([1, 2, 1, 2, 1, 2]), []);
  assert.deepEqual(run([1, 2, 1, 40]), [], 'too few pods to compare');
  assert.deepEqual(run([1, 2, 1, 2, 1, 40], 99), [], 'too few requests to judge');
  assert.deepEqual(run([90, 90, 90, 90, 90]), ['p0 failure-percentage'], 'one at most, at 10 %');
});

test('each interval is judged by itself', () => {
  const detector = createOutlierDetector(() => ({ ...RULES, consecutiveErrors: 1e9 }));
  const nodes = names(6);
  detector.sweep(nodes, 0);
  for (const interval of [1, 2, 3]) {
    for (const node of nodes)
      for (let request = 0; request < 60; request++) detector.record(node, node !== 'p0', interval);
    assert.deepEqual(detector.sweep(nodes, 10_000 * interval), [], 'sixty are too few');
  }
});

test('what is ejected never exceeds the limit, ends, and forgets pods that are gone', () => {
  const step = fc.record({
    node: fc.nat(9),
    ok: fc.boolean(),
    times: fc.nat(12),
    sweep: fc.boolean(),
    there: fc.integer({ min: 1, max: 10 }),
  });
  fc.assert(
    fc.property(fc.array(step), fc.integer({ min: 0, max: 100 }), (steps, maxEjectionPercent) => {
      const detector = createOutlierDetector(() => ({ ...RULES, maxEjectionPercent }));
      let now = 0;
      let there = 10;
      detector.sweep(names(there), now);
      for (const { node, ok, times, sweep, there: next } of steps) {
        if (node < there)
          for (let each = 0; each < times; each++)
            for (const { type } of detector.record(`p${node}`, ok, now)) {
              const { size } = detector.ejected;
              assert.ok(size === 1 || (100 * size) / there <= maxEjectionPercent, type);
            }
        if (sweep) detector.sweep(names((there = next)), (now += 10_000));
        for (const ejected of detector.ejected.keys()) assert.ok(names(there).has(ejected));
      }
      detector.sweep(names(there), now + RULES.maxEjectionMs);
      const untilMs = [...detector.ejected.values()].map((each) => each.untilMs);
      assert.ok(untilMs.every((until) => until > now + RULES.maxEjectionMs));
    }),
  );
});

test('switched off, outlier detection ejects nobody and lets everybody back', () => {
  let enabled = true;
  const detector = createOutlierDetector(() => ({ ...RULES, enabled }));
  detector.sweep(names(3), 0);
  for (let times = 0; times < 5; times++) detector.record('p0', false, 0);
  assert.equal(detector.ejected.size, 1);
  enabled = false;
  assert.deepEqual(detector.sweep(names(3), 1), [{ type: 'returned', node: 'p0' }]);
  for (let times = 0; times < 50; times++) assert.deepEqual(detector.record('p0', false, 2), []);
});

test(verifies('retry.budget'), () => {
  fc.assert(
    fc.property(fc.array(fc.boolean()), fc.integer({ min: 0, max: 200 }), (steps, requests) => {
      const budget = createRetryBudget(
        () => ({ percent: 20, min: 3 }),
        () => requests,
      );
      const max = Math.max(3, Math.ceil(requests * 0.2));
      const held: (() => void)[] = [];
      for (const take of steps) {
        if (!take) {
          const done = held.pop();
          done?.();
          done?.();
          continue;
        }
        const done = budget.tryRetry();
        assert.equal(done === undefined, held.length >= max);
        if (done !== undefined) held.push(done);
        assert.equal(budget.running, held.length);
      }
    }),
  );
});
