/** Majorities, of one set and of two at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { quorumValue, voteResult } from '../../../src/raft/core/quorum.ts';

const set = (...ids: string[]): Set<string> => new Set(ids);
const votes = (table: Record<string, boolean>): Map<string, boolean> =>
  new Map(Object.entries(table));

test('the value of a majority', () => {
  const values: Record<string, number> = { a: 5, b: 3, c: 1, d: 9 };
  const valueOf = (id: string): number => values[id] ?? 0;
  assert.equal(quorumValue([set('a')], valueOf), 5);
  assert.equal(quorumValue([set('a', 'b')], valueOf), 3);
  assert.equal(quorumValue([set('a', 'b', 'c')], valueOf), 3);
  assert.equal(quorumValue([set('a', 'b', 'c', 'd')], valueOf), 3);
  assert.equal(quorumValue([set('a', 'b', 'c'), set('c')], valueOf), 1);
  assert.equal(quorumValue([set()], valueOf), Infinity);
});

test('votes are won by a majority of each set and lost when one cannot be won any more', () => {
  assert.equal(voteResult([set('a', 'b', 'c')], votes({ a: true })), 'pending');
  assert.equal(voteResult([set('a', 'b', 'c')], votes({ a: true, b: true })), 'won');
  assert.equal(voteResult([set('a', 'b', 'c')], votes({ a: true, b: false, c: false })), 'lost');
  assert.equal(voteResult([set('a', 'b'), set('c')], votes({ a: true, b: true })), 'pending');
  assert.equal(voteResult([set('a', 'b'), set('c')], votes({ a: true, c: false })), 'lost');
});

test('a value is reached by a majority, and none larger is', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (values) => {
      const ids = values.map((_, i) => String(i));
      const result = quorumValue([new Set(ids)], (id) => values[Number(id)] as number);
      const reached = (value: number): number => values.filter((v) => v >= value).length;
      assert.ok(reached(result) * 2 > values.length);
      assert.ok(reached(result + 1) * 2 <= values.length);
    }),
  );
});
