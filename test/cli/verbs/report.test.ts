/** A report is bounded, and one part that fails or hangs for long costs no other. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { writeParts } from '../../../src/cli/verbs/report.ts';
import type { Part } from '../../../src/cli/verbs/report-parts.ts';

async function write(
  t: TestContext,
  parts: readonly Part[],
  limits = { partCharactersMax: 100, reportCharactersMax: 1_000 },
) {
  const folder = await mkdtemp(join(tmpdir(), 'report-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const missing: string[] = [];
  const told: string[] = [];
  const progress = (text: string): void => void told.push(text);
  await writeParts(folder, parts, { missing, progress, limits });
  const files = (await readdir(folder, { recursive: true })).sort();
  return { folder, files, missing, told };
}

const part = (path: string, read: Part['read']): Part => ({ path, read });

test('a part that is too long is cut, and says so', async (t) => {
  const { folder, missing } = await write(t, [
    part('long', async () => 'x'.repeat(500)),
    part('a/short', async () => 'y'),
  ]);
  assert.equal(
    await readFile(join(folder, 'long'), 'utf8'),
    `${'x'.repeat(100)}\n[cut here: 500 characters]\n`,
  );
  assert.equal(await readFile(join(folder, 'a/short'), 'utf8'), 'y\n');
  assert.equal((await stat(join(folder, 'a/short'))).mode & 0o777, 0o600);
  assert.deepEqual(missing, []);
});

test('what comes after enough is left out and named', async (t) => {
  const parts = Array.from({ length: 40 }, (_, i) => part(`${i}`, async () => 'x'.repeat(99)));
  const { files, missing, told } = await write(t, parts);
  assert.ok(files.length >= 10 && files.length <= 13, `${files.length}`);
  assert.equal(files.length + missing.length, 40);
  assert.match(missing[0] ?? '', /^\d+: the report is large enough; read less .* with --tail$/);
  assert.deepEqual([told.length, told[0], told[39]], [40, '1 of 40, 0', '40 of 40, 39']);
});

test('a part that fails is named without what it quotes, and one that hangs holds up no other', async (t) => {
  const last = Promise.withResolvers<string>();
  const { files, missing } = await write(t, [
    part('slow', () => last.promise),
    part('secret', () => Promise.reject(new Error('refused Bearer abc.def'))),
    ...['b', 'c', 'd', 'e'].map((path) => part(path, async () => path)),
    part('end', async () => {
      last.resolve('at last');
      return 'end';
    }),
  ]);
  assert.deepEqual(missing, ['secret: refused Bearer [redacted]']);
  assert.deepEqual(files, ['b', 'c', 'd', 'e', 'end', 'slow']);
});
