/** The store's face on an in-memory log: reads, writes, transactions, retries, errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STORE_LIMITS, StoreError, type StoreErrorCode } from '../../src/store/index.ts';
import { verifies } from '../requirements.ts';
import { createSingleStore, createStores } from './setup.ts';

const failsWith = (code: StoreErrorCode) => (error: unknown) =>
  error instanceof StoreError && error.code === code;

test('a put gives etcd metadata: create and mod revision, version, lease', async () => {
  const { only: store } = createSingleStore();
  assert.deepEqual(await store.put('/a', '1'), { revision: 2 });
  assert.deepEqual(await store.put('/b', 'x'), { revision: 3 });
  const { revision, previous } = await store.put('/a', '2');
  assert.equal(revision, 4);
  assert.equal(previous?.value, '1');
  assert.deepEqual(await store.get('/a'), {
    key: '/a',
    value: '2',
    createRevision: 2,
    modRevision: 4,
    version: 2,
    lease: 0,
  });
  assert.equal(await store.get('/missing'), undefined);
});

test('a key that is deleted and created again starts a new life', async () => {
  const { only: store } = createSingleStore();
  await store.put('/a', '1');
  await store.put('/a', '2');
  const { deleted, revision } = await store.delete({ key: '/a' });
  assert.deepEqual([deleted.map((item) => item.value), revision], [['2'], 4]);
  assert.deepEqual(await store.delete({ key: '/a' }), { revision: 4, deleted: [] });
  await store.put('/a', '3');
  const item = await store.get('/a');
  assert.deepEqual([item?.createRevision, item?.modRevision, item?.version], [5, 5, 1]);
});

test('range reads by prefix in key order, with limit and count, and in the past', async () => {
  const { only: store } = createSingleStore();
  for (const key of ['/s/b', '/t/x', '/s/a', '/r', '/s/c']) await store.put(key, key);
  const { items, count, revision } = await store.range({ prefix: '/s/' }, { limit: 2 });
  assert.deepEqual([items.map(({ key }) => key), count, revision], [['/s/a', '/s/b'], 3, 6]);
  await store.delete({ prefix: '/s/' });
  assert.equal((await store.range({ prefix: '/s/' })).count, 0);
  const past = store.local.range({ prefix: '/s/' }, { revision: 4 });
  assert.deepEqual(
    past.items.map(({ key }) => key),
    ['/s/a', '/s/b'],
  );
  await assert.rejects(store.range({ prefix: '' }, { revision: 99 }), failsWith('future-revision'));
});

test(verifies('store.compare-and-swap'), async () => {
  const { only: store } = createSingleStore();
  const claim = (owner: string, seen: number) =>
    store.txn({
      compare: [{ key: '/owner', target: 'modRevision', operator: '=', operand: seen }],
      success: [{ type: 'put', key: '/owner', value: owner }],
      failure: [{ type: 'get', selector: { key: '/owner' } }],
    });
  const answers = await Promise.all(['a', 'b', 'c'].map((owner) => claim(owner, 0)));
  assert.equal(answers.filter((answer) => answer.succeeded).length, 1);
  const winner = answers.find((answer) => answer.succeeded);
  const token = (await store.get('/owner'))?.modRevision;
  assert.equal(token, winner?.revision);
  const loser = answers.find((answer) => !answer.succeeded)?.responses[0];
  assert.equal(loser?.type === 'get' && loser.items[0]?.modRevision, token);
  assert.equal((await claim('d', token ?? 0)).succeeded, true);
});

test('every comparison target and operator', async () => {
  const { only: store } = createSingleStore();
  await store.put('/k', 'm');
  await store.put('/k', 'n');
  const holds = async (compare: Parameters<typeof store.txn>[0]['compare']) =>
    (await store.txn({ compare: compare ?? [], success: [] })).succeeded;
  const number = (
    target: 'version' | 'createRevision' | 'modRevision' | 'lease',
    operator: '=' | '!=' | '<' | '>',
    operand: number,
    key = '/k',
  ) => holds([{ key, target, operator, operand }]);
  assert.equal(await number('version', '=', 2), true);
  assert.equal(await number('version', '>', 2), false);
  assert.equal(await number('createRevision', '<', 3), true);
  assert.equal(await number('modRevision', '!=', 3), false);
  assert.equal(await number('lease', '=', 0), true);
  assert.equal(await number('version', '=', 0, '/missing'), true);
  assert.equal(await number('createRevision', '<', 1, '/missing'), true);
  const value = (operator: '=' | '!=' | '<' | '>', operand: string, key = '/k') =>
    holds([{ key, target: 'value', operator, operand }]);
  assert.equal(await value('=', 'n'), true);
  assert.equal(await value('<', 'o'), true);
  assert.equal(await value('!=', 'x', '/missing'), false);
});

test('a transaction changes several keys at one revision; operations see earlier ones', async () => {
  const { only: store } = createSingleStore();
  await store.put('/old/1', '');
  const result = await store.txn({
    success: [
      { type: 'put', key: '/new/1', value: 'a' },
      { type: 'put', key: '/new/2', value: 'b' },
      { type: 'delete', selector: { prefix: '/old/' } },
      { type: 'get', selector: { prefix: '/' }, limit: 1 },
    ],
  });
  assert.equal(result.revision, 3);
  const last = result.responses[3];
  assert.equal(last?.type === 'get' && last.count, 2);
  const { items } = await store.range({ prefix: '/new/' });
  assert.deepEqual(
    items.map((item) => item.modRevision),
    [3, 3],
  );
});

test('requests that break a rule are refused before they enter the log', async () => {
  const { only: store, cluster } = createSingleStore();
  const put = (key: string, value = '') => ({ type: 'put', key, value }) as const;
  await assert.rejects(
    store.txn({ success: [put('/a'), put('/a')] }),
    failsWith('invalid-request'),
  );
  await assert.rejects(
    store.txn({ success: [put('/a/b'), { type: 'delete', selector: { prefix: '/a' } }] }),
    failsWith('invalid-request'),
  );
  await assert.rejects(store.put('', ''), failsWith('invalid-request'));
  await assert.rejects(store.get(''), failsWith('invalid-request'));
  await assert.rejects(store.range({ prefix: '' }, { limit: 0 }), failsWith('invalid-request'));
  await assert.rejects(
    store.put('k'.repeat(STORE_LIMITS.keyCharactersMax + 1), ''),
    failsWith('too-large'),
  );
  await assert.rejects(
    store.put('k', 'v'.repeat(STORE_LIMITS.valueCharactersMax + 1)),
    failsWith('too-large'),
  );
  await assert.rejects(
    store.txn({ success: Array.from({ length: 129 }, (_, i) => put(`/${i}`)) }),
    failsWith('too-large'),
  );
  await assert.rejects(store.put('k', '\u{1f600}'.repeat(500_000)), failsWith('too-large'));
  await assert.rejects(store.lease.grant(1), failsWith('invalid-request'));
  await assert.rejects(store.lease.revoke(-1), failsWith('invalid-request'));
  assert.equal(cluster.entries.length, 0);
});

test(verifies('store.retry-applies-once'), async () => {
  const { only: store, cluster, clock } = createSingleStore();
  cluster.plan('refuse', 'lose-proposal', 'lose-answer');
  const writing = store.put('/counter', 'x');
  await clock.advance(2000);
  assert.deepEqual(await writing, { revision: 2 });

  // The answer is lost and the copy that is sent again comes after others' writes: still once.
  const [first] = cluster.entries;
  cluster.append(first?.command ?? new Uint8Array());
  assert.equal(store.revision(), 2);
  assert.equal((await store.get('/counter'))?.version, 1);
});

test('a lost answer is retried on a node that lags, and still applies once', async () => {
  const { cluster, clock, store } = createStores(['a', 'b']);
  cluster.node('b').hold(true);
  cluster.plan('lose-answer');
  const writing = store('b').put('/k', 'v');
  await clock.advance(1000);
  assert.ok(cluster.entries.length >= 2, 'proposed again');
  cluster.node('b').hold(false);
  await clock.advance(0);
  assert.deepEqual(await writing, { revision: 2 });
  await clock.advance(1000);
  assert.equal(store('a').local.get('/k')?.version, 1);
});

test('without a majority calls fail in time and say whether something may have changed', async () => {
  const { only: store, cluster, clock } = createSingleStore({ timeoutMs: 3000 });
  cluster.elect(undefined);
  const outcomes = Promise.all([
    assert.rejects(store.put('/a', '1'), failsWith('unavailable')),
    assert.rejects(store.get('/a'), failsWith('unavailable')),
    assert.rejects(store.lease.keepAlive(7), failsWith('unavailable')),
  ]);
  await clock.advance(3000);
  await outcomes;

  cluster.elect('node-0');
  cluster.plan(...Array.from({ length: 40 }, () => 'lose-proposal' as const));
  const unknown = assert.rejects(store.put('/a', '1'), failsWith('outcome-unknown'));
  await clock.advance(3000);
  await unknown;
});

test('a caller that gives up ends its retries', async () => {
  const { only: store, cluster, clock } = createSingleStore();
  cluster.elect(undefined);
  const caller = new AbortController();
  const failed = assert.rejects(
    store.put('/a', '1', { signal: caller.signal }),
    failsWith('unavailable'),
  );
  await clock.advance(100);
  caller.abort(new Error('client left'));
  await failed;
  await clock.advance(0);
  assert.equal(clock.pending, 0, 'no timer is left');
});

test('too many waiting writes are refused at once', async () => {
  const { only: store, cluster } = createSingleStore({ pendingMax: 2 });
  cluster.elect(undefined);
  const waiting = [store.put('/a', ''), store.put('/b', '')].map((call) =>
    assert.rejects(call, failsWith('stopped')),
  );
  await assert.rejects(store.put('/c', ''), failsWith('overloaded'));
  await store.stop();
  await Promise.all(waiting);
  await assert.rejects(store.put('/d', ''), failsWith('stopped'));
});

test('ready waits for the first read barrier, however long', async () => {
  const { only: store, cluster, clock } = createSingleStore();
  cluster.elect(undefined);
  let ready = false;
  void store.ready().then(() => (ready = true));
  await clock.advance(60_000);
  assert.equal(ready, false);
  cluster.elect('node-0');
  await clock.advance(1000);
  assert.equal(ready, true);
});

test(verifies('store.unknown-version-refused'), async () => {
  const { cluster } = createSingleStore();
  const append = (text: string) => cluster.append(new TextEncoder().encode(text));
  assert.throws(() => append('[99,"p",0,"t"]'), /version 99.*upgrade/);
  assert.throws(() => append('[1,"p",0,"?"]'), /nobody can read.*unknown command/);
  assert.throws(() => append('not json'), /nobody can read/);
});

test('metrics tell revision, keys, leases, watchers and transactions', async () => {
  const { only: store, metrics } = createSingleStore();
  await store.put('/a', '1');
  await store.lease.grant(1000);
  const cancel = store.watch({ prefix: '' }, () => undefined);
  const text = await metrics.exposition();
  for (const line of [
    'store_revision 2',
    'store_keys 1',
    'store_leases 1',
    'store_watchers 1',
    'store_txn_total{result="success"} 1',
  ]) {
    assert.ok(text.includes(line), line);
  }
  cancel();
  assert.ok((await metrics.exposition()).includes('store_watchers 0'));
});
