/** The object store: revisions, refusals, old lists, watches, and what survives a crash. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  createObjectStore,
  type ObjectKey,
  type StoredObject,
  type StoreEvent,
} from '../../../src/devcluster/objects/index.ts';
import { verifies } from '../../requirements.ts';

const key = (name: string, namespace = 'default'): ObjectKey => ({
  resource: 'configmaps',
  namespace,
  name,
});
const object = (name: string, value = ''): StoredObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data: { value },
});

async function directory(context: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'objects-'));
  context.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('every change has a revision of its own, and a stale one is refused', async () => {
  const store = await createObjectStore();
  const first = store.create(key('a'), object('a'));
  assert.ok(first.ok);
  assert.equal(store.create(key('a'), object('a')).ok, false);
  const version = first.value.metadata.resourceVersion ?? '';
  const second = store.update(key('a'), object('a', '2'), version);
  assert.ok(second.ok);
  assert.ok(Number(second.value.metadata.resourceVersion) > Number(version));
  assert.deepEqual(store.update(key('a'), object('a', '3'), version), {
    ok: false,
    error: 'conflict',
  });
  assert.deepEqual(store.update(key('b'), object('b'), version), { ok: false, error: 'not-found' });
  assert.deepEqual(store.remove(key('b')), { ok: false, error: 'not-found' });
});

test('a stored object cannot be changed by accident', async () => {
  const store = await createObjectStore();
  store.create(key('a'), object('a'));
  assert.throws(() => Object.assign(store.get(key('a'))?.metadata ?? {}, { name: 'b' }), TypeError);
});

test('a list of an older revision shows that moment', async () => {
  const store = await createObjectStore();
  store.create(key('a'), object('a', '1'));
  store.create(key('b'), object('b', '1'));
  const moment = store.revision();
  store.remove(key('a'));
  store.update(key('b'), object('b', '2'), String(moment));
  store.create(key('c', 'other'), object('c', '1'));
  const then = store.list('configmaps', { at: moment });
  assert.ok(then.ok);
  assert.deepEqual(
    then.value.items.map((item) => [item.metadata.name, item['data']]),
    [
      ['a', { value: '1' }],
      ['b', { value: '1' }],
    ],
  );
  const now = store.list('configmaps', { namespace: 'default' });
  assert.ok(now.ok);
  assert.deepEqual(
    now.value.items.map((item) => item.metadata.name),
    ['b'],
  );
});

test('the history is bounded: what is older is refused, by list and by watch', async () => {
  const store = await createObjectStore({ historyMax: 10 });
  for (let i = 0; i < 50; i += 1) store.create(key(`k${i}`), object(`k${i}`));
  const old = store.list('configmaps', { at: 2 });
  assert.ok(!old.ok && old.error.reason === 'expired');
  assert.ok(old.error.oldest > 2);
  const watch = store.watch('configmaps', 2, () => undefined);
  assert.ok(!watch.ok && watch.error.reason === 'expired');
  const future = store.watch('configmaps', 10_000, () => undefined);
  assert.ok(!future.ok && future.error.reason === 'future');
});

test('a watch tells what was missed and what comes, in order, once', async () => {
  const store = await createObjectStore();
  store.create(key('a'), object('a'));
  const from = store.revision();
  store.create(key('b'), object('b'));
  const seen: StoreEvent[] = [];
  const watch = store.watch('configmaps', from, (event) => {
    seen.push(event);
    // A listener that writes: its change comes after the one it is being told of.
    if (event.key.name === 'c' && event.type === 'ADDED') store.remove(key('c'));
  });
  assert.ok(watch.ok);
  store.create(key('c'), object('c'));
  store.create({ ...key('x'), resource: 'secrets' }, object('x'));
  watch.value();
  store.create(key('d'), object('d'));
  assert.deepEqual(
    seen.map((event) => `${event.type} ${event.key.name}`),
    ['ADDED b', 'ADDED c', 'DELETED c'],
  );
});

test(verifies('devcluster.store-durable'), async (context) => {
  const dataDir = await directory(context);
  const first = await createObjectStore({ dataDir, journalRecordsMax: 20 });
  for (let i = 0; i < 50; i += 1) {
    const made = first.create(key(`k${i}`), object(`k${i}`, '1'));
    assert.ok(made.ok);
    if (i % 2 === 0) first.remove(key(`k${i}`));
    if (i % 10 === 0) await first.durable();
  }
  await first.durable();
  const revision = first.revision();
  const before = first.list('configmaps');
  // Not closed: the process is gone. The last write it began was torn.
  const log = (await readdir(dataDir)).filter((name) => name.startsWith('journal')).at(-1) ?? '';
  await appendFile(join(dataDir, log), '{"revision": 9999, "ke');

  const second = await createObjectStore({ dataDir });
  assert.equal(second.revision(), revision);
  assert.deepEqual(second.list('configmaps'), before);
  const next = second.create(key('new'), object('new'));
  assert.ok(next.ok && Number(next.value.metadata.resourceVersion) === revision + 1);
  await second.close();

  const third = await createObjectStore({ dataDir });
  assert.notEqual(third.get(key('new')), undefined);
  await third.close();
  await first.close();
});

test('with a folder, watches are told of a change only once it is on disk, and can resume over a restart', async (context) => {
  const dataDir = await directory(context);
  const store = await createObjectStore({ dataDir });
  const seen: string[] = [];
  const from = store.revision();
  store.watch('configmaps', from, (event) => seen.push(event.key.name));
  store.create(key('a'), object('a'));
  assert.deepEqual(seen, []);
  await store.durable();
  await store.durable();
  assert.deepEqual(seen, ['a']);
  store.remove(key('a'));
  await store.close();
  const again = await createObjectStore({ dataDir });
  const resumed: string[] = [];
  const watch = again.watch('configmaps', from, (event) => resumed.push(event.type));
  assert.ok(watch.ok);
  assert.deepEqual(resumed, ['ADDED', 'DELETED']);
  await again.close();
});

test('a damaged folder is one sentence that says what to do', async (context) => {
  const dataDir = await directory(context);
  const store = await createObjectStore({ dataDir });
  store.create(key('a'), object('a'));
  await store.close();
  const log = (await readdir(dataDir)).find((name) => name.startsWith('journal')) ?? '';
  await appendFile(join(dataDir, log), 'not json\n{}\n');
  await assert.rejects(createObjectStore({ dataDir }), /line 2 is damaged; remove the folder/);
});
