/** Work queue, controller and manager in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createController,
  createWorkQueue,
  KubeError,
  TerminalError,
  type Outcome,
} from '../../src/kube/index.ts';
import { seededRandom } from '../../src/std/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';

function setup() {
  const clock = createVirtualClock();
  return { clock, random: seededRandom(7), metrics: createMetrics(), logger: silentLogger };
}

const SETTLED: Outcome = { kind: 'settled' };

test('the queue gives out each key once, in order, and later again only if it was added meanwhile', async () => {
  const queue = createWorkQueue({ name: 'q', ...setup() });
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
  assert.equal(queue.depth, 2);
  assert.equal(await queue.next(), 'a');
  queue.add('a');
  queue.add('a');
  assert.equal(await queue.next(), 'b');
  queue.done('b');
  assert.equal(queue.depth, 0, 'a is being worked on: it must wait');
  queue.done('a');
  assert.equal(await queue.next(), 'a');
  queue.done('a');
  const waiting = queue.next();
  queue.shutDown();
  assert.equal(await waiting, undefined);
  queue.add('c');
  assert.equal(await queue.next(), undefined);
});

test('of several delays for a key the earliest counts', async () => {
  const parts = setup();
  const queue = createWorkQueue({ name: 'q', ...parts });
  queue.addAfter('a', 500);
  queue.addAfter('a', 100);
  queue.addAfter('a', 900);
  await parts.clock.advance(99);
  assert.equal(queue.depth, 0);
  await parts.clock.advance(1);
  assert.equal(queue.depth, 1);
  assert.equal(parts.clock.pending, 0);
});

test('back-off grows per key from 5 ms to 1000 s and ends with success', () => {
  const queue = createWorkQueue({ name: 'q', ...setup() });
  const delays = Array.from({ length: 30 }, () => queue.addRateLimited('a'));
  assert.ok((delays[0] ?? 0) >= 2.5 && (delays[0] ?? 0) <= 5);
  assert.ok((delays[10] ?? 0) >= 2560 && (delays[10] ?? 0) <= 5120);
  assert.ok((delays[29] ?? 0) >= 500_000 && (delays[29] ?? 0) <= 1_000_000);
  assert.ok(queue.addRateLimited('b') <= 5, 'each key has its own');
  assert.equal(queue.failures('a'), 30);
  queue.forget('a');
  assert.ok(queue.addRateLimited('a') <= 5);
});

test('a full queue refuses and counts', async () => {
  const parts = setup();
  const queue = createWorkQueue({ name: 'q', keysMax: 2, ...parts });
  for (const key of ['a', 'b', 'c']) queue.add(key);
  assert.equal(queue.depth, 2);
  assert.match(
    await parts.metrics.exposition(),
    /workqueue_refused_total\{name="q",controller="q"\} 1/,
  );
});

test(verifies('kube.queue.serial-keys'), async () => {
  const parts = setup();
  const running = new Set<string>();
  const runs: string[] = [];
  let highest = 0;
  const controller = createController({
    name: 'c',
    workersMax: 4,
    ...parts,
    async reconcile(key) {
      assert.ok(!running.has(key), `${key} is reconciled twice at once`);
      running.add(key);
      highest = Math.max(highest, running.size);
      await new Promise<void>((resolve) => parts.clock.schedule(10, resolve));
      running.delete(key);
      runs.push(key);
      return SETTLED;
    },
  });
  controller.start();
  for (const key of ['a', 'b', 'a', 'c']) controller.enqueue(key);
  await parts.clock.advance(5);
  controller.enqueue('a');
  await parts.clock.advance(100);
  assert.equal(highest, 3);
  assert.deepEqual(runs.sort(), ['a', 'a', 'b', 'c']);
  await controller.stop();
});

test('each outcome has its consequence', async () => {
  const parts = setup();
  const runs: Record<string, number[]> = {};
  const outcomes: Record<string, () => Outcome> = {
    settled: () => SETTLED,
    later: () => ({ kind: 'requeueAfter', afterMs: 1000 }),
    blocked: () => ({ kind: 'blocked', reason: 'Paused' }),
    terminal: () => {
      throw new TerminalError('never');
    },
    failing: () => {
      throw new KubeError({ status: 500, reason: 'InternalError', message: 'again' });
    },
  };
  const controller = createController({
    name: 'c',
    ...parts,
    reconcile: async (key) => {
      (runs[key] ??= []).push(parts.clock.monotonic());
      return (outcomes[key] as () => Outcome)();
    },
  });
  controller.start();
  for (const key of Object.keys(outcomes)) controller.enqueue(key);
  await parts.clock.advance(3500);
  assert.equal(runs['settled']?.length, 1);
  assert.equal(runs['blocked']?.length, 1);
  assert.equal(runs['terminal']?.length, 1);
  assert.deepEqual(runs['later'], [0, 1000, 2000, 3000]);
  const failing = runs['failing'] ?? [];
  assert.ok(failing.length >= 9 && failing.length <= 11, `${failing.length} tries in 3.5 s`);
  const text = await parts.metrics.exposition();
  assert.match(text, /controller_runtime_terminal_reconcile_errors_total\{controller="c"\} 1/);
  assert.match(text, /controller_runtime_reconcile_total\{controller="c",result="blocked"\} 1/);
  await controller.stop();
});

test('a reconcile that takes too long is told so, counted, and its key not given out meanwhile', async () => {
  const parts = setup();
  let aborted = 0;
  let started = 0;
  const controller = createController({
    name: 'c',
    workersMax: 2,
    reconcileTimeoutMs: 100,
    ...parts,
    reconcile(_key, signal) {
      started += 1;
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted += 1;
          parts.clock.schedule(1000, () => resolve(SETTLED));
        });
      });
    },
  });
  controller.start();
  controller.enqueue('a');
  await parts.clock.advance(150);
  controller.enqueue('a');
  await parts.clock.advance(500);
  assert.deepEqual([started, aborted], [1, 1]);
  const text = await parts.metrics.exposition();
  assert.ok(text.includes('reconcile_timeouts_total{controller="c"} 1'));
  await parts.clock.advance(600);
  assert.equal(started, 2);
  const stopped = controller.stop();
  await parts.clock.advance(1100);
  await stopped;
});
