/** The write-ahead log: what survives a crash at any byte, and what is refused. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../src/host/index.ts';
import type { Entry } from '../../src/raft/core/index.ts';
import { diskFiles } from '../../src/raft/wal-files.ts';
import type { WalRecord } from '../../src/raft/wal-format.ts';
import { openWal, type Wal, type WalOptions } from '../../src/raft/wal.ts';
import { verifies } from '../requirements.ts';
import { MemoryFiles } from './memory-files.ts';

const IDENTITY = { clusterId: 'c', nodeId: 'n1', groupId: 'main' };
const SEGMENT = '00000001.wal';

function open(files: WalOptions['files'], more: Partial<WalOptions> = {}): Promise<Wal> {
  return openWal({
    files,
    identity: IDENTITY,
    clock: systemClock,
    segmentBytes: 4_096,
    onFailure: (error) => {
      throw error;
    },
    ...more,
  });
}

function entry(index: number, term = 1, text = `entry ${index}`): WalRecord {
  return { type: 'entry', entry: { index, term, kind: 'command', data: Buffer.from(text) } };
}

const hardState = (term: number, vote?: string, commit = 0): WalRecord => ({
  type: 'hard-state',
  hardState: { term, vote, commit },
});

const written = (wal: Wal, ...records: WalRecord[]): Promise<void> =>
  new Promise((resolve) => wal.append(records, resolve));

const texts = (entries: readonly Entry[]): string[] =>
  entries.map(({ data }) => Buffer.from(data).toString());

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'wal-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('what was written is there again, replaced entries are not', async (t) => {
  const directory = join(await folder(t), 'new', 'raft');
  const first = await open(diskFiles(directory));
  assert.deepEqual(first.stored, {
    hardState: { term: 0, vote: undefined, commit: 0 },
    entries: [],
  });
  await written(first, hardState(1, 'n2'), entry(1), entry(2), entry(3));
  await written(first, hardState(2, 'n3', 1), entry(2, 2, 'other'));
  await first.close();
  const second = await open(diskFiles(directory));
  assert.deepEqual(second.stored.hardState, { term: 2, vote: 'n3', commit: 1 });
  assert.deepEqual(texts(second.stored.entries), ['entry 1', 'other']);
  assert.equal(second.repairedBytes, 0);
  await second.close();
  // The folder is closed to other users, its lock is gone.
  assert.deepEqual(await readdir(directory), [SEGMENT]);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
});

test('everything that waits shares one flush, in order', async () => {
  const files = new MemoryFiles();
  const wal = await open(files);
  const before = files.syncs;
  const order: number[] = [];
  const done = Promise.all(
    Array.from({ length: 50 }, (_, i) => written(wal, entry(i + 1)).then(() => order.push(i))),
  );
  wal.append([], () => order.push(-1));
  await done;
  assert.ok(files.syncs - before <= 2, `${files.syncs - before} flushes`);
  assert.deepEqual(
    order.filter((i) => i >= 0),
    Array.from({ length: 50 }, (_, i) => i),
  );
  assert.ok(order.includes(-1));
  let idle = false;
  wal.append([], () => (idle = true));
  assert.equal(idle, true);
});

test('a log longer than a segment goes on in the next one', async () => {
  const files = new MemoryFiles();
  const wal = await open(files);
  await written(wal, hardState(3, 'n1'));
  for (let i = 1; i <= 30; i++) await written(wal, entry(i, 3, 'x'.repeat(500)));
  await written(wal, entry(31, 3, 'y'.repeat(20_000)));
  await wal.close();
  assert.ok(files.files.size >= 4);
  const again = await open(files);
  assert.equal(again.stored.entries.length, 31);
  assert.deepEqual(again.stored.hardState, { term: 3, vote: 'n1', commit: 0 });
  await written(again, entry(32, 3));
  await again.close();
  assert.equal((await open(files)).stored.entries.length, 32);
});

test(verifies('raft.torn-tail-is-repaired'), async () => {
  const files = new MemoryFiles();
  const wal = await open(files);
  await written(wal, hardState(1, 'n1'), entry(1), entry(2));
  // The next write reaches the disk in part: at every byte.
  files.beforeSync = () => new Promise(() => {});
  wal.append([hardState(2, 'n2'), entry(3, 2)], () => assert.fail('never flushed'));
  await new Promise(setImmediate);
  let repaired = 0;
  for (let bytes = 0; bytes < 120; bytes++) {
    const disk = files.losePower(bytes);
    const again = await open(disk);
    const whole = again.stored.entries.length === 3;
    assert.deepEqual(
      again.stored.hardState,
      whole ? { term: 2, vote: 'n2', commit: 0 } : { term: 1, vote: 'n1', commit: 0 },
    );
    assert.deepEqual(texts(again.stored.entries).slice(0, 2), ['entry 1', 'entry 2']);
    if (again.repairedBytes > 0) repaired += 1;
    // What is written after the repair is found again, and nothing of the torn write.
    await written(again, entry(again.stored.entries.length + 1, 2, 'after'));
    await again.close();
    assert.equal(texts((await open(disk)).stored.entries).at(-1), 'after');
  }
  assert.ok(repaired > 20);
});

test('a crash while a segment is created or begun loses nothing', async () => {
  const files = new MemoryFiles();
  const wal = await open(files);
  for (let i = 1; i <= 10; i++) await written(wal, entry(i, 0, 'x'.repeat(500)));
  await wal.close();
  const last = [...files.files.keys()].sort().at(-1) as string;
  const next = `${String(Number(last.slice(0, 8)) + 1).padStart(8, '0')}.wal`;
  for (const garbage of [Buffer.alloc(0), Buffer.alloc(4_096), Buffer.from('\x30\0\0\0torn')]) {
    const disk = files.losePower();
    const size = Buffer.concat([garbage, Buffer.alloc(4_096)]);
    disk.files.set(next, { durable: size, current: Buffer.from(size) });
    const again = await open(disk);
    assert.equal(again.stored.entries.length, 10);
    await written(again, entry(11, 0));
    await again.close();
    assert.equal((await open(disk)).stored.entries.length, 11);
  }
});

test(verifies('raft.damaged-log-is-refused'), async () => {
  const files = new MemoryFiles();
  const wal = await open(files);
  for (let i = 1; i <= 40; i++) await written(wal, entry(i, 1, 'x'.repeat(300)));
  await wal.close();
  const first = files.files.get(SEGMENT)?.current as Buffer;
  const used = first.findLastIndex((byte) => byte !== 0);
  for (let at = 0; at < used; at += 97) {
    const disk = files.losePower();
    const content = disk.files.get(SEGMENT)?.current as Buffer;
    content[at] = (content[at] as number) ^ 0x10;
    await assert.rejects(open(disk), { name: 'WalError', code: 'corrupt' }, `bit flip at ${at}`);
    assert.equal(disk.locked, false);
  }
  const withHole = files.losePower();
  withHole.files.delete('00000002.wal');
  await assert.rejects(open(withHole), /00000002\.wal is missing/);
});

test('a folder of another member, cluster or format is refused', async () => {
  const files = new MemoryFiles();
  await (await open(files)).close();
  const foreign = { name: 'WalError', code: 'foreign' };
  await assert.rejects(open(files, { identity: { ...IDENTITY, nodeId: 'n2' } }), foreign);
  await assert.rejects(open(files, { identity: { ...IDENTITY, clusterId: 'd' } }), foreign);
});

test(verifies('raft.failed-flush-stops'), async () => {
  const files = new MemoryFiles();
  const failures: string[] = [];
  const wal = await open(files, { onFailure: (error) => failures.push(error.message) });
  await written(wal, entry(1));
  const syncs = files.syncs;
  files.beforeSync = () => {
    throw new Error('EIO');
  };
  wal.append([entry(2)], () => assert.fail('not durable'));
  await new Promise(setImmediate);
  files.beforeSync = () => undefined;
  wal.append([entry(3)], () => assert.fail('nothing is written after a failure'));
  await new Promise(setImmediate);
  assert.deepEqual(failures, ['EIO']);
  assert.equal(files.syncs, syncs);
});

test(verifies('raft.one-process-per-folder'), async (t) => {
  const directory = await folder(t);
  const wal = await open(diskFiles(directory));
  await assert.rejects(open(diskFiles(directory)), { name: 'WalError', code: 'locked' });
  await wal.close();
  await (await open(diskFiles(directory))).close();
  // A lock left behind: by a process that is gone, by an earlier process with our number, and a half-written one.
  for (const left of ['999999999 x', `${process.pid} some-boot/1`, '']) {
    await writeFile(join(directory, 'lock'), left);
    await (await open(diskFiles(directory))).close();
  }
});

test('a data folder that cannot be used is told in one sentence', async (t) => {
  const directory = await folder(t);
  await writeFile(join(directory, 'file'), '');
  await assert.rejects(open(diskFiles(join(directory, 'file', 'raft'))), {
    name: 'WalError',
    code: 'unusable',
    message: /cannot use the data folder/,
  });
});
