/** The seeded simulation as a test: many short runs, and the proof that a seed means the same run each time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifies } from '../requirements.ts';
import { numbersIn, replayCommand } from './shrink.ts';
import { sweep } from './sweep.ts';
import { simulate } from './world.ts';

/** Seeds that found a fault once; they stay. */
const PAST_FAILURES = [
  4, 10, 13, 36, 44, 1021, 1186, 1922, 2023, 3051, 3269, 3501, 10_084, 22_844, 25_747,
];
const SEEDS = 1_000;

test(verifies('raft.simulation-holds'), async (t) => {
  const total = await sweep(10_000, SEEDS, 2);
  const [failure] = total.failures;
  assert.equal(
    failure,
    undefined,
    `${failure?.message}; replay: npm run simulate -- --seed ${failure?.seed}`,
  );
  const hours = (total.virtualMs / 3_600_000).toFixed(2);
  t.diagnostic(
    `${total.committed} entries committed, ${total.reads} reads, ${hours} virtual hours`,
  );
  assert.ok(total.committed > SEEDS * 50, 'the runs commit too little to prove anything');
  assert.ok(total.acknowledged > SEEDS * 30, 'the runs acknowledge too little to prove anything');
  assert.ok(total.reads > SEEDS * 10, 'the runs read too little to prove anything');
});

for (const seed of PAST_FAILURES) {
  test(`seed ${seed}, which failed once, holds`, () => {
    assert.equal(simulate(seed).violation?.message, undefined);
  });
}

test('the same seed gives the same trace, another seed another one', () => {
  for (const seed of [42, 43, 44, 45]) assert.equal(simulate(seed).hash, simulate(seed).hash);
  assert.notEqual(simulate(43).hash, simulate(42).hash);
});

test('a planned event can be left out, and the command says which', () => {
  const whole = simulate(7);
  const drop = whole.plan.map(({ number }) => number);
  const calm = simulate(7, { drop });
  assert.equal(calm.violation, undefined);
  assert.equal(calm.plan.length, 0);
  assert.notEqual(calm.hash, whole.hash);
  const command = replayCommand(7, { nodes: 3, without: ['loss'], drop: [1, 2, 3, 7] });
  assert.equal(command, 'npm run simulate -- --seed 7 --nodes 3 --without loss --drop 1-3,7');
  assert.deepEqual(numbersIn('1-3,7'), [1, 2, 3, 7]);
});
