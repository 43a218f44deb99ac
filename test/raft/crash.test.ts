/** Real processes kill themselves at every named point between two steps of the disk; their next life holds it all. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { diskFiles } from '../../src/raft/wal-files.ts';
import { verifies } from '../requirements.ts';
import { DISK_POINTS } from './crash-points.ts';
import { openDisk } from './disk.ts';
import { MemoryFiles } from './memory-files.ts';
import { Ledger, live } from './workload.ts';

const CHILD = fileURLToPath(new URL('crash-child.ts', import.meta.url));
const AT_ONCE_MAX = 2;
const LIFE_MS_MAX = 30_000;

interface Crash {
  readonly point: string;
  readonly occurrence: number;
}

interface Life {
  /** Words of the lines it printed. */
  readonly lines: readonly (readonly [word: string, rest: string])[];
  readonly signal: NodeJS.Signals | null;
}

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'crash-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs a child until it ends by itself, or by its own hand. */
function life(kind: string, directory: string, { point, occurrence }: Crash): Promise<Life> {
  const child = spawn(process.execPath, [CHILD, kind, directory, point, String(occurrence)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: LIFE_MS_MAX,
    killSignal: 'SIGABRT',
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (_code, signal) => {
      const lines = output
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
          const space = line.indexOf(' ');
          return [line.slice(0, space), line.slice(space + 1)] as const;
        });
      resolve({ lines, signal });
    });
  });
}

async function passedIn(kind: string, directory: string): Promise<Record<string, number>> {
  const { lines, signal } = await life(kind, directory, { point: 'none', occurrence: 0 });
  assert.equal(signal, null);
  const passed = lines.find(([word]) => word === 'passed')?.[1];
  return JSON.parse(passed ?? '{}') as Record<string, number>;
}

/** The first, the last and some occurrences in between of each point. */
const crashesOf = (passed: Record<string, number>, shares: readonly number[]): Crash[] =>
  Object.entries(passed).flatMap(([point, count]) =>
    [...new Set(shares.map((share) => 1 + Math.floor((count - 1) * share)))].map((occurrence) => ({
      point,
      occurrence,
    })),
  );

test(verifies('raft.crash-at-any-step'), { timeout: 300_000 }, async (t) => {
  const directory = await folder(t);
  const passed = await passedIn('storage', join(directory, 'whole'));
  assert.deepEqual(Object.keys(passed).sort(), [...DISK_POINTS].sort());
  // The same life in memory tells the model what was written when.
  const model = new Ledger();
  const whole = await openDisk(new MemoryFiles());
  await live(whole, model);
  await whole.close();
  const waiting = crashesOf(passed, [0, 0.6, 1]);
  let survived = 0;
  const worker = async (): Promise<void> => {
    for (let crash = waiting.pop(); crash !== undefined; crash = waiting.pop()) {
      const where = `${crash.point} ${crash.occurrence}`;
      const own = join(directory, where.replace(' ', '-'));
      const { lines, signal } = await life('storage', own, crash);
      assert.equal(signal, 'SIGKILL', where);
      const storage = await openDisk(diskFiles(own));
      await model.reported(lines).check(storage, where);
      await storage.close();
      survived += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE_MAX }, worker));
  assert.ok(survived >= 35, `${survived} crashes`);
});

test('a member killed again and again keeps what it acknowledged, once each', async (t) => {
  const directory = await folder(t);
  const passed = await passedIn('member', join(directory, 'whole'));
  assert.ok((passed['snapshot.chunk'] ?? 0) > 0 && (passed['reply.before'] ?? 0) === 30);
  const own = join(directory, 'member');
  const acknowledged: string[] = [];
  let before: readonly string[] = [];
  let asked = new Set<string>();
  // A first life restores nothing; the later ones do.
  const restored = { point: 'restore.after', occurrence: 1 };
  const last = { point: 'none', occurrence: 0 };
  for (const crash of [...crashesOf(passed, [0.5]), restored, last]) {
    const { lines, signal } = await life('member', own, crash);
    const where = `after ${crash.point}`;
    assert.ok(signal === 'SIGKILL' || signal === null, where);
    const has = lines.find(([word]) => word === 'has');
    if (has !== undefined) {
      const values = JSON.parse(has[1]) as string[];
      assert.equal(new Set(values).size, values.length, `${where}: a value is there twice`);
      assert.deepEqual(values.slice(0, before.length), before, `${where}: the past has changed`);
      for (const value of acknowledged) assert.ok(values.includes(value), `${where}: ${value}`);
      for (const value of values) assert.ok(asked.has(value), `${where}: nobody asked ${value}`);
      before = values;
    }
    asked = new Set([...asked, ...lines.filter(([w]) => w === 'asked').map(([, value]) => value)]);
    acknowledged.push(...lines.filter(([w]) => w === 'acknowledged').map(([, value]) => value));
  }
  assert.ok(acknowledged.length > 100, `${acknowledged.length} acknowledged`);
});
