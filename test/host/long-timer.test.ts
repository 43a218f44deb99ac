/** Timers longer than Node's own, with timers that the test lets run out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/host/index.ts';
import { startLongTimer, TIMER_MS_MAX, type StartTimer } from '../../src/host/long-timer.ts';

interface FakeTimers {
  readonly start: StartTimer;
  /** Of the timer that runs. */
  readonly delayMs: () => number | undefined;
  /** Lets it run out. */
  readonly end: () => void;
}

function fakeTimers(): FakeTimers {
  let running: { readonly delayMs: number; readonly callback: () => void } | undefined;
  return {
    start(delayMs, callback) {
      assert.equal(running, undefined, 'one timer at a time');
      const timer = { delayMs, callback };
      running = timer;
      return () => {
        if (running === timer) running = undefined;
      };
    },
    delayMs: () => running?.delayMs,
    end() {
      const timer = running;
      running = undefined;
      timer?.callback();
    },
  };
}

test('a delay that one timer takes is one timer, never a negative one', () => {
  for (const delayMs of [-5, 0, 20, TIMER_MS_MAX]) {
    const timers = fakeTimers();
    let fired = 0;
    startLongTimer(timers.start, delayMs, () => void (fired += 1));
    assert.equal(timers.delayMs(), Math.max(0, delayMs));
    timers.end();
    assert.equal(fired, 1);
    assert.equal(timers.delayMs(), undefined);
  }
});

test('a longer delay is cut in timers of the longest, and called back once at its end', () => {
  const timers = fakeTimers();
  let fired = 0;
  startLongTimer(timers.start, 2 * TIMER_MS_MAX + 7, () => void (fired += 1));
  const delays: (number | undefined)[] = [];
  while (timers.delayMs() !== undefined) {
    assert.equal(fired, 0);
    delays.push(timers.delayMs());
    timers.end();
  }
  assert.deepEqual(delays, [TIMER_MS_MAX, TIMER_MS_MAX, 7]);
  assert.equal(fired, 1);
});

test('Infinity is never over, and a long delay is cancelled in any of its timers', () => {
  const timers = fakeTimers();
  const cancel = startLongTimer(timers.start, Infinity, () => assert.fail('it is over'));
  for (let part = 0; part < 3; part++) {
    assert.equal(timers.delayMs(), TIMER_MS_MAX);
    timers.end();
  }
  cancel();
  assert.equal(timers.delayMs(), undefined);
});

test('the clock of the machine takes a delay that Node would cut to a millisecond', async () => {
  const fired: string[] = [];
  const cancels = [2 ** 31, Infinity].map((delayMs) =>
    systemClock.schedule(delayMs, () => void fired.push(String(delayMs))),
  );
  await new Promise<void>((resolve) => void systemClock.schedule(20, resolve));
  assert.deepEqual(fired, []);
  for (const cancel of cancels) cancel();
});
