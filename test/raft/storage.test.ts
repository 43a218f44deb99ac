/** The disk of a member: what is there again after a stop or a crash, and what is refused. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { bootstrapState, emptyState } from '../../src/raft/core/index.ts';
import { diskFiles } from '../../src/raft/wal-files.ts';
import { verifies } from '../requirements.ts';
import { entries, entry, hardState, IDENTITY, openDisk, texts, written } from './disk.ts';
import { MemoryFiles } from './memory-files.ts';

const SEGMENT = '00000001.wal';

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'wal-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('what was written is there again, replaced entries are not', async (t) => {
  const directory = join(await folder(t), 'new', 'raft');
  const first = await openDisk(diskFiles(directory));
  assert.deepEqual(first.stored, emptyState());
  const kinds = [
    { ...entry(2), kind: 'empty' as const },
    { ...entry(3), kind: 'config' as const },
  ];
  await written(first, { hardState: hardState(1, 'n2'), entries: [entry(1), ...kinds, entry(4)] });
  await written(first, { hardState: hardState(2, 'n3', 1), entries: [entry(4, 2, 'other')] });
  await first.close();
  const second = await openDisk(diskFiles(directory));
  assert.deepEqual(second.stored.hardState, { term: 2, vote: 'n3', commit: 1 });
  assert.deepEqual(texts(second.stored.entries), ['entry 1', 'entry 2', 'entry 3', 'other']);
  assert.deepEqual(
    second.stored.entries.map(({ kind, term }) => [kind, term]),
    [
      ['command', 1],
      ['empty', 1],
      ['config', 1],
      ['command', 2],
    ],
  );
  assert.equal(second.repairedBytes, 0);
  assert.equal(second.diskId, first.diskId);
  await second.close();
  // The folder is closed to other users; its lock is given back, and its file stays for the next.
  assert.deepEqual((await readdir(directory)).sort(), [SEGMENT, 'identity', 'lock']);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
});

test('a founding member begins with the configuration, any other with nothing', async () => {
  const files = new MemoryFiles();
  const voters = ['n1', 'n2', 'n3'];
  const founder = await openDisk(files, { bootstrapVoters: voters });
  assert.deepEqual(founder.stored, bootstrapState(voters));
  assert.equal(founder.snapshot(), undefined);
  await written(founder, { entries: [entry(2)] });
  await founder.close();
  // The founding members only matter while the folder is empty.
  const again = await openDisk(files, { bootstrapVoters: ['n9'] });
  assert.deepEqual(again.stored, { ...bootstrapState(voters), entries: again.stored.entries });
  assert.deepEqual(texts(again.stored.entries), ['entry 2']);
  await again.close();
  const joiner = await openDisk(new MemoryFiles(), { bootstrapVoters: ['n2'] });
  assert.deepEqual(joiner.stored, emptyState());
  await joiner.close();
});

test('everything that waits shares one flush, in order', async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  const before = files.syncs;
  const order: number[] = [];
  const done = Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      written(storage, { entries: [entry(i + 1)] }).then(() => order.push(i)),
    ),
  );
  storage.append({ entries: [] }, () => order.push(-1));
  assert.equal(storage.waiting(), 51);
  assert.ok(storage.oldestWriteAgeMs() >= 0);
  await done;
  assert.ok(files.syncs - before <= 2, `${files.syncs - before} flushes`);
  assert.deepEqual(
    order.filter((i) => i >= 0),
    Array.from({ length: 50 }, (_, i) => i),
  );
  assert.ok(order.includes(-1));
  let idle = false;
  storage.append({ entries: [] }, () => (idle = true));
  assert.equal(idle, true);
  assert.equal(storage.oldestWriteAgeMs(), 0);
  await storage.close();
});

test('a log longer than a segment goes on in the next one', async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  await written(storage, { hardState: hardState(3, 'n1') });
  for (let i = 1; i <= 30; i++) await written(storage, { entries: entries(i, i, 3, 500) });
  await written(storage, { entries: entries(31, 31, 3, 20_000) });
  await storage.close();
  assert.ok([...files.files.keys()].filter((name) => name.endsWith('.wal')).length >= 4);
  const again = await openDisk(files);
  assert.equal(again.stored.entries.length, 31);
  assert.deepEqual(again.stored.hardState, { term: 3, vote: 'n1', commit: 0 });
  await written(again, { entries: [entry(32, 3)] });
  await again.close();
  assert.equal((await openDisk(files)).stored.entries.length, 32);
});

test(verifies('raft.torn-tail-is-repaired'), async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  await written(storage, { hardState: hardState(1, 'n1'), entries: [entry(1), entry(2)] });
  // The next write reaches the disk in part: at every byte.
  files.before = (operation) => (operation === 'sync' ? new Promise(() => {}) : undefined);
  const write = { hardState: hardState(2, 'n2'), entries: [entry(3, 2)] };
  storage.append(write, () => assert.fail('never flushed'));
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  let repaired = 0;
  for (let bytes = 0; bytes < 120; bytes++) {
    const disk = files.losePower({ bytes });
    const again = await openDisk(disk);
    const whole = again.stored.entries.length === 3;
    assert.deepEqual(again.stored.hardState, whole ? hardState(2, 'n2') : hardState(1, 'n1'));
    assert.deepEqual(texts(again.stored.entries).slice(0, 2), ['entry 1', 'entry 2']);
    if (again.repairedBytes > 0) repaired += 1;
    assert.equal((await openDisk(disk)).repairedBytes, 0, 'it is repaired once');
    // What is written after the repair is found again, and nothing of the torn write.
    const next = again.stored.entries.length + 1;
    await written(again, { entries: [entry(next, 2, 'after')] });
    await again.close();
    assert.equal(texts((await openDisk(disk)).stored.entries).at(-1), 'after');
  }
  assert.ok(repaired > 10, `${repaired} repaired`);
});

test('a term and its vote are one: a crash leaves both as they were, or as they became', async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  await written(storage, { hardState: hardState(4, 'n1', 0) });
  files.before = (operation) => (operation === 'sync' ? new Promise(() => {}) : undefined);
  storage.append({ entries: [], hardState: hardState(5, 'n3') }, () => assert.fail('not flushed'));
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  const seen = new Set<string>();
  for (let bytes = 0; bytes < 60; bytes++) {
    const { stored } = await openDisk(files.losePower({ bytes }));
    seen.add(`${stored.hardState.term} ${stored.hardState.vote}`);
  }
  assert.deepEqual([...seen], ['4 n1', '5 n3']);
});

test('an entry that is replaced while it is still being written stays replaced', async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  let go: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => (go = resolve));
  files.before = (operation) => (operation === 'sync' ? slow : undefined);
  const first = written(storage, { entries: [entry(1), entry(2), entry(3)] });
  const second = written(storage, { entries: [entry(2, 2, 'other')] });
  await new Promise(setImmediate);
  assert.equal(storage.waiting(), 2);
  go();
  await Promise.all([first, second]);
  await storage.close();
  assert.deepEqual(texts((await openDisk(files)).stored.entries), ['entry 1', 'other']);
});

test('a crash while a segment is created or begun loses nothing', async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  for (let i = 1; i <= 10; i++) await written(storage, { entries: entries(i, i, 0, 500) });
  await storage.close();
  const names = [...files.files.keys()].filter((name) => name.endsWith('.wal')).sort();
  const next = `${String(Number((names.at(-1) as string).slice(0, 8)) + 1).padStart(8, '0')}.wal`;
  const used = Buffer.from(files.bytes(SEGMENT));
  for (const left of [Buffer.alloc(0), Buffer.alloc(4_096), Buffer.from('\x30\0\0\0torn'), used]) {
    const disk = files.losePower();
    disk.put(next, left);
    const again = await openDisk(disk);
    assert.equal(again.stored.entries.length, 10);
    await written(again, { entries: entries(11, 30, 0) });
    await again.close();
    assert.equal((await openDisk(disk)).stored.entries.length, 30);
  }
});

test(verifies('raft.damaged-log-is-refused'), async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  for (let i = 1; i <= 40; i++) await written(storage, { entries: entries(i, i) });
  await storage.close();
  const used = files.bytes(SEGMENT).findLastIndex((byte) => byte !== 0);
  for (let at = 0; at < used; at += 97) {
    const disk = files.losePower();
    const content = disk.bytes(SEGMENT);
    content[at] = (content[at] as number) ^ 0x10;
    await assert.rejects(
      openDisk(disk),
      { name: 'WalError', code: 'corrupt' },
      `bit flip at ${at}`,
    );
    assert.equal(disk.locked, false);
  }
});

test('what looks like the end of a log and is not is refused', async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  for (let i = 1; i <= 40; i++) await written(storage, { entries: entries(i, i) });
  await storage.close();
  // The last write of a segment: damaged it looks torn, but the next segment knows where it ended.
  const rewritten = new MemoryFiles();
  const another = await openDisk(rewritten);
  for (let i = 0; i < 15; i++) await written(another, { entries: entries(1, 1, i) });
  await another.close();
  const bytes = rewritten.bytes(SEGMENT);
  const salt = bytes.subarray(8, 16);
  const seal = bytes.lastIndexOf(salt) - 8;
  const lastFrame = bytes.lastIndexOf(salt, seal) - 8;
  const cut = rewritten.losePower();
  cut.bytes(SEGMENT).fill(0xa5, lastFrame, seal + 20);
  await assert.rejects(openDisk(cut), { code: 'corrupt', message: /lacks its end/ });
  // A segment says that the next one was begun: if nothing of that is left, it is not taken for the end.
  const newest = [...files.files.keys()].filter((name) => name.endsWith('.wal')).sort();
  const begun = newest.findLast((name) => files.bytes(name).includes('40 x')) as string;
  for (const change of [
    (disk: MemoryFiles) => disk.lose(begun),
    (disk: MemoryFiles) => disk.bytes(begun).fill(0),
    (disk: MemoryFiles) => disk.put(begun, Buffer.alloc(0)),
  ]) {
    const disk = files.losePower();
    change(disk);
    await assert.rejects(openDisk(disk), { name: 'WalError', code: 'hole' });
  }
  // A frame counts only where it was written: one that the disk put elsewhere is no part of the log.
  const moved = new MemoryFiles();
  const third = await openDisk(moved);
  for (let i = 0; i < 4; i++) await written(third, { hardState: hardState(1, 'n1', i) });
  await third.close();
  const frames = moved.bytes(SEGMENT);
  const second = frames.indexOf(frames.subarray(8, 16), 16) - 8;
  const frameBytes = frames.indexOf(frames.subarray(8, 16), second + 16) - 8 - second;
  frames.copyWithin(second + frameBytes, second, second + frameBytes);
  await assert.rejects(openDisk(moved), { code: 'corrupt' });
  for (const name of [SEGMENT, '00000002.wal']) {
    const withHole = files.losePower();
    withHole.lose(name);
    await assert.rejects(openDisk(withHole), { name: 'WalError', code: 'hole' });
  }
  const withoutLog = files.losePower();
  for (const name of withoutLog.files.keys()) if (name.endsWith('.wal')) withoutLog.lose(name);
  await assert.rejects(openDisk(withoutLog), { name: 'WalError', code: 'hole' });
});

test('a folder of another member, cluster or format, and what is no log, is refused', async () => {
  const files = new MemoryFiles();
  const storage = await openDisk(files);
  await written(storage, { entries: [entry(1)] });
  await storage.close();
  const refused = async (code: string, change: (disk: MemoryFiles) => void): Promise<void> => {
    const disk = files.losePower();
    change(disk);
    await assert.rejects(openDisk(disk), { name: 'WalError', code, message: /\. [A-Z].*/ });
    assert.equal(disk.locked, false);
  };
  for (const other of [{ nodeId: 'n2' }, { clusterId: 'd' }, { groupId: 'g' }]) {
    const identity = { ...IDENTITY, ...other };
    const foreign = { name: 'WalError', code: 'foreign' };
    await assert.rejects(openDisk(files, { identity }), foreign);
  }
  await refused('garbage', (disk) => disk.put('notes.txt', Buffer.from('x')));
  await refused('identity', (disk) => disk.put('identity', Buffer.from('\0\xff garbage')));
  await refused('identity', (disk) => disk.put('identity', Buffer.from('null')));
  await refused('identity', (disk) => disk.lose('identity'));
  await refused('format', (disk) => disk.put('identity', Buffer.from('{"format":99}')));
  // A log whose only segment is garbage holds nothing, which is not what its identity says.
  await refused('hole', (disk) => disk.put(SEGMENT, Buffer.alloc(4_096, 'garbage')));
});

