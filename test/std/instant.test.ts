/** Instants have the forms of Kubernetes' own types. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { microTimeText, timeText } from '../../src/std/index.ts';

test('a second is what remains of an instant, never the next one', () => {
  assert.equal(timeText(1_763_812_799_999), '2025-11-22T11:59:59Z');
  assert.equal(timeText(new Date('2025-11-22T00:00:00.000Z')), '2025-11-22T00:00:00Z');
});

test('six digits stand where Kubernetes wants microseconds', () => {
  assert.equal(microTimeText(1_763_812_799_999), '2025-11-22T11:59:59.999000Z');
});
