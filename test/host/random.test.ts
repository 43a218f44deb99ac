/** Chance that is fetched in advance is given to one caller only. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../src/host/index.ts';

test('bytes have the length asked for, and no piece comes twice, also where the supply is renewed', () => {
  const seen = new Set<string>();
  for (let n = 0; n < 2_000; n++) {
    const bytes = systemRandom.bytes(8 + (n % 17));
    assert.equal(bytes.length, 8 + (n % 17));
    for (let at = 0; at + 8 <= bytes.length; at += 8)
      seen.add(Buffer.from(bytes.subarray(at, at + 8)).toString('hex'));
  }
  const pieces = Array.from({ length: 2_000 }, (_, n) => Math.floor((8 + (n % 17)) / 8));
  assert.equal(
    seen.size,
    pieces.reduce((sum, count) => sum + count, 0),
  );
  assert.equal(systemRandom.bytes(100_000).length, 100_000);
});

test('bytes that were given do not change when others are', () => {
  const first = systemRandom.bytes(16);
  const before = Buffer.from(first).toString('hex');
  for (let n = 0; n < 1_000; n++) systemRandom.bytes(16);
  assert.equal(Buffer.from(first).toString('hex'), before);
});