test(verifies('raft.failed-flush-stops'), async () => {
  const files = new MemoryFiles();
  const failures: string[] = [];
  const storage = await openDisk(files, { onFailure: (error) => failures.push(error.message) });
  await written(storage, { entries: [entry(1)] });
  const syncs = files.syncs;
  files.before = (operation) => {
    if (operation === 'sync') throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  storage.append({ entries: [entry(2)] }, () => assert.fail('not durable'));
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  // The next flush would succeed, and would prove nothing about what the failed one lost.
  files.before = () => undefined;
  storage.append({ entries: [entry(3)] }, () => assert.fail('nothing is written after a failure'));
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  assert.deepEqual(failures, ['EIO']);
  assert.equal(files.syncs, syncs);
  await storage.close();
});

test(verifies('raft.one-process-per-folder'), async (t) => {
  const directory = await folder(t);
  const storage = await openDisk(diskFiles(directory));
  await assert.rejects(openDisk(diskFiles(directory)), {
    name: 'WalError',
    code: 'locked',
    message: /in use by process \d+ on .* since .*\. Stop that process/,
  });
  await storage.close();
  await (await openDisk(diskFiles(directory))).close();
  assert.deepEqual((await readdir(directory)).sort(), [SEGMENT, 'identity', 'lock']);
  // A first start that is refused gives the folder back, too.
  const other = { ...IDENTITY, nodeId: 'n2' };
  await assert.rejects(openDisk(diskFiles(directory), { identity: other }), { code: 'foreign' });
  await (await openDisk(diskFiles(directory))).close();
});

test('a data folder that cannot be used is told in one sentence', async (t) => {
  const directory = await folder(t);
  await writeFile(join(directory, 'file'), '');
  await assert.rejects(openDisk(diskFiles(join(directory, 'file', 'raft'))), {
    name: 'WalError',
    code: 'unusable',
    message: /cannot use the data folder/,
  });
});
