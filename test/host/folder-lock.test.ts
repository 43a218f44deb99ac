/** One process for one folder: real processes that are stopped, killed, and in other namespaces. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { isLockFile, lockFolder, systemClock } from '../../src/host/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';

const CHILD = join(import.meta.dirname, 'folder-lock-child.ts');
/** A tool of the system, from util-linux. */
const UNSHARE = 'unshare';
/** Longer than a machine under load takes to run a process that is ready. */
const PATIENCE_MS = 20_000;

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'lock-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

interface Taker {
  readonly child: ChildProcess;
  /** Says that it shall try. */
  go(): void;
  /** The next line that it prints. */
  line(): Promise<string>;
  kill(): Promise<void>;
}

function taker(t: TestContext, command: string, args: readonly string[]): Taker {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const output: Interface = createInterface({ input: child.stdout });
  const lines = output[Symbol.asyncIterator]();
  const ended = once(child, 'close');
  return {
    child,
    go: () => void child.stdin.write('go\n'),
    line: async () => ((await lines.next()) as { value?: string }).value ?? 'ended',
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function ready(t: TestContext, directory: string, waitMs = 0): Promise<Taker> {
  const started = taker(t, process.execPath, [CHILD, directory, String(waitMs)]);
  assert.equal(await started.line(), 'ready');
  return started;
}

const take = (directory: string, waitMs = 0) =>
  lockFolder(directory, { clock: systemClock, waitMs });

test(verifies('host.folder-lock.kernel'), async (t) => {
  const directory = await folder(t);
  const holder = await ready(t, directory);
  holder.go();
  assert.equal(await holder.line(), 'has');
  // A process that stands still may go on at any time: it has the folder.
  holder.child.kill('SIGSTOP');
  await assert.rejects(take(directory), (error: Error & { holder: string }) => {
    assert.equal(error.name, 'FolderInUseError');
    assert.match(error.holder, new RegExp(`^process ${holder.child.pid} on ${hostname()} since `));
    return true;
  });
  const waits: string[] = [];
  const successor = lockFolder(directory, {
    clock: systemClock,
    waitMs: PATIENCE_MS,
    onWait: (name) => waits.push(name),
  });
  while (waits.length === 0) await new Promise(setImmediate);
  await holder.kill();
  const lock = await successor;
  assert.match(waits.join(), new RegExp(`^process ${holder.child.pid} `));
  // Two users in one process exclude each other like two processes.
  await assert.rejects(take(directory), { name: 'FolderInUseError' });
  await assert.rejects(take(directory), { name: 'FolderInUseError' });
  await lock.release();
  await lock.release();
  await (await take(directory)).release();
  assert.deepEqual(await readdir(directory), ['lock']);
});

test('who waits for a folder gives up after its time, or when it is told to', async (t) => {
  const directory = await folder(t);
  const lock = await take(directory);
  const clock = createVirtualClock();
  const waited = lockFolder(directory, { clock, waitMs: 1_000 });
  const refused = assert.rejects(waited, {
    name: 'FolderInUseError',
    message: /in use by process/,
  });
  while (clock.pending === 0) await new Promise(setImmediate);
  for (let passed = 0; passed < 1_000; passed += 100) {
    while (clock.pending === 0) await new Promise(setImmediate);
    await clock.advance(100);
  }
  await refused;
  const given = new AbortController();
  const { signal } = given;
  const told = assert.rejects(lockFolder(directory, { clock, waitMs: 1_000, signal }), /enough/);
  while (clock.pending === 0) await new Promise(setImmediate);
  given.abort(new Error('enough'));
  await told;
  await lock.release();
});

test(verifies('host.folder-lock.one-of-many'), { timeout: 120_000 }, async (t) => {
  const directory = await folder(t);
  let takers = await Promise.all(Array.from({ length: 20 }, () => ready(t, directory, 1_000)));
  for (let round = 0; round < 2; round++) {
    for (const each of takers) each.go();
    const said = await Promise.all(takers.map((each) => each.line()));
    const winners = takers.filter((_, i) => said[i] === 'has');
    assert.equal(winners.length, 1, said.join('\n'));
    const [winner] = winners as [Taker];
    const refusal = `refused ${directory} is in use by process ${winner.child.pid} on `;
    for (const text of said) assert.ok(text === 'has' || text.startsWith(refusal), text);
    // Killed with its lock: the next round begins as if it had never been.
    await winner.kill();
    takers = takers.filter((each) => each !== winner);
  }
});

test(verifies('host.folder-lock.killed-anywhere'), { timeout: 120_000 }, async (t) => {
  const directory = await folder(t);
  let survived: string | undefined;
  // One folder for all, so that each also finds what those before left in it.
  for (let step = 1; survived === undefined; step++) {
    const child = taker(t, process.execPath, [CHILD, directory, '0', String(step)]);
    const lines = [];
    for (let line = await child.line(); line !== 'ended'; line = await child.line())
      lines.push(line);
    survived = lines.find((line) => line.startsWith('passed'));
    assert.ok(survived === undefined || step > 10, lines.join());
    await (await take(directory)).release();
    const left = await readdir(directory);
    assert.ok(left.every(isLockFile), left.join());
  }
});

/** How this machine lets us have namespaces of our own; undefined when it does not. */
function unshare(): readonly string[] | undefined {
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  return [namespaces, ['--user', '--map-root-user', ...namespaces]].find((flags) => {
    try {
      execFileSync(UNSHARE, [...flags, 'true'], { stdio: 'ignore', timeout: PATIENCE_MS });
      return true;
    } catch {
      return false;
    }
  });
}

test(verifies('host.folder-lock.namespaces'), async (t) => {
  const flags = unshare();
  if (flags === undefined) return t.skip('this user may not make a PID and a mount namespace');
  const directory = await folder(t);
  // As in a pod: process numbers of its own, and the folder mounted at another place.
  const elsewhere = await folder(t);
  const script = 'mount --bind "$1" "$2" && exec "$3" "$4" "$2" 0';
  const args = [...flags, 'sh', '-c', script, 'sh', directory, elsewhere, process.execPath, CHILD];
  const pods = [taker(t, UNSHARE, args), taker(t, UNSHARE, args)] as const;
  for (const pod of pods) assert.equal(await pod.line(), 'ready');
  const [holder, successor] = pods;
  holder.go();
  assert.equal(await holder.line(), 'has');
  successor.go();
  assert.match(await successor.line(), /^refused .* is in use by process 1 on /);
  await assert.rejects(take(directory), { name: 'FolderInUseError' });
  await holder.kill();
  const lock = await take(directory, PATIENCE_MS);
  successor.go();
  assert.match(await successor.line(), /^refused /);
  await lock.release();
});

test('a folder that cannot be locked is told with the reason', async (t) => {
  const directory = await folder(t);
  await mkdir(join(directory, 'lock'));
  await assert.rejects(take(directory), /"lock" cannot be locked \(unable to open database file/);
  await assert.rejects(take(join(directory, 'none')), /cannot be locked/);
});
