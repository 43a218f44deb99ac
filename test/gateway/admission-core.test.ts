/** The pure parts of bulkheads and quotas, in time that only moves when the test says so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, constantFrom, integer, property, array, record } from 'fast-check';
import {
  Compartment,
  type CompartmentRules,
} from '../../src/gateway/admission/core/compartment.ts';
import { Gradient2 } from '../../src/gateway/admission/core/gradient2.ts';
import { Pacer } from '../../src/gateway/admission/core/pacer.ts';
import { UsageGate } from '../../src/gateway/admission/core/usage-gate.ts';
import { WaitingLine } from '../../src/gateway/admission/core/waiting-line.ts';
import { Bulkhead, COMPARTMENTS_MAX, type Entry } from '../../src/gateway/admission/bulkhead.ts';
import { RateGroup } from '../../src/gateway/admission/core/rate-group.ts';
import { createAdmissionMetrics } from '../../src/gateway/admission/metrics.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';

const RULES: CompartmentRules = {
  maxConcurrent: 2,
  maxQueue: 3,
  maxWaitMs: 100,
  order: 'FIFO',
  adaptive: false,
};

test('nobody passes whoever came before, and the line has an end', () => {
  const compartment = new Compartment(() => RULES, 0);
  const tickets = [0, 1, 2, 3, 4, 5].map((number) => ({ number }));
  const types = tickets.map((ticket) => compartment.enter(0, ticket).type);
  assert.deepEqual(types, ['entered', 'entered', 'waits', 'waits', 'waits', 'full']);
  assert.deepEqual(compartment.leave(10, 10), [tickets[2]]);
  assert.equal(compartment.withdraw(tickets[3] ?? {}), true);
  assert.equal(compartment.withdraw(tickets[3] ?? {}), false);
  assert.deepEqual(compartment.leave(10, 10), [tickets[4]]);
  assert.deepEqual(compartment.leave(10, 10), []);
  assert.equal(compartment.inUse, 1);
});

test('a batch has all its places at once or none', () => {
  const compartment = new Compartment(() => RULES, 0);
  assert.equal(compartment.enter(0, {}, 3).type, 'full');
  assert.equal(compartment.enter(0, {}, 2).type, 'entered');
  assert.equal(compartment.inUse, 2);
});

test(verifies('admission.places-conserved'), () => {
  const step = record({ type: constantFrom('enter', 'leave', 'withdraw'), which: integer() });
  const rules = record({
    maxConcurrent: integer({ min: 1, max: 5 }),
    maxQueue: integer({ min: 0, max: 80 }),
    maxWaitMs: constantFrom(10, 1_000),
    order: constantFrom('FIFO' as const, 'AdaptiveLIFO' as const),
  });
  check(
    property(rules, array(step, { maxLength: 300 }), (settings, steps) => {
      const compartment = new Compartment(() => ({ ...settings, adaptive: false }), 0);
      let inside = 0;
      const waiting = new Set<object>();
      for (const [now, { type, which }] of steps.entries()) {
        const ticket = { now };
        if (type === 'enter') {
          const entered = compartment.enter(now, ticket);
          if (entered.type === 'entered') inside += 1;
          else if (entered.type === 'waits') {
            waiting.add(ticket);
            if (entered.instead !== undefined) assert.ok(waiting.delete(entered.instead));
          }
        } else if (type === 'leave' && inside > 0) {
          inside -= 1;
          for (const next of compartment.leave(now, 1)) {
            assert.ok(waiting.delete(next), 'only who waits enters');
            inside += 1;
          }
        } else if (type === 'withdraw' && waiting.size > 0) {
          const chosen = [...waiting][Math.abs(which) % waiting.size] ?? {};
          assert.ok(compartment.withdraw(chosen));
          waiting.delete(chosen);
        }
        assert.equal(compartment.inUse, inside);
        assert.equal(compartment.queued, waiting.size);
        assert.ok(inside <= settings.maxConcurrent && waiting.size <= settings.maxQueue);
        // Nobody waits before an empty place.
        assert.ok(waiting.size === 0 || inside === settings.maxConcurrent);
      }
    }),
  );
});

test('in overload the newest goes first, waits less, and takes the place of the oldest', () => {
  const rules = { order: 'AdaptiveLIFO', maxQueue: 3, maxWaitMs: 100 } as const;
  const line = new WaitingLine(() => rules);
  const [first, second, third, fourth, fifth] = [1, 2, 3, 4, 5].map((number) => ({ number }));
  assert.deepEqual(line.join(0, first ?? {}), { type: 'waits', waitMs: 100 });
  line.join(10, second ?? {});
  assert.equal(line.next(50), first);
  line.join(60, third ?? {});
  // The line has not been empty for longer than anybody may usually wait.
  assert.deepEqual(line.join(101, fourth ?? {}), { type: 'waits', waitMs: 5 });
  assert.deepEqual(line.join(102, fifth ?? {}), { type: 'waits', waitMs: 5, instead: second });
  assert.equal(line.next(103), fifth);
  assert.equal(line.next(104), fourth);
  assert.equal(line.next(105), third);
  assert.equal(line.next(106), undefined);
  // An empty line ends the overload.
  assert.deepEqual(line.join(107, {}), { type: 'waits', waitMs: 100 });
});

/** A server that runs `capacity` calls at once in 10 ms each and makes the others wait. */
function createServer(limit: Gradient2): (capacity: number, seconds: number) => number {
  let now = 0;
  /** The limit after so many seconds. */
  return (capacity, seconds) => {
    for (const end = now + seconds * 1_000; now < end; now += 20)
      limit.sample(now, 10 * Math.max(1, limit.limit / capacity), limit.limit);
    return limit.limit;
  };
}

