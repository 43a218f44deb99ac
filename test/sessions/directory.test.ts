/** The replicated directory: creation, look-up, claims, changes, use and idleness. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeRecord, encodeRecord, SESSION_PREFIX } from '../../src/sessions/index.ts';
import { required } from '../../src/std/index.ts';
import { verifies } from '../requirements.ts';
import { createDirectories, sampleRecord } from './memory-store.ts';

const owner = (node: string): { node: string; instance: string } => ({ node, instance: 'x' });

test('a created session is known everywhere, counted per owner, and created once', async () => {
  const { sessions } = createDirectories(2);
  const [a, b] = sessions.map((each) => each.directory);
  assert.equal(await a?.create(sampleRecord()), true);
  assert.equal(await b?.create(sampleRecord()), false);
  assert.deepEqual(b?.local('s1'), sampleRecord());
  assert.deepEqual([...(b?.counts() ?? [])], [['node-0', 1]]);
  assert.equal(b?.size, 1);
});

test('what a node writes itself it keeps, and does not make once more from what the watch brings', async () => {
  const { sessions } = createDirectories(2);
  const [a, b] = sessions.map((each) => each.directory);
  const record = sampleRecord();
  await a?.create(record);
  assert.equal(a?.local('s1'), record);
  assert.deepEqual(b?.local('s1'), record);
  const changed = await a?.update('s1', 1, (known) => ({ ...known, logLevel: 'debug' }));
  assert.equal(a?.local('s1'), changed?.type === 'updated' ? changed.record : undefined);
  assert.equal(b?.local('s1')?.logLevel, 'debug');
});

test('a node that lags finds the session in the store, and does not lose it to an old watch', async () => {
  const { sessions, cluster } = createDirectories(2);
  const [a, b] = sessions.map((each) => each.directory);
  cluster.node('node-1').hold(true);
  await a?.create(sampleRecord());
  assert.equal(b?.local('s1'), undefined);
  const found = b?.find('s1');
  cluster.node('node-1').hold(false);
  assert.deepEqual(await found, sampleRecord());
  assert.equal(await b?.find('unknown'), undefined);
});

test(verifies('sessions.one-claimant'), async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 5 }), async (count) => {
      const { sessions } = createDirectories(count);
      await sessions[0]?.directory.create(sampleRecord());
      const outcomes = await Promise.all(
        sessions.map((each, index) => each.directory.claim('s1', 1, owner(`node-${index}`))),
      );
      const winners = outcomes.filter((outcome) => outcome.type === 'claimed');
      assert.equal(winners.length, 1);
      const record = await sessions[0]?.directory.refresh('s1');
      assert.equal(record?.epoch, 2);
      for (const outcome of outcomes)
        assert.deepEqual(outcome.type === 'gone' ? undefined : outcome.record.owner, record?.owner);
    }),
    { numRuns: 20 },
  );
});

test('a claim whose answer was lost still counts, once', async () => {
  const { sessions, cluster, clock } = createDirectories(1);
  const directory = sessions[0]?.directory;
  await directory?.create(sampleRecord());
  cluster.plan('lose-answer');
  const claim = directory?.claim('s1', 1, owner('node-0'));
  await clock.advance(5_000);
  const outcome = await claim;
  assert.equal(outcome?.type, 'claimed');
  assert.equal(directory?.local('s1')?.epoch, 2);
});

test('an owner of an earlier epoch changes nothing', async () => {
  const { sessions } = createDirectories(2);
  const [a, b] = sessions.map((each) => each.directory);
  await a?.create(sampleRecord());
  await b?.claim('s1', 1, owner('node-1'));
  const late = await a?.update('s1', 1, (record) => ({ ...record, logLevel: 'debug' }));
  assert.equal(late?.type, 'superseded');
  assert.equal((await a?.refresh('s1'))?.logLevel, undefined);
});

test('concurrent changes of one session are all kept', async () => {
  const { sessions, clock } = createDirectories(1);
  const directory = required(sessions[0], 'one node').directory;
  await directory.create(sampleRecord());
  const uris = ['a', 'b', 'c', 'd'];
  const writes = uris.map((uri) =>
    directory.update('s1', 1, (record) => ({
      ...record,
      subscriptions: [...record.subscriptions, uri],
    })),
  );
  const done = Promise.all(writes);
  await clock.advance(1_000);
  await done;
  assert.deepEqual(directory.local('s1')?.subscriptions.toSorted(), uris);
});

test('an ended session is unknown everywhere; ending it again does nothing', async () => {
  const { sessions } = createDirectories(2);
  const [a, b] = sessions.map((each) => each.directory);
  const changes: unknown[] = [];
  b?.onChange((id, record) => changes.push([id, record?.epoch]));
  await a?.create(sampleRecord());
  assert.equal(await b?.end('s1'), true);
  assert.equal(await a?.end('s1'), false);
  assert.equal(a?.local('s1'), undefined);
  assert.deepEqual([...(a?.counts() ?? [])], []);
  assert.deepEqual(changes, [
    ['s1', 1],
    ['s1', undefined],
  ]);
  assert.equal((await a?.claim('s1', 1, owner('node-0')))?.type, 'gone');
});

test('use is written seldom, and keeps a session from expiring', async () => {
  const { sessions, cluster, clock } = createDirectories(1);
  const directory = sessions[0]?.directory;
  await directory?.create(sampleRecord({ id: 'used' }));
  await directory?.create(sampleRecord({ id: 'idle' }));
  const before = cluster.entries.length;
  for (let minute = 0; minute < 70; minute++) {
    await clock.advance(60_000);
    directory?.touch('used');
    directory?.touch('used');
  }
  const writes = cluster.entries.length - before;
  assert.ok(writes > 5 && writes < 25, `${writes} writes in 70 minutes`);
  const kept = await directory?.expireIdle(() => false);
  assert.deepEqual(kept, []);
  assert.deepEqual(await directory?.expireIdle(() => true), ['idle']);
  assert.equal(directory?.size, 1);
});

test('a record that does not decode is not a session', async () => {
  const { sessions, store } = createDirectories(1);
  await store('node-0').put(`${SESSION_PREFIX}bad`, '{"era":"future"}');
  assert.equal(sessions[0]?.directory.local('bad'), undefined);
  assert.equal(await sessions[0]?.directory.find('bad'), undefined);
  assert.equal(decodeRecord('{'), undefined);
  assert.deepEqual(decodeRecord(encodeRecord(sampleRecord())), sampleRecord());
});
