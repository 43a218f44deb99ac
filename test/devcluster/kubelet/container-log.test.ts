/** Logs of containers: lines, limits, rotation, followers. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  createContainerLog,
  type ContainerLog,
  type LogQuery,
} from '../../../src/devcluster/kubelet/index.ts';
import type { Clock } from '../../../src/std/index.ts';

async function openLog(
  t: TestContext,
  fileBytesMax?: number,
): Promise<{ log: ContainerLog; at(ms: number): void }> {
  const folder = await mkdtemp(join(tmpdir(), 'container-log-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  let now = Date.parse('2026-01-01T00:00:00Z');
  const clock: Clock = { monotonic: () => now, wall: () => now, schedule: () => () => undefined };
  const log = createContainerLog({
    folder,
    name: '0',
    clock,
    ...(fileBytesMax === undefined ? {} : { fileBytesMax }),
  });
  return { log, at: (ms) => void (now = Date.parse('2026-01-01T00:00:00Z') + ms) };
}

async function read(log: ContainerLog, query: LogQuery = {}): Promise<string> {
  let text = '';
  await log.read(query, (piece) => (text += piece), AbortSignal.timeout(5000));
  return text;
}

const append = (log: ContainerLog, text: string): void => log.append(Buffer.from(text));

test('lines are stored when they end, characters may arrive in pieces', async (t) => {
  const { log } = await openLog(t);
  append(log, 'one\ntw');
  assert.equal(await read(log), 'one\n');
  const euro = Buffer.from('o €\n');
  log.append(euro.subarray(0, 3));
  log.append(euro.subarray(3));
  append(log, 'rest');
  log.end();
  assert.equal(await read(log), 'one\ntwo €\nrest\n');
  assert.equal(log.tail(1, 100), 'rest\n');
});

test('tail, since, time stamps and a limit of bytes', async (t) => {
  const { log, at } = await openLog(t);
  append(log, 'a\nb\n');
  at(60_000);
  append(log, 'c\n');
  assert.equal(await read(log, { tailLines: 2 }), 'b\nc\n');
  assert.equal(await read(log, { tailLines: 0 }), '');
  assert.equal(await read(log, { sinceSeconds: 30 }), 'c\n');
  assert.equal(await read(log, { sinceTime: '2026-01-01T00:00:30Z' }), 'c\n');
  assert.equal(await read(log, { timestamps: true, tailLines: 1 }), '2026-01-01T00:01:00.000Z c\n');
  assert.equal(await read(log, { limitBytes: 3 }), 'a\nb');
});

test('a follower sees every line once, from the beginning to the end of the run', async (t) => {
  const { log } = await openLog(t);
  append(log, 'before\n');
  const followed = read(log, { follow: true });
  append(log, 'during\n');
  append(log, 'last');
  log.end();
  assert.equal(await followed, 'before\nduring\nlast\n');
});

test('the oldest output goes when two files are full', async (t) => {
  const { log } = await openLog(t, 1000);
  for (let i = 0; i < 100; i++) append(log, `line ${String(i).padStart(3, '0')}\n`);
  const kept = (await read(log)).trimEnd().split('\n');
  assert.ok(kept.length < 100 && kept.length > 20, `kept ${kept.length}`);
  assert.equal(kept.at(-1), 'line 099');
  assert.equal(
    Number(kept.at(-1)?.slice(5)) - Number(kept[0]?.slice(5)),
    kept.length - 1,
    'no gap',
  );
});
