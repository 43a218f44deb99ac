/** Leases under virtual time: expiry by the leader, keep-alives through it, changes of the leader. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../../src/store/index.ts';
import { verifies } from '../requirements.ts';
import { createSingleStore, createStores, type StoreCluster } from './setup.ts';

const notFound = (error: unknown) =>
  error instanceof StoreError && error.code === 'lease-not-found';

/** Grants a lease at node `id` and attaches `keys` to it. */
async function hold(cluster: StoreCluster, id: string, ttlMs: number, keys: readonly string[]) {
  const { id: lease } = await cluster.store(id).lease.grant(ttlMs);
  for (const key of keys) await cluster.store(id).put(key, 'held', { lease });
  return lease;
}

test(verifies('store.lease-expiry'), async () => {
  const setup = createSingleStore();
  const { only: store, clock } = setup;
  const lease = await hold(setup, 'node-0', 1000, ['/m/1', '/m/2']);
  await store.put('/other', 'stays');
  await clock.advance(900);
  assert.equal(store.local.range({ prefix: '/m/' }).count, 2);
  await clock.advance(200);
  assert.equal(store.local.range({ prefix: '' }).count, 1);
  assert.deepEqual(store.local.leases(), []);
  await assert.rejects(store.lease.keepAlive(lease), notFound);
  await assert.rejects(store.put('/m/3', '', { lease }), notFound);
  await assert.rejects(store.lease.revoke(lease), notFound);
});

test('keys of one lease go at one revision, and watchers see them together', async () => {
  const setup = createSingleStore();
  const { only: store, clock } = setup;
  await hold(setup, 'node-0', 500, ['/b', '/a']);
  const revisions: (readonly [number, readonly string[]])[] = [];
  store.watch({ prefix: '/' }, (notice) => {
    if (notice.type !== 'events') return;
    const keys = notice.events.map((event) => (event.type === 'delete' ? event.key : 'put'));
    revisions.push([notice.revision, keys]);
  });
  await clock.advance(1000);
  assert.deepEqual(revisions, [[4, ['/a', '/b']]]);
});

test('a lease that is kept alive lives, from any node', async () => {
  const setup = createStores(['a', 'b', 'c']);
  const lease = await hold(setup, 'b', 1000, ['/k']);
  for (const id of ['b', 'a', 'c', 'b', 'b']) {
    await setup.clock.advance(700);
    const renewing = setup.store(id).lease.keepAlive(lease);
    await setup.clock.advance(0);
    assert.deepEqual(await renewing, { id: lease, ttlMs: 1000 });
  }
  assert.equal(setup.store('c').local.range({ prefix: '' }).count, 1);
  await setup.clock.advance(1100);
  assert.equal(setup.store('c').local.range({ prefix: '' }).count, 0);
});

test('a key that moves to another lease, or to none, leaves the first', async () => {
  const setup = createSingleStore();
  const { only: store, clock } = setup;
  const short = await hold(setup, 'node-0', 300, ['/moves', '/stays', '/freed']);
  const long = await hold(setup, 'node-0', 5000, ['/moves']);
  await store.put('/freed', 'no lease');
  assert.deepEqual(
    store.local.leases().map(({ id, keys }) => [id, keys]),
    [
      [short, ['/stays']],
      [long, ['/moves']],
    ],
  );
  await clock.advance(500);
  assert.deepEqual(
    store.local.range({ prefix: '' }).items.map(({ key }) => key),
    ['/freed', '/moves'],
  );
  await store.lease.revoke(long);
  assert.equal(store.local.get('/moves'), undefined);
});

test(verifies('store.lease-new-leader'), async () => {
  const setup = createStores(['a', 'b', 'c']);
  await hold(setup, 'a', 1000, ['/k']);
  await setup.clock.advance(900);
  setup.cluster.elect('b');
  await setup.clock.advance(900);
  assert.equal(setup.store('a').local.range({ prefix: '' }).count, 1);
  await setup.clock.advance(200);
  assert.equal(setup.store('a').local.range({ prefix: '' }).count, 0);
});

test(verifies('store.lease-deposed-leader'), async () => {
  const setup = createStores(['a', 'b']);
  const lease = await hold(setup, 'a', 1000, ['/k']);
  // The old leader decides that the lease is over, but its proposal reaches the log in its successor's term.
  setup.cluster.plan('refuse', 'refuse', 'refuse');
  await setup.clock.advance(1040);
  setup.cluster.elect('b');
  const before = setup.cluster.entries.length;
  await setup.clock.advance(500);
  assert.ok(setup.cluster.entries.length > before, 'the late proposal was committed');
  assert.equal(setup.store('b').local.range({ prefix: '' }).count, 1);
  const renewing = setup.store('a').lease.keepAlive(lease);
  await setup.clock.advance(0);
  assert.equal((await renewing).ttlMs, 1000);
});

test('a leader that cannot prove its leadership renews nothing', async () => {
  const setup = createStores(['a', 'b']);
  const lease = await hold(setup, 'a', 1000, ['/k']);
  setup.cluster.refuseBarriers(1);
  assert.deepEqual(await setup.store('a').serveKeepAlive(lease), { status: 'not-leader' });
  assert.deepEqual(await setup.store('b').serveKeepAlive(lease), { status: 'not-leader' });
  assert.equal((await setup.store('a').serveKeepAlive(lease)).status, 'renewed');
});

test('a leader deposed while it proves its leadership renews nothing', async () => {
  const setup = createStores(['a', 'b']);
  const lease = await hold(setup, 'a', 1000, ['/k']);
  const answer = setup.store('a').serveKeepAlive(lease);
  setup.cluster.elect('b');
  assert.deepEqual(await answer, { status: 'not-leader' });
});

test('a leader that was stopped for a while gives the lost time back', async () => {
  const setup = createSingleStore();
  const lease = await hold(setup, 'node-0', 1000, ['/k']);
  setup.clock.freeze(5000);
  await setup.clock.advance(100);
  assert.equal((await setup.only.lease.keepAlive(lease)).ttlMs, 1000);
  await setup.clock.advance(1100);
  assert.equal(setup.only.local.get('/k'), undefined);
});

test('an expiry that fails for now is tried again, and the lease cannot be renewed meanwhile', async () => {
  const setup = createSingleStore({ timeoutMs: 100 });
  const lease = await hold(setup, 'node-0', 1000, ['/k']);
  setup.cluster.plan(...Array.from({ length: 12 }, () => 'refuse' as const));
  await setup.clock.advance(1100);
  assert.deepEqual(await setup.only.serveKeepAlive(lease), { status: 'lease-not-found' });
  assert.notEqual(setup.only.local.get('/k'), undefined);
  await setup.clock.advance(2000);
  assert.equal(setup.only.local.get('/k'), undefined);
});

test('a keep-alive waits for a leader', async () => {
  const setup = createStores(['a', 'b']);
  const lease = await hold(setup, 'a', 1000, ['/k']);
  setup.cluster.elect(undefined);
  const renewing = setup.store('b').lease.keepAlive(lease);
  await setup.clock.advance(800);
  setup.cluster.elect('a');
  await setup.clock.advance(600);
  assert.equal((await renewing).id, lease);
});
