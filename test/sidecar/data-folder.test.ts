/** A member that starts while a process of its own name still has its data, as after the forced deletion of a pod. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLifecycle, lockFolder, systemClock, systemRandom } from '../../src/host/index.ts';
import { diskFiles } from '../../src/raft/index.ts';
import { openStorage } from '../../src/raft/storage.ts';
import { takeDataFolder } from '../../src/sidecar/data-folder.ts';
import { STARTUP_MS_MAX, UNUSABLE_DATA_EXIT_CODE } from '../../src/std/index.ts';
import { silentLogger as logger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { freePorts } from '../free-ports.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { agreedLeader, createProcesses, fencing, raftPage } from './processes.ts';

const { folder, sidecar, admin } = await createProcesses();

test(verifies('sidecar.data-folder.waits'), async () => {
  // On real nodes each has an address of its own, so neither is in the other's way.
  const [port = 0, otherPort = 0] = await freePorts(2);
  const configured = (at: number) =>
    admin(at, async (client) => (await client.status()).configGeneration);
  const predecessor = sidecar('w1', port);
  await agreedLeader([port]);
  await admin(port, (client) => client.configure(1, fencing()));
  predecessor.kill('SIGSTOP');
  const successor = sidecar('w1', otherPort);
  const says = (text: string) => eventually(text, () => successor.lines.join('').includes(text));
  await says('waiting for its end');
  assert.match(successor.lines.join(''), new RegExp(`"holder":"process ${predecessor.pid} on `));
  // It was slow, not gone: what it agrees on now, its successor must have as well.
  predecessor.kill('SIGCONT');
  await admin(port, (client) => client.configure(2, fencing()));
  const { term, commit_index: committed } = await raftPage(port);
  await assert.rejects(raftPage(otherPort), 'nothing answers before the data are its own');
  predecessor.kill('SIGSTOP');
  predecessor.kill('SIGKILL');
  await says('the data folder is free');
  await agreedLeader([otherPort]);
  await eventually('what was agreed on last', async () => (await configured(otherPort)) === 2);
  const page = await raftPage(otherPort);
  assert.ok(page.term > term && page.commit_index > committed, JSON.stringify(page));
  assert.doesNotMatch(successor.lines.join(''), /Invariant|"level":"error"/);
});

test('a member that waits for its data can be told to stop', async () => {
  const [port = 0] = await freePorts(1);
  const directory = join(folder, 'cluster-w2');
  await mkdir(directory);
  const lock = await lockFolder(directory, { clock: systemClock, waitMs: 0 });
  const child = sidecar('w2', port);
  await eventually('it to wait', () => child.lines.join('').includes('waiting for its end'));
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  await lock.release();
});

test('a member whose log somebody else writes ends, and is to come back as another one', async () => {
  const [port = 0] = await freePorts(1);
  const child = sidecar('w3', port);
  await agreedLeader([port]);
  // As from a machine that no lock of this file system reaches.
  const files = { ...diskFiles(join(folder, 'cluster-w3', 'raft')), lock: async () => undefined };
  const intruder = await openStorage({
    files,
    identity: { clusterId: 'standalone', nodeId: 'w3', groupId: 'main' },
    bootstrapVoters: [],
    clock: systemClock,
    random: systemRandom,
    onFailure: (error) => assert.fail(error),
  });
  const { hardState } = intruder.stored;
  const ended = once(child, 'exit');
  intruder.append({ entries: [], hardState }, () => undefined);
  const [code] = (await ended) as [number];
  await intruder.close();
  const printed = child.lines.join('');
  assert.equal(code, UNUSABLE_DATA_EXIT_CODE, printed);
  assert.match(printed, /mcp-cluster: another process writes to the log .* under a new id/);
});

test(verifies('sidecar.data-folder.bounded'), async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'member-'));
  t.after(() => rm(directory, { recursive: true }));
  const lifecycle = createLifecycle();
  const clock = createVirtualClock();
  const taking = { clock, logger, lifecycle, signal: undefined };
  await takeDataFolder(directory, taking);
  const waiting = takeDataFolder(directory, taking);
  const refused = assert.rejects(waiting, {
    name: 'UsageError',
    message: /in use by process \d+ on .* since .*, and was so for 45 s: stop that process; /,
  });
  let isOver = false;
  void refused.finally(() => (isOver = true));
  while (!isOver) {
    await new Promise(setImmediate);
    if (clock.pending > 0) await clock.advance(100);
  }
  await refused;
  assert.ok(clock.monotonic() < STARTUP_MS_MAX - 10_000, `${clock.monotonic()} ms`);
  await lifecycle.stop();
  const next = createLifecycle();
  await takeDataFolder(directory, { ...taking, lifecycle: next });
  await next.stop();
});
