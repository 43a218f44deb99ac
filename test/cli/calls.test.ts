import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarize, type CallRecord } from '../../src/cli/demo/calls.ts';

const call = (
  number: number,
  startedAt: number,
  endedAt: number,
  kind: 'ok' | 'retried' | 'failed' = 'ok',
): CallRecord => {
  if (kind === 'ok') return { number, startedAt, endedAt, outcome: { kind } };
  return kind === 'failed'
    ? { number, startedAt, endedAt, outcome: { kind, error: 'x' } }
    : { number, startedAt, endedAt, outcome: { kind, attempts: 2, error: 'x' } };
};

test('the gap runs from the last answer before the kill to the first after it', () => {
  const records = [call(1, 0, 10), call(2, 20, 30), call(3, 40, 640), call(4, 650, 660)];
  assert.deepEqual(summarize(records, 45, 600), {
    ok: 4,
    retried: 0,
    failed: 0,
    failedAfterMove: 0,
    gapMs: 610,
    firstAnswerAfterKill: 640,
  });
});

test('a call that needed a second attempt after the move counts as failed after the move', () => {
  const records = [call(1, 0, 10), call(2, 50, 300, 'retried'), call(3, 400, 450, 'retried')];
  const summary = summarize(records, 20, 200);
  assert.equal(summary.retried, 2);
  assert.equal(summary.failedAfterMove, 1);
});

test('a failed call is no answer', () => {
  const summary = summarize(
    [call(1, 0, 10), call(2, 20, 900, 'failed'), call(3, 910, 920)],
    15,
    30,
  );
  assert.equal(summary.failed, 1);
  assert.equal(summary.gapMs, 910);
  assert.equal(summarize([call(1, 0, 10)], 15, 30).gapMs, Infinity);
});
