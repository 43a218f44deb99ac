/** A member that is sent a snapshot instead of entries: nobody who follows its store may notice more than a jump in time. */
import assert from 'node:assert/strict';
import { setImmediate as settle } from 'node:timers/promises';
import { test } from 'node:test';
import { createMetrics } from '../../src/telemetry/index.ts';
import { createSessions } from '../../src/sessions/index.ts';
import { StoreError, type WatchNotice } from '../../src/store/index.ts';
import { follow } from '../../src/sidecar/follow.ts';
import { verifies } from '../requirements.ts';
import { sampleRecord } from '../sessions/memory-store.ts';
import { createStores, type StoreCluster } from './setup.ts';

/** Two members; `b` is cut off from the log while `a` goes on. */
async function fallBehind(
  before: (cluster: StoreCluster) => Promise<unknown>,
  meanwhile: (cluster: StoreCluster) => Promise<unknown>,
): Promise<{ readonly setup: StoreCluster; catchUp(): Promise<void> }> {
  const setup = createStores(['a', 'b'], { historyEventsMax: 10 });
  const behind = setup.cluster.node('b');
  await before(setup);
  behind.hold(true);
  await meanwhile(setup);
  return {
    setup,
    async catchUp() {
      const { index, chunks } = setup.cluster.node('a').snapshot();
      behind.install(index, chunks);
      behind.hold(false);
      await settle();
    },
  };
}

const write = async ({ store }: StoreCluster, key: string, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await store('a').put(key, `${i}`);
};

test(verifies('store.snapshot-skips-nothing'), async (t) => {
  await t.test('a watcher whose history is still kept misses nothing', async () => {
    const seen: number[] = [];
    const { setup, catchUp } = await fallBehind(
      async ({ store }) => {
        store('b').watch({ key: '/k' }, (notice) => {
          assert.equal(notice.type, 'events');
          if (notice.type !== 'events') return;
          for (const event of notice.events)
            if (event.type === 'put') seen.push(event.item.version);
        });
      },
      (setup) => write(setup, '/k', 8),
    );
    await catchUp();
    await write(setup, '/k', 2);
    assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  await t.test('a watcher that fell behind the kept history is told so', async () => {
    const notices: WatchNotice[] = [];
    const { setup, catchUp } = await fallBehind(
      async ({ store }) => {
        store('b').watch({ key: '/k' }, (notice) => void notices.push(notice));
      },
      (setup) => write(setup, '/k', 60),
    );
    await catchUp();
    assert.deepEqual(
      notices.map(({ type }) => type),
      ['compacted'],
    );
    assert.equal(setup.store('b').local.get('/k')?.version, 60);
    assert.equal(setup.store('b').revision(), setup.store('a').revision());
  });

  await t.test('a part that follows keys reads them again and goes on following', async () => {
    const seen: (string | undefined)[] = [];
    const { setup, catchUp } = await fallBehind(
      async ({ store }) => {
        follow(store('b'), { key: '/config' }, () =>
          seen.push(store('b').local.get('/config')?.value),
        );
      },
      async (setup) => {
        await write(setup, '/config', 1);
        await write(setup, '/other', 60);
      },
    );
    await catchUp();
    assert.deepEqual(seen, ['0']);
    await setup.store('a').put('/config', 'next');
    assert.deepEqual(seen, ['0', 'next']);
  });

  await t.test('the directory of sessions holds what there is', async () => {
    const ids = ['one', 'two', 'three'].map((name) => name.padEnd(43, 'x'));
    const changes: string[] = [];
    const sessions = ({ store, clock }: StoreCluster, id: string) =>
      createSessions({
        store: store(id),
        clock,
        metrics: createMetrics(),
        config: { idleTimeoutMs: 10 ** 6, max: 10, resume: { events: 1, bytes: 1 } },
      });
    let copy: ReturnType<typeof sessions> | undefined;
    const put = ({ store }: StoreCluster, i: number) =>
      store('a').put(`/sessions/${ids[i]}`, JSON.stringify(sampleRecord({ id: ids[i] as string })));
    const { setup, catchUp } = await fallBehind(
      async (setup) => {
        copy = sessions(setup, 'b');
        copy.directory.onChange((id) => void changes.push(id));
        await put(setup, 0);
      },
      async (setup) => {
        await put(setup, 1);
        await setup.store('a').delete({ key: `/sessions/${ids[0]}` });
        await write(setup, '/other', 60);
      },
    );
    assert.equal(copy?.directory.size, 1);
    await catchUp();
    assert.deepEqual(
      copy.directory.list().map(({ id }) => id),
      [ids[1]],
    );
    assert.equal(changes.filter((id) => id === ids[0]).length, 2, 'it came and went');
    await put(setup, 2);
    assert.equal(copy.directory.size, 2);
  });

  await t.test('a writer whose entry came in the snapshot is told at once', async () => {
    let waiting: Promise<unknown> = Promise.resolve();
    const { setup, catchUp } = await fallBehind(
      async () => undefined,
      async ({ store }) => {
        waiting = store('b').put('/k', 'mine');
        waiting.catch(() => undefined);
        await settle();
        await store('a').put('/later', '');
      },
    );
    await catchUp();
    await assert.rejects(
      waiting,
      (error) => error instanceof StoreError && error.code === 'outcome-unknown',
    );
    assert.equal((await setup.store('b').get('/k'))?.version, 1, 'applied once');
  });

  await t.test('a lease that began or ended meanwhile is known', async () => {
    const leases: number[] = [];
    const { setup, catchUp } = await fallBehind(
      async ({ store }) => {
        leases.push((await store('a').lease.grant(5000)).id);
        await store('a').put('/one', '', { lease: leases[0] as number });
      },
      async ({ store }) => {
        await store('a').lease.revoke(leases[0] as number);
        leases.push((await store('a').lease.grant(5000)).id);
        await store('a').put('/two', '', { lease: leases[1] as number });
      },
    );
    await catchUp();
    const { local } = setup.store('b');
    assert.deepEqual(local.leases(), [{ id: leases[1], ttlMs: 5000, keys: ['/two'] }]);
    // The one that was behind leads, and ends the lease by its own clock.
    setup.cluster.elect('b');
    await setup.clock.advance(5200);
    assert.equal(setup.store('a').local.get('/two'), undefined);
  });
});
