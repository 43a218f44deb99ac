/** Watches: from now, from the past, across compaction, with slow and failing listeners. */
import assert from 'node:assert/strict';
import { setImmediate as settle } from 'node:timers/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { StoreError, type WatchNotice } from '../../src/store/index.ts';
import { verifies } from '../requirements.ts';
import { createSingleStore } from './setup.ts';

/** `+key@revision` and `-key@revision`, or what ended the watch. */
function shorten(notice: WatchNotice): string[] {
  if (notice.type === 'compacted') return [`compacted@${notice.compactRevision}`];
  return notice.events.map((event) =>
    event.type === 'put'
      ? `+${event.item.key}@${event.item.modRevision}`
      : `-${event.key}@${event.revision}`,
  );
}

test('a watch without a revision reports what comes after it, with what was there before', async () => {
  const { only: store } = createSingleStore();
  await store.put('/a', '1');
  const notices: WatchNotice[] = [];
  const cancel = store.watch({ prefix: '/' }, (notice) => void notices.push(notice));
  await store.put('/a', '2');
  await store.delete({ key: '/a' });
  await store.put('x', 'does not match');
  cancel();
  await store.put('/b', 'after the end');
  const [put, deleted] = notices.flatMap((notice) =>
    notice.type === 'events' ? notice.events : [],
  );
  assert.deepEqual(notices.flatMap(shorten), ['+/a@3', '-/a@4']);
  assert.equal(put?.type === 'put' && put.previous?.value, '1');
  assert.equal(deleted?.type === 'delete' && deleted.previous.value, '2');
});

test('a caller that was told of its write has already seen its event', async () => {
  const { only: store } = createSingleStore();
  const seen: string[] = [];
  store.watch({ key: '/k' }, (notice) => void seen.push(...shorten(notice)));
  await store.put('/k', '');
  assert.deepEqual(seen, ['+/k@2']);
});

test('the first notice never comes before the caller holds the cancel function', async () => {
  const { only: store } = createSingleStore();
  await store.put('/k', '');
  let cancelled = false;
  const cancel = store.watch({ key: '/k', fromRevision: 1 }, () => {
    cancel();
    cancelled = true;
  });
  await settle();
  await store.put('/k', '');
  assert.equal(cancelled, true);
});

test('a watch from a future revision waits for it', async () => {
  const { only: store } = createSingleStore();
  const seen: string[] = [];
  store.watch({ prefix: '', fromRevision: 4 }, (notice) => void seen.push(...shorten(notice)));
  for (const key of ['a', 'b', 'c', 'd']) await store.put(key, '');
  assert.deepEqual(seen, ['+c@4', '+d@5']);
});

test(verifies('store.watch-no-gap'), async () => {
  const step = fc.record({ key: fc.constantFrom('/a', '/b', '/c'), remove: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 30 }),
      fc.nat(30),
      fc.nat(30),
      fc.boolean(),
      async (steps, startAt, fromBack, slow) => {
        const { only: store } = createSingleStore();
        const expected: string[] = [];
        const seen: string[] = [];
        let from = Infinity;
        for (const [i, { key, remove }] of steps.entries()) {
          if (i === startAt % steps.length) {
            from = Math.max(1, store.revision() + 1 - fromBack);
            store.watch({ prefix: '/', fromRevision: from }, async (notice) => {
              seen.push(...shorten(notice));
              if (slow) await settle();
            });
          }
          const { revision } = remove ? await store.delete({ key }) : await store.put(key, '');
          const line = `${remove ? '-' : '+'}${key}@${revision}`;
          if (expected.at(-1)?.split('@')[1] !== `${revision}` && revision > 1) expected.push(line);
        }
        for (let i = 0; i < steps.length * 3; i++) await settle();
        const wanted = expected.filter((line) => Number(line.split('@')[1]) >= from);
        assert.deepEqual(seen, wanted);
      },
    ),
    { numRuns: 60 },
  );
});

test(verifies('store.watch-compacted'), async () => {
  const { only: store, clock } = createSingleStore({ historyEventsMax: 10 });
  for (let i = 0; i < 50; i++) await store.put('/k', `${i}`);
  await clock.advance(0);
  const seen: string[] = [];
  store.watch({ key: '/k', fromRevision: 5 }, (notice) => void seen.push(...shorten(notice)));
  await settle();
  assert.match(seen.join(' '), /^compacted@\d+$/);
  await store.put('/k', 'more');
  assert.equal(seen.length, 1, 'the watch has ended');
  assert.throws(
    () => store.local.range({ prefix: '' }, { revision: 5 }),
    (error) => error instanceof StoreError && error.code === 'compacted',
  );
  assert.equal(store.local.get('/k')?.version, 51);
});

test(verifies('store.watch-slow-listener'), async () => {
  const { only: store, metrics } = createSingleStore({ historyEventsMax: 20 });
  const seen: string[] = [];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  store.watch({ prefix: '' }, async (notice) => {
    seen.push(...shorten(notice));
    await held;
  });
  for (let i = 0; i < 500; i++) await store.put(`/${i % 7}`, `${i}`);
  assert.equal(seen.length, 1);
  const kept = Number(/store_history_events (\d+)/.exec(await metrics.exposition())?.[1]);
  assert.ok(kept <= 42, `${kept} events kept`);
  release();
  await settle();
  assert.match(seen[1] ?? '', /^compacted@/);
});

test('history is bounded by size too', async () => {
  const { only: store, metrics } = createSingleStore({ historyWeightMax: 10_000 });
  for (let i = 0; i < 100; i++) await store.put('/big', 'x'.repeat(1000));
  const kept = Number(/store_history_events (\d+)/.exec(await metrics.exposition())?.[1]);
  assert.ok(kept <= 22, `${kept} events kept`);
});

test('a listener that throws or rejects is told the next change all the same', async () => {
  const { only: store } = createSingleStore();
  const seen: string[] = [];
  store.watch({ prefix: '' }, (notice) => {
    seen.push(...shorten(notice));
    throw new Error('listener');
  });
  store.watch({ prefix: '' }, async (notice) => {
    seen.push(...shorten(notice));
    await Promise.reject(new Error('listener'));
  });
  await store.put('a', '');
  await settle();
  await store.put('b', '');
  await settle();
  assert.deepEqual(seen.sort(), ['+a@2', '+a@2', '+b@3', '+b@3']);
});

test('all events of one revision stay in one notice, however many', async () => {
  const { only: store } = createSingleStore();
  const { id: lease } = await store.lease.grant(1000);
  for (let batch = 0; batch < 12; batch++) {
    await store.txn({
      success: Array.from({ length: 100 }, (_, i) => ({
        type: 'put' as const,
        key: `/${batch}/${i}`,
        value: '',
        lease,
      })),
    });
  }
  await store.lease.revoke(lease);
  const sizes: number[] = [];
  store.watch({ prefix: '', fromRevision: 1 }, (notice) => {
    if (notice.type === 'events') sizes.push(notice.events.length);
  });
  await settle();
  assert.deepEqual(sizes, [1000, 1400]);
});
