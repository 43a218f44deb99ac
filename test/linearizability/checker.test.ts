/** The checker itself: textbook cases, a comparison with trying every order, and the public histories with a known verdict. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { integerBetween, seededRandom, type Random } from '../../src/std/index.ts';
import { verifies } from '../requirements.ts';
import { checkLinearizable } from './checker.ts';
import { appendHistories, etcdHistories } from './corpora.ts';
import { buildGoJudge, porcupineDirectory } from './go-judge.ts';
import { operationsOf, readHistory, writeHistory, type HistoryRecord } from './history.ts';
import { appendModel, registerModel, storeModel, type StoreOperation } from './models.ts';

const verdictOf = (history: readonly HistoryRecord[]): string =>
  checkLinearizable(storeModel, operationsOf(history)).verdict;

type Short = [op: HistoryRecord['op'], start: number, end: number, rest: Partial<HistoryRecord>];

/** A history of one key; everything is `ok` unless it says otherwise. */
const historyOf = (...calls: Short[]): HistoryRecord[] =>
  calls.map(([op, start, end, rest], process) => {
    return { process, op, key: 'k', result: 'ok', start, end, ...rest };
  });

test('a read during a write may see either value, but not the old one after somebody saw the new one', () => {
  const put: Short = ['put', 0, 100, { value: 'a', output: null }];
  const sees = (start: number, end: number, output: string | null): Short => {
    return ['get', start, end, { output }];
  };
  assert.equal(verdictOf(historyOf(put, sees(10, 20, null), sees(30, 40, 'a'))), 'linearizable');
  const late = checkLinearizable(
    storeModel,
    operationsOf(historyOf(put, sees(10, 20, 'a'), sees(30, 40, null))),
  );
  assert.equal(late.verdict, 'not-linearizable');
  assert.equal(late.verdict === 'not-linearizable' && late.stuck.start, 30);
});

test('what has no known outcome may take effect much later, or never, but only once', () => {
  const lost: Short = ['put', 0, 10, { value: 'a', result: 'unknown' }];
  const read = (start: number, output: string | null): Short => [
    'get',
    start,
    start + 1,
    { output },
  ];
  const gone: Short = ['delete', 60, 61, { output: 'a' }];
  assert.equal(verdictOf(historyOf(lost, read(20, null), read(40, 'a'))), 'linearizable');
  assert.equal(verdictOf(historyOf(lost, read(20, null), read(40, null))), 'linearizable');
  assert.equal(verdictOf(historyOf(lost, read(20, 'a'), read(40, null))), 'not-linearizable');
  assert.equal(verdictOf(historyOf(lost, read(20, 'a'), gone, read(80, null))), 'linearizable');
  assert.equal(verdictOf(historyOf(lost, read(20, 'a'), gone, read(80, 'a'))), 'not-linearizable');
});

test('what was refused must not have happened, and a comparison that failed must have had a reason', () => {
  const refused: Short = ['put', 0, 10, { value: 'a', result: 'fail' }];
  const swap = (result: 'ok' | 'fail', output: string | null): Short => {
    return ['cas', 20, 30, { expected: null, value: 'b', result, output }];
  };
  assert.equal(verdictOf(historyOf(refused, ['get', 20, 30, { output: 'a' }])), 'not-linearizable');
  assert.equal(verdictOf(historyOf(refused, swap('ok', null))), 'linearizable');
  assert.equal(verdictOf(historyOf(refused, swap('fail', null))), 'not-linearizable');
});

/** Tries every order of `operations` that their times allow. */
function bruteForce(operations: readonly StoreOperation[], state: string | null = null): boolean {
  if (operations.every(({ end }) => end === undefined)) return true;
  const deadline = Math.min(...operations.map(({ end }) => end ?? Infinity));
  return operations.some((operation) => {
    if (operation.start > deadline) return false;
    const next = storeModel.step(state, operation);
    const rest = operations.filter((other) => other !== operation);
    return next !== undefined && bruteForce(rest, next);
  });
}

