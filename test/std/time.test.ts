/** A limit on time ends with the work it was for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withinTime } from '../../src/std/index.ts';
import { createVirtualClock } from '../virtual-clock.ts';

test('work that is done in time has its result, and nothing is left to happen', async () => {
  const clock = createVirtualClock();
  const outer = new AbortController();
  const seen: AbortSignal[] = [];
  const work = async (signal: AbortSignal): Promise<string> => {
    seen.push(signal);
    return 'done';
  };
  assert.equal(await withinTime(clock, 100, work, outer.signal), 'done');
  await clock.advance(1_000);
  outer.abort();
  assert.equal(seen[0]?.aborted, false);
});

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
  });

test('work that takes longer is told so', async () => {
  const clock = createVirtualClock();
  const late = assert.rejects(withinTime(clock, 100, untilAborted), /not done within 100 ms/);
  await clock.advance(101);
  await late;
});

test('work ends with whoever asked for it, also when that was before', async () => {
  const clock = createVirtualClock();
  const outer = new AbortController();
  const ended = assert.rejects(withinTime(clock, 100, untilAborted, outer.signal), /enough/);
  outer.abort(new Error('enough'));
  await ended;
  await assert.rejects(withinTime(clock, 100, untilAborted, outer.signal), /enough/);
});
