/** Circuit breakers: the state machine by itself, then those of a front with their probes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createBreaker, type Breaker, type BreakerRules } from '../../src/gateway/core/breaker.ts';
import { createGatewayEvents, type GatewayEvent } from '../../src/gateway/events.ts';
import { createBreakers } from '../../src/gateway/health/breakers.ts';
import { createGatewayMetrics } from '../../src/gateway/metrics.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';

const RULES: BreakerRules = {
  window: 'Consecutive',
  failures: 3,
  calls: 10,
  windowMs: 1_000,
  failurePercent: 50,
  openMs: 5_000,
  halfOpenProbes: 1,
};
/** One call from beginning to end. */
const call = (breaker: Breaker, ok: boolean, nowMs: number): string | undefined =>
  breaker.ended(breaker.began(nowMs), ok, nowMs);
const calls = (breaker: Breaker, outcomes: string, nowMs = 0): (string | undefined)[] =>
  Array.from(outcomes, (outcome) => call(breaker, outcome === '+', nowMs));

test(verifies('breaker.windows'), () => {
  const consecutive = createBreaker(RULES);
  assert.deepEqual(calls(consecutive, '--+--').filter(Boolean), []);
  assert.deepEqual(calls(consecutive, '-'), ['opened']);

  const few = createBreaker({ ...RULES, window: 'Count' });
  assert.deepEqual(calls(few, '-----').filter(Boolean), [], 'half of ten calls, but only five yet');
  const count = createBreaker({ ...RULES, window: 'Count' });
  assert.deepEqual(calls(count, '----+++++').filter(Boolean), [], 'not yet ten calls');
  assert.deepEqual(calls(count, '-'), ['opened'], 'five of the last ten');
  const fine = createBreaker({ ...RULES, window: 'Count' });
  assert.deepEqual(calls(fine, '-++'.repeat(20)).filter(Boolean), []);

  const sampling = createBreaker({ ...RULES, window: 'Sampling' });
  assert.deepEqual(calls(sampling, '---------', 0).filter(Boolean), [], 'nine of ten needed');
  assert.equal(call(sampling, false, 1_100), undefined, 'the others are older than the time');
  assert.deepEqual(calls(sampling, '+++++----', 1_200).filter(Boolean), ['opened']);
});

test(verifies('breaker.half-open'), () => {
  const breaker = createBreaker({ ...RULES, halfOpenProbes: 2 });
  const late = breaker.began(0);
  calls(breaker, '---', 0);
  assert.equal(breaker.state(0), 'open');
  assert.equal(breaker.admits(4_999, true), false);
  assert.equal(breaker.retryAfterMs(1_000), 4_000);
  assert.equal(breaker.ended(late, true, 1_000), undefined, 'what began before says nothing');
  assert.equal(breaker.state(5_000), 'half-open');
  assert.equal(breaker.admits(5_000, false), false, 'not with what must not be repeated');
  assert.equal(breaker.admits(5_000, true), true);
  const probes = [breaker.began(5_000), breaker.began(5_000)] as const;
  assert.equal(breaker.admits(5_000, true), false, 'no more than two at a time');
  assert.equal(breaker.ended(probes[0], undefined, 5_000), undefined, 'a client that left');
  assert.equal(breaker.admits(5_000, true), true);
  assert.equal(breaker.ended(probes[1], true, 5_001), undefined);
  assert.equal(call(breaker, true, 5_002), 'closed');
  assert.equal(call(breaker, false, 5_003), 'opened', 'one failure opens a breaker on trial');
  assert.equal(call(breaker, false, 10_003), 'opened', 'a failed probe opens it again');
  assert.equal(breaker.retryAfterMs(10_003), 5_000);
  assert.deepEqual(calls(breaker, '++', 15_003), [undefined, 'closed']);
  assert.deepEqual(calls(breaker, '+--', 15_004).filter(Boolean), [], 'the trial is over');
});

test('what began before a breaker opened says nothing about it later', () => {
  const breaker = createBreaker(RULES);
  const [probing, afterwards] = [breaker.began(0), breaker.began(0)];
  calls(breaker, '---', 0);
  const probe = breaker.began(5_000);
  assert.equal(breaker.ended(probing, true, 5_000), undefined, 'it is not the probe');
  assert.equal(breaker.ended(probe, true, 5_000), 'closed');
  assert.equal(breaker.ended(afterwards, false, 5_001), undefined, 'nor of the trial');
});

