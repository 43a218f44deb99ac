/** Backups of clusters without Kubernetes: taken at any member, checked, and given to a new cluster, where sessions go on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { startStandalonePods, type StandalonePod } from './standalone-pods.ts';

const { folder, run, pods } = await startStandalonePods();

async function command(...args: string[]): Promise<{ code: number | null; said: string }> {
  const child = run(...args);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said: child.lines.join('') };
}
const at = (pod: StandalonePod): string[] => ['--at', `127.0.0.1:${pod.cluster}`];

/** What a cluster keeps, without the names of the file. */
async function contents(pod: StandalonePod, name: string): Promise<string[]> {
  const path = join(folder, name);
  const { code, said } = await command('backup', ...at(pod), '--out', path);
  assert.equal(code, 0, said);
  return (await readFile(path, 'utf8')).trim().split('\n').slice(0, -1).sort();
}

test(verifies('backup.restored'), { timeout: 120_000 }, async () => {
  const before = await pods('a');
  const session = await before[0].open();
  await before[1].call(session);
  const backups = join(folder, 'backups');
  for (let i = 0; i < 3; i += 1) {
    const { code, said } = await command(
      'backup',
      ...at(before[2]),
      '--dir',
      backups,
      '--keep',
      '1',
    );
    assert.equal(code, 0, said);
    // The name has seconds.
    const names = await readdir(backups);
    await eventually('the next second', async () => {
      const second = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
      return !names.some((name) => name.includes(second));
    });
  }
  const [name, ...more] = await readdir(backups);
  assert.deepEqual(more, [], 'one is kept');
  const path = join(backups, name as string);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const kept = await contents(before[0], 'before');
  assert.ok(kept.some((line) => line.includes(session)));
  for (const pod of before) pod.kill();

  const after = await pods('b');
  const restored = await command('restore', ...at(after[1]), '--from', path);
  assert.equal(restored.code, 0, restored.said);
  assert.match(restored.said, /keys of cluster standalone.*are restored/);
  const again = await command('restore', ...at(after[0]), '--from', path);
  assert.match(again.said, /there already: nothing was changed/);
  await eventually('the session to go on', () => after[2].call(session), 30_000);
  const ids = (lines: string[]): string[] =>
    lines.map((line) => (JSON.parse(line) as { key: string }).key);
  assert.deepEqual(ids(await contents(after[1], 'after')), ids(kept));
  const other = await command('restore', ...at(after[0]), '--from', join(folder, 'before'));
  assert.equal(other.code, 2, other.said);
  assert.match(other.said, /has taken in another backup/);
  for (const pod of after) pod.kill();
});

test(verifies('backup.damage-is-refused'), async () => {
  const line = JSON.stringify({ key: '/user/a', value: 'b' });
  const good = `${line}\n`;
  const cases: readonly [string, string, RegExp][] = [
    ['cut', good, /its end is missing/],
    ['garbage', 'x\n', /a line is not JSON/],
    [
      'changed',
      `${good}${JSON.stringify({ format: 1, entries: 1, sha256: 'x' })}\n`,
      /SHA-256 differs/,
    ],
    [
      'newer',
      `${good}${JSON.stringify({ format: 2, entries: 1, sha256: 'x' })}\n`,
      /of another release/,
    ],
  ];
  for (const [name, text, says] of cases) {
    const path = join(folder, name);
    await writeFile(path, text);
    const { code, said } = await command('restore', '--at', '127.0.0.1:1', '--from', path);
    assert.equal(code, 2, said);
    assert.match(said, says);
  }
  const missing = await command('restore', '--from', join(folder, 'nowhere'));
  assert.match(missing.said, /ENOENT/);
});
