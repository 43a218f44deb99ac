/** The judge of the soak: a run that broke a promise must not pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Broken } from '../fixtures/spray-proxy.ts';
import { verifies } from '../requirements.ts';
import { judgeEffects, judgeLost, summarizeKinds, type Seen } from './judge.ts';
import { CALL_TIMEOUT_MS, KINDS, REPEATABLE_MARK, type CallRecord } from './kinds.ts';

const GONE = 100_000;
const KILLS = [{ at: GONE - 30, goneAt: GONE }];
const kindOf = (wanted: string): number => KINDS.findIndex(({ name }) => name === wanted);
const ECHO = kindOf('echo');
const RECORD = kindOf('record');

function verdict(
  kind: number,
  began: number,
  tookMs: number,
  { error = 'lost', broken = [], listening = new Map() }: { error?: string } & Partial<Seen> = {},
): string {
  const call: CallRecord = [kind, 0, GONE + began, tookMs, error, '0.7'];
  const [lost] = judgeLost({ calls: [call], ids: ['a'] }, KILLS, { broken, listening });
  assert.ok(lost);
  return lost.verdict;
}

test(verifies('soak.judge'), () => {
  const well: CallRecord = [ECHO, 0, 1, 1, null, ''];
  assert.deepEqual(
    judgeLost({ calls: [well], ids: [] }, KILLS, { broken: [], listening: new Map() }),
    [],
  );
  assert.equal(verdict(RECORD, -20, 60), 'in flight', 'and soon told');
  assert.equal(verdict(ECHO, -20, 60), 'idempotent');
  assert.equal(verdict(RECORD, -20, 1_500), 'late error');
  assert.equal(verdict(RECORD, -900, 100), 'not in flight', 'over before it');
  assert.equal(verdict(RECORD, 900, 100), 'not in flight', 'begun after it');
  assert.equal(verdict(RECORD, -20, CALL_TIMEOUT_MS), 'timed out');
  assert.equal(verdict(ECHO, -20, 60, { error: 'fetch failed UND_ERR_SOCKET' }), 'connection');
  assert.equal(verdict(ECHO, 900, 60, { error: 'fetch failed UND_ERR_SOCKET' }), 'idempotent');
  const cut = (resumable: boolean): Broken[] => [{ body: '{"what":"0.7"}', resumable }];
  const network = 'fetch failed UND_ERR_SOCKET';
  assert.equal(verdict(RECORD, -20, 60, { error: network, broken: cut(false) }), 'connection');
  const forever = { broken: cut(false) };
  assert.equal(verdict(ECHO, -20, CALL_TIMEOUT_MS, forever), 'unnoticed', 'it was to see the cut');
  const resumed = { error: '-31001 lost', broken: cut(true) };
  assert.equal(verdict(ECHO, -20, 60, resumed), 'idempotent', 'whoever can resume loses nothing');
  assert.equal(verdict(ECHO, -20, 60, { error: network, broken: cut(true) }), 'idempotent');
  assert.equal(verdict(ECHO, -20, CALL_TIMEOUT_MS, { broken: cut(true) }), 'timed out');
  assert.equal(verdict(RECORD, -20, 1_500, resumed), 'in flight', 'told when it came back');
  assert.equal(verdict(RECORD, -20, 3_000, resumed), 'late error');
  const unanswered = [{ body: '{"text":"session 0"}', resumable: false }];
  const asked = verdict(kindOf('sampling'), -20, CALL_TIMEOUT_MS, { broken: unanswered });
  assert.equal(asked, 'unnoticed', "the client's own answer was lost");
  const waiting = (open: number, refused = 0): string =>
    verdict(kindOf('subscription'), -20, CALL_TIMEOUT_MS, {
      listening: new Map([['a', { open, closedAt: GONE, refused }]]),
    });
  assert.equal(waiting(0), 'unnoticed', 'it does not listen any more');
  assert.equal(waiting(1), 'timed out');
  assert.equal(waiting(0, 1), 'timed out', 'it was turned away');
  const told = { error: '-31001 lost', broken: cut(false) };
  assert.equal(verdict(ECHO, -20, 60, told), 'idempotent', 'an error of ours is no cut connection');
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
    [ECHO, 0, 1, 10, null, ''],
    [ECHO, 0, 1, 30, 'lost', ''],
    [RECORD, 0, 1, 5, null, ''],
  ];
  const [echo, record] = summarizeKinds(calls);
  assert.deepEqual([echo?.calls, echo?.lost, echo?.maxMs], [2, 1, 30]);
  assert.deepEqual([record?.name, record?.lost], ['record', 0]);
});