test('no order of calls and outcomes lets more than the probes through, or sticks', () => {
  const step = fc.record({
    wait: fc.nat(3_000),
    begin: fc.boolean(),
    ok: fc.option(fc.boolean(), { nil: undefined }),
    which: fc.nat(5),
  });
  fc.assert(
    fc.property(
      fc.array(step),
      fc.constantFrom('Consecutive', 'Count', 'Sampling'),
      (steps, window) => {
        const breaker = createBreaker({ ...RULES, window, calls: 4, halfOpenProbes: 2 });
        const running: ReturnType<Breaker['began']>[] = [];
        let now = 0;
        let probing = -1;
        for (const { wait, begin, ok, which } of steps) {
          now += wait;
          if (begin && breaker.admits(now, true)) {
            const isProbe = breaker.state(now) === 'half-open';
            const begun = breaker.began(now);
            if (isProbe) probing = begun.period;
            running.push(begun);
          }
          const [ended] = running.splice(which % Math.max(1, running.length), 1);
          if (!begin && ended !== undefined) breaker.ended(ended, ok, now);
          else if (ended !== undefined) running.push(ended);
          const probes = running.filter(({ period }) => period === probing);
          if (breaker.state(now) === 'half-open') assert.ok(probes.length <= 2);
          assert.equal(breaker.admits(now, false), breaker.state(now) === 'closed');
        }
        for (const each of running) breaker.ended(each, undefined, now);
        now += RULES.openMs;
        // Left alone and then well, every breaker closes.
        for (let probe = 0; probe < 3; probe++)
          if (breaker.state(now) !== 'closed' && breaker.admits(now, true))
            call(breaker, true, now);
        assert.equal(breaker.state(now), 'closed');
      },
    ),
  );
});

function front(perTool: boolean, answers: boolean[]) {
  const clock = createVirtualClock();
  const events = createGatewayEvents();
  const told: string[] = [];
  events.on((event: GatewayEvent) => {
    if (event.type === 'breaker-opened' || event.type === 'breaker-closed')
      told.push(`${event.type} ${event.id} ${event.tool ?? ''}`.trim());
  });
  const probed: string[] = [];
  const metrics = createMetrics();
  let rules = { ...RULES, enabled: true, perTool };
  const breakers = createBreakers({
    rules: () => rules,
    probe: async (node) => {
      probed.push(node);
      return answers.shift() ?? true;
    },
    clock,
    events,
    metrics: createGatewayMetrics(metrics),
    changed: () => undefined,
  });
  const fail = (node: string, tool: string): void => {
    for (let times = 0; times < 3; times++) breakers.began(node, tool)(false);
  };
  const change = (next: Partial<typeof rules>): void => void (rules = { ...rules, ...next });
  return { clock, told, probed, metrics, breakers, fail, change };
}

test('a read-only probe closes a breaker that gets no request which may be repeated', async () => {
  const { clock, told, probed, breakers, fail, metrics } = front(false, [false, true]);
  fail('a', 'pay');
  assert.equal(breakers.admits('a', 'other', false), false, 'the pod as a whole');
  assert.equal(breakers.admits('b', 'pay', false), true);
  assert.deepEqual(breakers.open(), [{ node: 'a', state: 'open', retryAfterMs: 5_000 }]);
  assert.match(await metrics.exposition(), /gateway_breakers_open\{peer="a"\} 1/);
  await clock.advance(5_000);
  assert.deepEqual(probed, ['a']);
  assert.equal(breakers.closed('a', undefined), false, 'the probe failed');
  await clock.advance(5_000);
  assert.deepEqual(probed, ['a', 'a']);
  assert.deepEqual(told, ['breaker-opened a', 'breaker-opened a', 'breaker-closed a']);
  assert.equal(breakers.admits('a', 'pay', false), true);
  assert.match(await metrics.exposition(), /gateway_breakers_open\{peer="a"\} 0/);
  breakers.keep(new Set());
  assert.doesNotMatch(await metrics.exposition(), /gateway_breakers_open\{/);
});

test('a breaker of a tool leaves the other tools alone, and other rules begin anew', async () => {
  const { clock, breakers, fail, change, told } = front(true, []);
  for (const tool of ['pay', 'list', 'pay', 'list', 'pay'])
    breakers.began('a', tool)(tool === 'list');
  assert.equal(breakers.admits('a', 'pay', false), false);
  assert.equal(breakers.admits('a', 'list', false), true);
  assert.equal(breakers.closed('b', 'pay'), true);
  assert.deepEqual(breakers.open(), [
    { node: 'a', tool: 'pay', state: 'open', retryAfterMs: 5_000 },
  ]);
  change({ failures: 2 });
  assert.equal(breakers.admits('a', 'pay', false), true);
  await clock.advance(60_000);
  assert.deepEqual(told, ['breaker-opened a pay'], 'the probe of a dropped breaker is dropped too');
  fail('a', 'pay');
  change({ enabled: false });
  assert.equal(breakers.admits('a', 'pay', false), true);
  breakers.stop();
  assert.equal(clock.pending, 0);
});

test('the number of breakers is bounded', () => {
  const { breakers, fail } = front(true, []);
  fail('a', 'first');
  for (let tool = 0; tool < 2_000; tool++) breakers.began('b', `tool ${tool}`)(true);
  assert.equal(breakers.admits('a', 'first', false), false, 'the pod itself is still judged');
  assert.deepEqual(
    breakers.open().map(({ tool }) => tool),
    [undefined],
  );
  breakers.stop();
});
