/** What happens to a log that two processes write, where no lock keeps them apart: it is found out, and said. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Storage } from '../../src/raft/storage.ts';
import { diskFiles, type WalFiles } from '../../src/raft/wal-files.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { bytes, TestCluster } from './cluster.ts';
import { entries, entry, openDisk, written } from './disk.ts';

/** A file system whose locks do not reach the other one who mounts it. */
const withoutLock = (directory: string): WalFiles => ({
  ...diskFiles(directory),
  lock: () => Promise.resolve(),
  unlock: () => Promise.resolve(),
});

/** Two storages on one log, as their processes had it open at the same time. */
async function twoOnOne(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'shared-'));
  const opened: Storage[] = [];
  t.after(async () => {
    for (const storage of opened) await storage.close();
    await rm(directory, { recursive: true, force: true });
  });
  const first = await openDisk(diskFiles(directory));
  await written(first, { entries: [entry(1)] });
  await first.close();
  const open = async () => {
    const failures: Error[] = [];
    const onFailure = (error: Error): void => void failures.push(error);
    const storage = await openDisk(withoutLock(directory), { onFailure });
    opened.push(storage);
    return { storage, failures };
  };
  return { one: await open(), other: await open() };
}

const found = (failures: readonly Error[]): Promise<void> =>
  eventually('the other process to be noticed', () => failures.length > 0).then(() =>
    assert.match(failures.join(), /another process writes to the log .*00000001\.wal at byte \d+/),
  );

test(verifies('raft.foreign-writes'), async (t) => {
  const { one, other } = await twoOnOne(t);
  one.storage.verify();
  await written(one.storage, { entries: [entry(2)] });
  one.storage.verify();
  await written(one.storage, { entries: entries(3, 4) });
  assert.deepEqual(one.failures, [], 'what it wrote itself is its own');
  // Behind what the other one knows there is a frame now that it did not write.
  other.storage.verify();
  await found(other.failures);
  other.storage.append({ entries: [entry(2)] }, () => assert.fail('nothing is written after that'));
  await written(one.storage, { entries: [entry(5)] });
});

test('a log notices that its own last write was written over', async (t) => {
  const { one, other } = await twoOnOne(t);
  await written(one.storage, { entries: [entry(2)] });
  // Of the same length, so that both logs end at the same byte.
  await written(other.storage, { entries: [entry(2, 2)] });
  other.storage.verify();
  one.storage.verify();
  await found(one.failures);
  assert.deepEqual(other.failures, []);
});

test(verifies('raft.rolled-back-disk'), async (t) => {
  const failures: (Error & { code?: string })[] = [];
  const three = await TestCluster.create(['n1', 'n2', 'n3'], {
    onFatal: (error) => failures.push(error),
  });
  t.after(() => three.stop());
  const leader = await three.leader();
  const id = ['n1', 'n2', 'n3'].find((name) => name !== leader.id) as string;
  await leader.node.propose(bytes('before'));
  await three.members.get(id)?.stop();
  // What a successor reads of a folder whose predecessor goes on writing: all but what comes now.
  const copy = `${three.dataDir(id)}-before`;
  await cp(three.dataDir(id), copy, { recursive: true });
  const member = await three.start(id);
  await leader.node.propose(bytes('acknowledged'));
  await eventually('it to have it', () => member.applied.includes('acknowledged'));
  await member.stop();
  await rm(three.dataDir(id), { recursive: true });
  await cp(copy, three.dataDir(id), { recursive: true });
  await three.start(id);
  await eventually('it to stop', () => failures.length > 0);
  assert.equal(failures[0]?.code, 'rolled-back', String(failures[0]));
  assert.match(
    String(failures[0]),
    /WalError: the leader counts on entry \d+ of this disk, whose log ends at \d+\. .*another process wrote to it/,
  );
});
