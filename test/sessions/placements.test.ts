/** Where tasks and state handles live: agreed, first come, for a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPlacements, type Placements } from '../../src/sessions/index.ts';
import { required } from '../../src/std/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { createStores, type StoreCluster } from '../store/setup.ts';
import { verifies } from '../requirements.ts';

const DAY_MS = 86_400_000;

function world(placementsMax?: number): StoreCluster & { a: Placements; b: Placements } {
  const setup = createStores(['node-0', 'node-1']);
  const [a, b] = ['node-0', 'node-1'].map((id) =>
    createPlacements({
      store: setup.store(id),
      clock: setup.clock,
      metrics: createMetrics(),
      ...(placementsMax === undefined ? {} : { placementsMax }),
    }),
  );
  return { ...setup, a: required(a, 'a'), b: required(b, 'b') };
}

test(verifies('sessions.one-place'), async () => {
  const { a, b } = world();
  const places = await Promise.all([
    a.place('task:1', { node: 'x' }, { ttlMs: DAY_MS }),
    b.place('task:1', { node: 'y' }, { ttlMs: DAY_MS }),
  ]);
  assert.equal(new Set(places.map(({ node }) => node)).size, 1);
  assert.equal(a.local('task:1')?.node, places[0]?.node);
  assert.equal((await b.find('task:1'))?.node, places[0]?.node);
  assert.equal(await b.find('task:2'), undefined);
});

test('a place whose pod is gone is given away once, and only by name', async () => {
  const { a, b } = world();
  await a.place('k', { node: 'x' }, { ttlMs: DAY_MS });
  assert.equal((await b.place('k', { node: 'y' }, { ttlMs: DAY_MS, replaces: 'other' })).node, 'x');
  assert.equal((await b.place('k', { node: 'y' }, { ttlMs: DAY_MS, replaces: 'x' })).node, 'y');
  assert.equal((await a.place('k', { node: 'z' }, { ttlMs: DAY_MS, replaces: 'x' })).node, 'y');
});

test('a pod that lags asks the store', async () => {
  const { a, b, cluster } = world();
  cluster.node('node-1').hold(true);
  await a.place('k', { node: 'x' }, { ttlMs: DAY_MS });
  assert.equal(b.local('k'), undefined);
  const found = b.find('k');
  cluster.node('node-1').hold(false);
  assert.equal((await found)?.node, 'x');
});

test('a place ends with its time, is renewed by use, and is swept', async () => {
  const { a, store, clock } = world();
  const kept = (): number => store('node-0').local.range({ prefix: '/placements/' }).items.length;
  await a.place('short', { node: 'x' }, { ttlMs: 1_000 });
  await a.place('used', { node: 'x' }, { ttlMs: 1_000 });
  await clock.advance(900);
  await a.place('used', { node: 'x' }, { ttlMs: 1_000 });
  await clock.advance(200);
  assert.equal(a.local('short'), undefined);
  assert.equal(a.local('used')?.node, 'x');
  assert.equal(kept(), 2);
  await clock.advance(60_000);
  assert.equal(kept(), 0);
  assert.equal((await a.place('short', { node: 'y' }, { ttlMs: 1_000 })).node, 'y');
});

test('beyond the maximum nothing is recorded', async () => {
  const { a } = world(1);
  await a.place('one', { node: 'x' }, { ttlMs: DAY_MS });
  assert.equal((await a.place('two', { node: 'x' }, { ttlMs: DAY_MS })).node, 'x');
  assert.equal(await a.find('two'), undefined);
  assert.equal((await a.place('one', { node: 'y' }, { ttlMs: DAY_MS, replaces: 'x' })).node, 'y');
});

test(verifies('sessions.owned-place'), async () => {
  const { a, b } = world();
  const mine = { node: 'x', owner: 'alice' };
  await a.place('k', mine, { ttlMs: DAY_MS });
  const theirs = { node: 'y', owner: 'bob' };
  const { node, owner } = await b.place('k', theirs, { ttlMs: DAY_MS, replaces: 'x' });
  assert.deepEqual({ node, owner }, mine);
  assert.equal((await b.place('k', { node: 'x' }, { ttlMs: DAY_MS })).owner, 'alice');
  const moved = { node: 'y', owner: 'alice' };
  assert.deepEqual(await b.place('k', moved, { ttlMs: DAY_MS, replaces: 'x' }), moved);
  // Recorded while callers were not told apart.
  await a.place('old', { node: 'x' }, { ttlMs: DAY_MS });
  await a.place('old', mine, { ttlMs: DAY_MS });
  assert.equal((await b.place('old', theirs, { ttlMs: DAY_MS })).owner, 'alice');
});
