/** Snapshots on disk: written, read, received in pieces, and what the log does with them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Storage } from '../../src/raft/storage.ts';
import { verifies } from '../requirements.ts';
import {
  contentOf,
  entries,
  entry,
  hardState,
  metaAt,
  openDisk,
  received,
  texts,
  written,
} from './disk.ts';
import { MemoryFiles } from './memory-files.ts';

const STATE = Buffer.from('the state of the machine, '.repeat(100));
const SHA256 = createHash('sha256').update(STATE).digest('hex');
const chunks = [STATE.subarray(0, 1_000), STATE.subarray(1_000)];
const announced = (index: number, term = 1) => ({
  meta: metaAt(index, term),
  bytes: STATE.length,
  sha256: SHA256,
});
const NAME = '0000000000000020-0000000001.snapshot';

const walFiles = (files: MemoryFiles): string[] =>
  [...files.files.keys()].filter((name) => name.endsWith('.wal')).sort();

/** Waits for renames and removals that nobody waits for. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise(setImmediate);
}

async function withEntries(files: MemoryFiles, to: number): Promise<Storage> {
  const storage = await openDisk(files);
  await written(storage, { hardState: hardState(1, 'n1') });
  for (let i = 1; i <= to; i++) await written(storage, { entries: entries(i, i) });
  return storage;
}

test('a snapshot is written, read from any offset, and found again', async () => {
  const files = new MemoryFiles();
  const storage = await withEntries(files, 25);
  assert.equal(storage.snapshot(), undefined);
  const file = await storage.writeSnapshot(metaAt(20), chunks);
  assert.deepEqual(file, announced(20));
  assert.deepEqual(storage.snapshot(), file);
  assert.deepEqual(await contentOf(storage, 20), STATE);
  assert.deepEqual(await contentOf(storage, 20, 1_234), STATE.subarray(1_234));
  // An older one is no progress.
  assert.deepEqual(await storage.writeSnapshot(metaAt(10), chunks), file);
  await storage.close();
  const again = await openDisk(files);
  assert.deepEqual(again.snapshot(), file);
  assert.deepEqual(again.stored.snapshot, metaAt(20));
  assert.equal(again.stored.hardState.commit, 20);
  assert.deepEqual(
    again.stored.entries.map(({ index }) => index),
    [21, 22, 23, 24, 25],
  );
  assert.deepEqual(await contentOf(again, 20), STATE);
  await again.close();
});

test(verifies('raft.segments-are-used-again'), async () => {
  const files = new MemoryFiles();
  const storage = await withEntries(files, 100);
  const before = walFiles(files).length;
  let created = 0;
  files.before = (operation) => void (created += operation === 'create' ? 1 : 0);
  // Entries that no snapshot replaces are never given up.
  storage.compact(100);
  await settled();
  assert.equal(walFiles(files).length, before);
  let index = 100;
  for (let round = 0; round < 5; round++) {
    await storage.writeSnapshot(metaAt(index), chunks);
    storage.compact(index);
    await settled();
    assert.ok(walFiles(files).length <= 2, walFiles(files).join());
    for (let i = 0; i < 20; i++) {
      index += 1;
      await written(storage, { entries: entries(index, index) });
    }
  }
  // One file a snapshot, and now and then a segment: the others were there.
  assert.ok(created < 12, `${created} files created`);
  await storage.close();
  const again = await openDisk(files);
  assert.equal(again.stored.snapshot.index, 180);
  // Term and vote were written into a segment that is long gone: each new one repeats them.
  assert.deepEqual(again.stored.hardState, hardState(1, 'n1', 180));
  assert.deepEqual(
    again.stored.entries.map((item) => item.index),
    entries(181, 200).map((item) => item.index),
  );
  await again.close();
});

test('what an earlier use left in a segment is neither read nor taken for damage', async () => {
  const files = new MemoryFiles();
  const storage = await withEntries(files, 60);
  await storage.writeSnapshot(metaAt(60), chunks);
  storage.compact(60);
  await settled();
  let index = 60;
  // The file behind it may be one that waits for its turn.
  const current = (): string =>
    walFiles(files).findLast((name) => files.bytes(name).includes(`${index} x`)) as string;
  const frames = (): number[] => {
    const bytes = files.bytes(current());
    const found: number[] = [];
    for (let at = 8; at >= 8; at = bytes.indexOf(bytes.subarray(8, 16), at + 1)) found.push(at - 8);
    return found;
  };
  while (index < 75 || frames().length !== 4) {
    index += 1;
    await written(storage, { entries: entries(index, index, 1, 500) });
  }
  await storage.close();
  const last = current();
  const [, , third = 0, fourth = 0] = frames();
  const end = fourth + 550;
  assert.ok(files.bytes(last).subarray(end).includes('xxxx'), 'the segment was used before');
  // Damage the last frame at every place: the stale bytes behind it change nothing.
  for (let at = fourth; at < end - 30; at += 37) {
    const disk = files.losePower();
    disk.bytes(last).fill(0xa5, at, end);
    const again = await openDisk(disk);
    assert.equal(again.stored.entries.at(-1)?.index, index - 1);
    await again.close();
  }
  // But a hole before it is one.
  const damaged = files.losePower();
  damaged.bytes(last).fill(0, third, third + 100);
  await assert.rejects(openDisk(damaged), { code: 'corrupt' });
});

test(verifies('raft.snapshot-install-replaces-the-log'), async () => {
  const files = new MemoryFiles();
  const storage = await withEntries(files, 12);
  await received(storage, announced(20, 3), STATE);
  // Conflicting entries of the old log must not come back behind the snapshot.
  const write = {
    snapshot: metaAt(20, 3),
    entries: [entry(21, 3)],
    hardState: hardState(3, 'n2', 20),
  };
  await written(storage, write);
  assert.deepEqual(storage.snapshot(), announced(20, 3));
  await written(storage, { entries: [entry(22, 3)] });
  await settled();
  assert.equal(walFiles(files).length, 1, 'the segments of the old log are given back');
  await storage.close();
  const again = await openDisk(files);
  assert.deepEqual(again.stored.snapshot, metaAt(20, 3));
  assert.deepEqual(texts(again.stored.entries), ['entry 21', 'entry 22']);
  assert.deepEqual(again.stored.hardState, hardState(3, 'n2', 20));
  assert.deepEqual(await contentOf(again, 20), STATE);
  await again.close();
});

test('a snapshot that came and was not installed is not the state, and need not come again', async () => {
  const files = new MemoryFiles();
  const storage = await withEntries(files, 5);
  await received(storage, announced(20, 3), STATE);
  await storage.close();
  const again = await openDisk(files);
  assert.equal(again.stored.entries.length, 5);
  assert.equal(again.snapshot(), undefined);
  const reception = await again.receiveSnapshot(announced(20, 3));
  assert.equal(reception.offset, STATE.length);
  await reception.finish();
  await written(again, { snapshot: metaAt(20, 3), entries: [], hardState: hardState(3) });
  assert.deepEqual(again.snapshot(), announced(20, 3));
  await again.close();
});

test(verifies('raft.snapshot-transfer-resumes'), async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  const first = await storage.receiveSnapshot(announced(20));
  assert.equal(first.offset, 0);
  await assert.rejects(storage.receiveSnapshot(announced(20)), { code: 'closed' });
  await first.add(STATE.subarray(0, 700));
  await first.abort();
  const second = await storage.receiveSnapshot(announced(20));
  assert.equal(second.offset, 700);
  await second.add(STATE.subarray(700, 900));
  await second.abort();
  await storage.close();
  // The process may end meanwhile.
  const again = await openDisk(files);
  const third = await again.receiveSnapshot(announced(20));
  assert.equal(third.offset, 900);
  await third.add(STATE.subarray(900));
  assert.deepEqual(await third.finish(), announced(20));
  assert.ok(files.files.has(NAME));
  // Another snapshot begins from nothing, and the piece of an older one goes.
  const other = await again.receiveSnapshot(announced(30));
  await other.add(STATE.subarray(0, 10));
  await other.abort();
  assert.equal((await again.receiveSnapshot(announced(31))).offset, 0);
  assert.equal([...files.files.keys()].filter((name) => name.endsWith('.receiving')).length, 1);
  await again.close();
});

test(verifies('raft.snapshot-with-wrong-hash-is-refused'), async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  const forged = Buffer.from(STATE);
  forged[1_500] = 0;
  await assert.rejects(received(storage, announced(20), forged), { code: 'snapshot-hash' });
  // What was wrong does not stay to be resumed.
  assert.equal((await storage.receiveSnapshot(announced(20))).offset, 0);
  await storage.close();
  const short = await openDisk(files);
  await assert.rejects(received(short, announced(20), STATE.subarray(1)), {
    code: 'snapshot-size',
  });
  await assert.rejects(received(short, announced(20), Buffer.concat([STATE, STATE])), {
    code: 'snapshot-size',
  });
  assert.equal(short.snapshot(), undefined);
  assert.throws(
    () => short.append({ snapshot: metaAt(20), entries: [] }, () => undefined),
    /only after a snapshot that is here/,
  );
  await short.close();
});

test('a snapshot that is read stays until it is read, then only the latest is kept', async () => {
  const files = new MemoryFiles();
  const storage = await withEntries(files, 40);
  await storage.writeSnapshot(metaAt(20), chunks);
  const reading = storage.readSnapshot(20, 0)[Symbol.asyncIterator]();
  const first = await reading.next();
  await storage.writeSnapshot(metaAt(30), chunks);
  assert.ok(files.files.has(NAME));
  // A transfer that broke may go on while another reads.
  assert.deepEqual(await contentOf(storage, 20), STATE);
  assert.deepEqual(first.value, STATE);
  assert.equal((await reading.next()).done, true);
  assert.ok(!files.files.has(NAME));
  await assert.rejects(contentOf(storage, 20), { code: 'snapshot-gone' });
  await storage.close();
});

test(verifies('raft.damaged-snapshot-is-refused'), async () => {
  const files = new MemoryFiles();
  const storage = await withEntries(files, 25);
  await storage.writeSnapshot(metaAt(20), chunks);
  await storage.close();
  const size = files.bytes(NAME).length;
  const refused = async (code: string, change: (disk: MemoryFiles) => void): Promise<void> => {
    const disk = files.losePower();
    change(disk);
    await assert.rejects(openDisk(disk), { name: 'WalError', code });
  };
  await refused('snapshot-missing', (disk) => disk.lose(NAME));
  await refused('snapshot-damaged', (disk) =>
    disk.put(NAME, files.bytes(NAME).subarray(0, size - 1)),
  );
  await refused('snapshot-damaged', (disk) => disk.put(NAME, Buffer.alloc(10)));
  await refused('snapshot-damaged', (disk) => disk.bytes(NAME).fill(0, 30, 31));
  await refused('format', (disk) => disk.bytes(NAME).writeUInt32LE(9, 8));
  // The content is looked at when it is read: from the beginning to the end, damage cannot hide.
  const rotten = files.losePower();
  const content = rotten.bytes(NAME);
  content[size - 7] = (content[size - 7] as number) ^ 1;
  const again = await openDisk(rotten);
  await assert.rejects(contentOf(again, 20), { code: 'snapshot-damaged' });
  await again.close();
});

test('a snapshot of a state machine that fails leaves nothing behind', async () => {
  const files = new MemoryFiles();
  const storage = await withEntries(files, 5);
  function* broken(): Generator<Uint8Array> {
    yield STATE;
    throw new Error('the state machine failed');
  }
  await assert.rejects(storage.writeSnapshot(metaAt(5), broken()), /the state machine failed/);
  assert.equal([...files.files.keys()].filter((name) => name.endsWith('.new')).length, 0);
  await storage.writeSnapshot(metaAt(5), chunks);
  assert.equal(storage.snapshot()?.meta.index, 5);
  await storage.close();
});
