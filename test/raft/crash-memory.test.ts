/** Power is lost at every step of a member's life on its disk, and all that was not flushed with it, in part or as a whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/std/index.ts';
import type { Storage } from '../../src/raft/storage.ts';
import { verifies } from '../requirements.ts';
import { entries, openDisk, written } from './disk.ts';
import { MemoryFiles, type Survival } from './memory-files.ts';
import { Ledger, live } from './workload.ts';

/** Stands in for a process that is gone: nothing after it is ever reached. */
const NEVER = new Promise<void>(() => undefined);

/** Lives until the disk's operation number `last`, which never ends; returns how many there were. */
async function liveUntil(
  files: MemoryFiles,
  ledger: Ledger,
  last: number,
): Promise<{ readonly count: number; readonly name: string }> {
  let count = 0;
  let name = '';
  let dead: () => void = () => undefined;
  const died = new Promise<void>((resolve) => (dead = resolve));
  files.before = async (operation, file) => {
    if (['read', 'open'].includes(operation)) return;
    count += 1;
    if (count < last) return;
    if (count === last) name = `${operation} ${file}`;
    dead();
    await NEVER;
  };
  const life = (async () => {
    const storage = await openDisk(files);
    await live(storage, ledger);
    await storage.close();
  })();
  await Promise.race([life, died]);
  return { count, name };
}

const survivals = (files: MemoryFiles, seed: number): Survival[] => [
  {},
  { names: files.unflushedNames, bytes: Infinity },
  { names: Math.floor(files.unflushedNames / 2), bytes: 300 },
  ...[1, 2, 3].map((more) => ({
    names: (seed + more) % (files.unflushedNames + 1),
    random: seededRandom(seed * 10 + more),
  })),
];

/** Opens what is left, and sees that it can be written and is found again. */
async function goOn(files: MemoryFiles, ledger: Ledger, where: string): Promise<void> {
  const check = async (storage: Storage): Promise<void> => {
    await ledger.check(storage, where);
    await storage.close();
  };
  await check(await openDisk(files));
  const storage = await openDisk(files);
  await ledger.check(storage, where);
  const { stored } = storage;
  const next = (stored.entries.at(-1)?.index ?? stored.snapshot.index) + 1;
  for (let i = next; i < next + 15; i++) {
    await ledger.append(storage, { entries: entries(i, i, 9) });
  }
  await storage.close();
  await check(await openDisk(files));
}

test(verifies('raft.crash-at-any-step'), { timeout: 120_000 }, async () => {
  const { count } = await liveUntil(new MemoryFiles(), new Ledger(), Infinity);
  assert.ok(count > 150, `${count} steps`);
  let crashes = 0;
  for (let step = 1; step <= count; step++) {
    const files = new MemoryFiles();
    const ledger = new Ledger();
    const { name } = await liveUntil(files, ledger, step);
    for (const [i, survival] of survivals(files, step).entries()) {
      const where = `step ${step} (${name}), variant ${i}`;
      await goOn(files.losePower(survival), ledger.copy(), where);
      crashes += 1;
    }
  }
  assert.ok(crashes > 900, `${crashes} crashes`);
});

test('a crash while a crash is being recovered from loses nothing either', async () => {
  for (let step = 40; step <= 200; step += 9) {
    for (let again = 1; again <= 8; again++) {
      const files = new MemoryFiles();
      const ledger = new Ledger();
      await liveUntil(files, ledger, step);
      const crashed = files.losePower({ random: seededRandom(step + again) });
      let count = 0;
      let dead: () => void = () => undefined;
      const died = new Promise<void>((resolve) => (dead = resolve));
      crashed.before = async (operation) => {
        if (['read', 'open'].includes(operation)) return;
        count += 1;
        if (count < again) return;
        dead();
        await NEVER;
      };
      await Promise.race([openDisk(crashed), died]);
      const twice = crashed.losePower({ random: seededRandom(step * again), names: again % 3 });
      await goOn(twice, ledger, `step ${step}, then ${again}`);
    }
  }
});

test('each step of the disk can fail, and then nothing more is reported', async () => {
  const { count } = await liveUntil(new MemoryFiles(), new Ledger(), Infinity);
  for (let step = 20; step <= count; step += 3) {
    const files = new MemoryFiles();
    let [done, failures] = [0, 0];
    files.before = (operation) => {
      if (['read', 'open'].includes(operation)) return;
      done += 1;
      if (done === step) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    const ledger = new Ledger();
    let dead: () => void = () => undefined;
    const died = new Promise<void>((resolve) => (dead = resolve));
    const storage = await openDisk(files, {
      onFailure: () => {
        failures += 1;
        dead();
      },
    });
    // A life whose disk failed never ends.
    const life = live(storage, ledger).catch(() => undefined);
    await Promise.race([life, died]);
    if (failures > 0) {
      const write = { entries: entries(99, 99) };
      storage.append(write, () => assert.fail('nothing is durable after a failure'));
    }
    await storage.close();
    assert.ok(failures <= 1);
    await goOn(files.losePower(), ledger, `failure at step ${step}`);
  }
});

test('the folder of a first start that never ended is begun anew', async () => {
  for (let step = 1; step <= 12; step++) {
    const files = new MemoryFiles();
    await liveUntil(files, new Ledger(), step);
    const left = files.losePower({ names: files.unflushedNames, bytes: Infinity });
    const storage = await openDisk(left, { bootstrapVoters: ['n1'] });
    await written(storage, { entries: entries(storage.stored.snapshot.index + 1, 3) });
    await storage.close();
    assert.equal((await openDisk(left)).stored.entries.at(-1)?.index, 3);
  }
});