/** A few calls at random times with answers that are often, but not always, possible. */
function randomHistory(random: Random, calls: number): HistoryRecord[] {
  const pick = <T>(...items: T[]): T => items[integerBetween(random, 0, items.length - 1)] as T;
  const value = (): string | null => pick('a', 'b', null);
  return Array.from({ length: calls }, (_, process) => {
    const op = pick('get', 'put', 'put', 'cas', 'delete' as const);
    const result = pick('ok', 'ok', 'ok', 'ok', 'unknown' as const);
    const start = integerBetween(random, 0, 40) * 2;
    const end = start + 1 + integerBetween(random, 0, 20) * 2;
    const writes = op === 'put' || op === 'cas' ? { value: pick('a', 'b') } : {};
    const expected = op === 'cas' ? { expected: value() } : {};
    const output = result === 'ok' ? { output: expected.expected ?? value() } : {};
    return { process, op, key: 'k', ...writes, ...expected, result, ...output, start, end };
  });
}

test('small histories get the verdict that trying every order gives', () => {
  const random = seededRandom(7);
  const seen = { true: 0, false: 0 };
  for (let i = 0; i < 3_000; i++) {
    const operations = operationsOf(randomHistory(random, 5));
    const expected = bruteForce(operations);
    const { verdict } = checkLinearizable(storeModel, operations);
    assert.equal(verdict === 'linearizable', expected, JSON.stringify(operations));
    seen[`${expected}`] += 1;
  }
  assert.ok(seen.true > 200 && seen.false > 200, JSON.stringify(seen));
});

test('hundreds of unknown outcomes do not blow the search up', () => {
  const lost = Array.from({ length: 300 }, (_, i): Short => [
    'put',
    i,
    i + 1,
    { value: `v${i}`, result: 'unknown' },
  ]);
  const reads = Array.from({ length: 100 }, (_, i): Short => [
    'get',
    1000 + 2 * i,
    1001 + 2 * i,
    { output: `v${3 * i}` },
  ]);
  assert.equal(verdictOf(historyOf(...lost, ...reads)), 'linearizable');
  const impossible: Short = ['get', 2_000, 2_001, { output: 'v0' }];
  assert.equal(verdictOf(historyOf(...lost, ...reads, impossible)), 'not-linearizable');
});

const porcupine = porcupineDirectory();
const skip = porcupine === undefined ? 'no Go, or not the module of Porcupine' : false;

test(verifies('raft.checker-knows-the-public-histories'), { skip }, async (t) => {
  const directory = porcupine as string;
  const etcd = etcdHistories(directory);
  const append = appendHistories(directory);
  assert.equal(etcd.length, 102);
  assert.equal(etcd.filter(({ linearizable }) => linearizable).length, 23);
  assert.equal(append.length, 6);
  await t.test('102 of etcd', () => {
    const wrong = etcd.filter(({ operations, linearizable }) => {
      const { verdict } = checkLinearizable(registerModel, operations);
      return verdict !== (linearizable ? 'linearizable' : 'not-linearizable');
    });
    assert.deepEqual(wrong, []);
  });
  await t.test('6 of a store with append', () => {
    const wrong = append.filter(({ operations, linearizable }) => {
      const { verdict } = checkLinearizable(appendModel, operations);
      return verdict !== (linearizable ? 'linearizable' : 'not-linearizable');
    });
    assert.deepEqual(wrong, []);
  });
});

test('Porcupine gives the same verdicts on histories in our format', { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'porcupine-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const judge = await buildGoJudge(directory);
  const random = seededRandom(11);
  const paths = Array.from({ length: 400 }, (_, i) => {
    const path = join(directory, `${i}.jsonl`);
    writeHistory(path, randomHistory(random, 7));
    return path;
  });
  const ours = paths.map((path) => verdictOf(readHistory(path)));
  assert.deepEqual(await judge(paths), ours);
  assert.ok(new Set(ours).size === 2);
});
