/** What a backup leaves on its volume: a whole file or none, and no more of them than asked for. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createBackup, entriesOf, verifyBackup } from '../../src/cli/backup-file.ts';
import { backupName, newestBackup, pruneBackups } from '../../src/cli/backup-folder.ts';
import { verifies } from '../requirements.ts';

const ORIGIN = {
  format: 1,
  id: 'a',
  clusterId: 'one',
  revision: 7,
  takenAt: '2026-01-01T00:00:00Z',
} as const;
const NOW = Date.parse('2026-02-01T00:00:00Z');

async function folderFor(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'backup-files-'));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
}

test(verifies('backup.abandoned-leaves-nothing'), async (context) => {
  const folder = await folderFor(context);
  const path = join(folder, 'x.backup');
  const broken = await createBackup(path);
  await broken.add([{ key: '/sessions/secret', value: 'what a client said' }]);
  await broken.abandon();
  assert.deepEqual(await readdir(folder), []);

  // It is closed already when it cannot get its name.
  await mkdir(path);
  const nameless = await createBackup(path);
  await nameless.add([{ key: '/sessions/secret', value: 'what a client said' }]);
  await assert.rejects(nameless.finish(ORIGIN), { code: 'EISDIR' });
  await nameless.abandon();
  assert.deepEqual(await readdir(folder), ['x.backup']);
});

test('two that are taken in one second are both whole', async (context) => {
  const folder = await folderFor(context);
  const path = join(folder, backupName('one', ORIGIN.takenAt));
  const [first, second] = [await createBackup(path), await createBackup(path)];
  await first.add([{ key: '/a', value: '1' }]);
  await second.add([{ key: '/b', value: '2' }]);
  await first.finish(ORIGIN);
  await second.finish({ ...ORIGIN, id: 'b' });
  assert.equal((await verifyBackup(path)).id, 'b');
  const entries: unknown[] = [];
  for await (const entry of entriesOf(path)) entries.push(entry);
  assert.deepEqual(entries, [{ key: '/b', value: '2' }]);
  assert.equal((await readdir(folder)).length, 1);
});

test(verifies('backup.retention'), async (context) => {
  const folder = await folderFor(context);
  const day = (of: string, number: number): string =>
    backupName(of, `2026-01-0${number}T00:00:00Z`);
  const abandoned = `${day('one', 1)}.0b5d.tmp`;
  const underWay = `${day('one', 9)}.77aa.tmp`;
  const ours = [1, 2, 3, 4].map((number) => day('one', number));
  const others = [1, 2, 3].map((number) => day('one-more', number));
  for (const name of [...ours, ...others, abandoned, underWay, 'notes.txt']) {
    await writeFile(join(folder, name), '');
  }
  await utimes(join(folder, abandoned), NOW / 1000, NOW / 1000 - 3 * 3600);
  await utimes(join(folder, underWay), NOW / 1000, NOW / 1000 - 60);

  const gone = await pruneBackups(folder, { clusterId: 'one', keep: 2, nowMs: NOW });
  assert.deepEqual(
    gone,
    [day('one', 1), day('one', 2), abandoned].map((name) => join(folder, name)),
  );
  const left = [day('one', 3), day('one', 4), ...others, underWay, 'notes.txt'];
  assert.deepEqual((await readdir(folder)).toSorted(), left.toSorted());
  assert.equal(await newestBackup(folder), join(folder, day('one', 4)));
  await writeFile(join(folder, day('another', 5)), '');
  assert.equal(await newestBackup(folder), join(folder, day('another', 5)));
  await assert.rejects(newestBackup(await folderFor(context)), /holds no backup/);
});