test(verifies('admission.adaptive-limit'), () => {
  const unhurried = new Gradient2(200, 0);
  assert.equal(unhurried.limit, 20);
  const free = createServer(unhurried)(1_000, 240);
  assert.equal(free, 200, 'without any slowing down it grows to its ceiling');
  const run = createServer(new Gradient2(200, 0));
  run(40, 20);
  const found = run(40, 60);
  assert.ok(found > 40 && found < 120, `${found} at once for a server that runs 40`);
  const slowed = run(4, 60);
  assert.ok(slowed < found / 2, `${slowed} after ${found} when the server became slow`);
});

test('a limit that nobody reaches does not grow, and one never falls under 1', () => {
  const unused = new Gradient2(200, 0);
  for (let call = 0; call < 1_000; call++) unused.sample(call * 20, 10, 2);
  assert.equal(unused.limit, 20);
  const small = new Gradient2(1, 0);
  for (let call = 0; call < 1_000; call++) small.sample(call * 20, call, 1);
  assert.equal(small.limit, 1);
});

test('bytes go at their rate, in the order of asking', () => {
  const pacer = new Pacer();
  assert.equal(pacer.delayMs(1_000, 50, 1_000), 0);
  assert.equal(pacer.delayMs(1_000, 150, 1_000), 0);
  assert.equal(pacer.delayMs(1_000, 1_000, 1_000), 100);
  assert.equal(pacer.delayMs(1_000, 10, 1_000), 1_100);
  assert.equal(pacer.delayMs(2_105, 10, 1_000), 5);
  assert.equal(pacer.delayMs(9_000, 10, 1_000), 0);
});

test(verifies('admission.usage-hysteresis'), () => {
  const gate = new UsageGate();
  const quota = { cpu: 2, memoryBytes: 1_000 };
  const closed = (cpuCores: number, memoryBytes: number): boolean =>
    gate.closed(quota, { cpuCores, memoryBytes });
  assert.deepEqual(
    [closed(1.9, 900), closed(2.1, 10), closed(1.9, 10), closed(1.85, 950), closed(1.79, 890)],
    [false, true, true, true, false],
  );
  assert.equal(closed(0, 1_001), true);
  assert.equal(gate.closed(quota, undefined), false, 'what is not known closes nothing');
  assert.equal(gate.closed({ cpu: 2 }, { cpuCores: 1, memoryBytes: 1e12 }), false);
});

test(verifies('admission.compartments-bounded'), async () => {
  const policy = { ...RULES, name: 'each', match: {}, per: 'Session', maxConcurrent: 1 } as const;
  const metrics = createAdmissionMetrics(createMetrics());
  const bulkhead = new Bulkhead(policy, createVirtualClock(), metrics);
  const { signal } = new AbortController();
  const entries: Entry[] = [];
  for (let session = 0; session < COMPARTMENTS_MAX; session++)
    entries.push(await bulkhead.enter(`session ${session}`, 1, signal));
  assert.ok(entries.every(({ type }) => type === 'entered'));
  const refused = await bulkhead.enter('one more', 1, signal);
  assert.deepEqual(refused, { type: 'rejected', reason: 'compartments' });
  const [, second] = entries;
  if (second?.type === 'entered') second.place.leave();
  // An idle one makes room.
  assert.equal((await bulkhead.enter('one more', 1, signal)).type, 'entered');
});

test('a limit named like what every object has is a limit like others', () => {
  const [mine, other] = [new RateGroup(0), new RateGroup(0)];
  const limit = { name: 'constructor', requests: 1, intervalMs: 1_000, burst: 1 };
  mine.configure([limit]);
  mine.hear('other', other.report(), 1);
  other.configure([limit]);
  mine.hear('other', other.report(), 2);
  mine.round(3, ['other']);
  assert.equal(mine.bucket('constructor', '', 3)?.ask(3, 1), true);
});
