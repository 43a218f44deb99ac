/** The seeded simulation as a test: many short runs, and the proof that a seed means the same run each time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifies } from '../requirements.ts';
import { simulate } from './world.ts';

/** Seeds that found a fault once; they stay. */
const PAST_FAILURES = [1, 170];
const SEEDS = 120;

test(verifies('raft.simulation-holds'), (t) => {
  let committed = 0;
  for (const seed of [...PAST_FAILURES, ...Array.from({ length: SEEDS }, (_, i) => 10_000 + i)]) {
    const result = simulate(seed);
    const replay = `npm run simulate -- --seed ${seed}`;
    assert.equal(result.violation, undefined, `${result.violation?.message}; replay: ${replay}`);
    committed += result.committed;
  }
  t.diagnostic(`${committed} entries committed`);
  assert.ok(committed > SEEDS * 20, 'the runs commit too little to prove anything');
});

test('the same seed gives the same trace, another seed another one', () => {
  const first = simulate(42);
  assert.equal(simulate(42).hash, first.hash);
  assert.notEqual(simulate(43).hash, first.hash);
});
