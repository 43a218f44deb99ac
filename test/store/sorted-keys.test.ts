/** The ordered set of keys beside a sorted array, also while it changes under a reader. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SortedKeys } from '../../src/store/core/sorted-keys.ts';

// Enough keys for several pieces, of which those in the middle are filled, cut and emptied.
const key = fc.integer({ min: 0, max: 2_999 }).map((n) => `k${String(n).padStart(4, '0')}`);
const keys = fc.uniqueArray(key, { minLength: 1_000, maxLength: 2_500 });

test('keys come out in order from any key on, whatever was added and removed', () => {
  fc.assert(
    fc.property(keys, fc.array(key, { maxLength: 1_500 }), key, (added, removed, from) => {
      const sorted = new SortedKeys();
      const model = new Set<string>();
      for (const each of added) sorted.add(each);
      for (const each of added) model.add(each);
      for (const each of removed) if (model.delete(each)) sorted.remove(each);
      const expected = [...model].sort().filter((each) => each >= from);
      assert.deepEqual([...sorted.from(from)], expected);
    }),
    { numRuns: 50 },
  );
});

test('keys that come in order are all found again', () => {
  const sorted = new SortedKeys();
  const expected = Array.from({ length: 2_000 }, (_, n) => `k${String(n).padStart(5, '0')}`);
  for (const each of expected) sorted.add(each);
  assert.deepEqual([...sorted.from('')], expected);
});

function* skipped(model: ReadonlySet<string>, after: string, before: string): Generator<string> {
  for (const one of model) if (one > after && one < before) yield one;
}

test('a reader gets what follows its last key in the set as it is then', () => {
  const change = fc.record({ after: fc.nat(400), add: fc.array(key), remove: fc.array(key) });
  fc.assert(
    fc.property(keys, fc.array(change, { maxLength: 20 }), (added, changes) => {
      const sorted = new SortedKeys();
      const model = new Set(added);
      for (const each of added) sorted.add(each);
      let last = '';
      let count = 0;
      for (const each of sorted.from('')) {
        assert.ok(each > last && model.has(each));
        for (const one of skipped(model, last, each)) assert.fail(`${one} was left out`);
        last = each;
        count += 1;
        for (const { after, add, remove } of changes) {
          if (after !== count) continue;
          for (const one of add) {
            if (!model.has(one)) sorted.add(one);
            model.add(one);
          }
          for (const one of remove) if (model.delete(one)) sorted.remove(one);
        }
      }
      assert.deepEqual(
        [...model].filter((one) => one > last),
        [],
      );
    }),
    { numRuns: 5 },
  );
});
