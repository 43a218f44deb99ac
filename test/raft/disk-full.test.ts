/** A full disk: writes wait, nothing is lost, and it is told when it begins and when it is over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { contentOf, entries, metaAt, openDisk, written } from './disk.ts';
import { MemoryFiles, type Operation } from './memory-files.ts';

const fullAt =
  (...operations: Operation[]) =>
  (operation: Operation): void => {
    if (!operations.includes(operation)) return;
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  };

test(verifies('raft.full-disk-is-a-state'), async () => {
  const files = new MemoryFiles();
  const states: boolean[] = [];
  const storage = await openDisk(files, { onDiskFull: (isFull) => states.push(isFull) });
  files.before = fullAt('create');
  const durable: number[] = [];
  for (let i = 1; i <= 30; i++) {
    void written(storage, { entries: entries(i, i) }).then(() => durable.push(i));
    await new Promise(setImmediate);
  }
  await eventually('the disk to be full', () => states[0]);
  // What has room goes on; the rest waits, and is old enough to be noticed.
  await eventually(
    'a write that waits',
    () => durable.length > 5 && storage.oldestWriteAgeMs() > 5,
  );
  assert.ok(storage.waiting() > 0);
  assert.deepEqual(states, [true]);
  files.before = () => undefined;
  await eventually('all writes', () => durable.length === 30);
  assert.deepEqual(states, [true, false]);
  assert.deepEqual(
    durable,
    entries(1, 30).map(({ index }) => index),
  );
  await storage.close();
  assert.equal((await openDisk(files)).stored.entries.length, 30);
});

test('a snapshot waits for room too, at any of its steps', async () => {
  for (const operation of ['create', 'write', 'rename'] as const) {
    const files = new MemoryFiles();
    const states: boolean[] = [];
    const storage = await openDisk(files, { onDiskFull: (isFull) => states.push(isFull) });
    await written(storage, { entries: entries(1, 3) });
    files.before = fullAt(operation);
    const writing = storage.writeSnapshot(metaAt(3), [Buffer.from('state')]);
    await eventually('the disk to be full', () => states[0]);
    files.before = () => undefined;
    await writing;
    assert.deepEqual(states, [true, false], operation);
    assert.equal((await contentOf(storage, 3)).toString(), 'state');
    await storage.close();
  }
});

test('a flush that fails for want of room is a failed flush', async () => {
  const files = new MemoryFiles();
  const failures: Error[] = [];
  const storage = await openDisk(files, { onFailure: (error) => failures.push(error) });
  files.before = fullAt('sync');
  storage.append({ entries: entries(1, 1) }, () => assert.fail('not durable'));
  await eventually('the failure', () => failures.length === 1);
  await storage.close();
});

test('a member whose disk is full can be stopped', async () => {
  const files = new MemoryFiles();
  const states: boolean[] = [];
  const storage = await openDisk(files, { onDiskFull: (isFull) => states.push(isFull) });
  files.before = fullAt('create');
  storage.append({ entries: entries(1, 20, 1, 1_000) }, () => assert.fail('there is no room'));
  await eventually('the disk to be full', () => states[0]);
  await storage.close();
  assert.deepEqual(states, [true]);
  assert.equal(files.locked, false);
  files.before = () => undefined;
  assert.equal((await openDisk(files)).stored.entries.length, 0);
});
