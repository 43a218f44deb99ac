/** The judge of the soak: a run that broke a promise must not pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifies } from '../requirements.ts';
import { judgeEffects, judgeLost, summarizeKinds } from './judge.ts';
import { CALL_TIMEOUT_MS, KINDS, REPEATABLE_MARK, type CallRecord } from './kinds.ts';

const KILL = 100_000;
const kindOf = (wanted: string): number => KINDS.findIndex(({ name }) => name === wanted);
const ECHO = kindOf('echo');
const RECORD = kindOf('record');

function verdict(call: CallRecord): string | undefined {
  const [lost] = judgeLost({ calls: [call], ids: ['a'] }, [KILL]);
  assert.ok(lost);
  return lost.violation;
}

test(verifies('soak.judge'), () => {
  assert.deepEqual(judgeLost({ calls: [[ECHO, 0, 1, 1, null]], ids: [] }, [KILL]), []);
  assert.equal(verdict([RECORD, 0, KILL - 20, 60, 'lost']), undefined, 'in flight, and soon told');
  assert.equal(verdict([ECHO, 0, KILL - 20, 60, 'lost']), 'idempotent');
  assert.equal(verdict([RECORD, 0, KILL - 20, 1_500, 'lost']), 'late error');
  assert.equal(verdict([RECORD, 0, KILL - 900, 100, 'lost']), 'not in flight', 'over before it');
  assert.equal(verdict([RECORD, 0, KILL + 900, 100, 'lost']), 'not in flight', 'begun after it');
  assert.equal(verdict([RECORD, 0, KILL - 20, CALL_TIMEOUT_MS, 'lost']), 'timed out');
});

test('effects are counted once, and those that may be repeated are not counted', () => {
  const again = `${REPEATABLE_MARK}7`;
  assert.deepEqual(judgeEffects(['1', '2', again, '2', again], ['1', '3']), {
    twice: ['2'],
    missing: ['3'],
  });
});

test('the summary has a row for each kind of call, with the slowest', () => {
  const calls: CallRecord[] = [
    [ECHO, 0, 1, 10, null],
    [ECHO, 0, 1, 30, 'lost'],
    [RECORD, 0, 1, 5, null],
  ];
  const [echo, record] = summarizeKinds(calls);
  assert.deepEqual([echo?.calls, echo?.lost, echo?.maxMs], [2, 1, 30]);
  assert.deepEqual([record?.name, record?.lost], ['record', 0]);
});
