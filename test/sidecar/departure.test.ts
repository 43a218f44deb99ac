/** A pod that is deleted from outside: the word to leave, the hand-over, and the hook that waits for it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createDeparture, forgetWord } from '../../src/sidecar/departure.ts';
import { createHealthHandler } from '../../src/sidecar/health.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { startStandalonePods, type StandalonePod } from './standalone-pods.ts';

const { pods: start } = await startStandalonePods();

async function owned(pod: StandalonePod): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${pod.cluster}/metrics`)).text();
  return Number(/^mcp_cluster_gateway_sessions_owned(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? 0);
}

const drained = async (pod: StandalonePod): Promise<string> =>
  (await fetch(`http://127.0.0.1:${pod.cluster}/drained`)).text();
const page = async (pod: StandalonePod, path: string): Promise<string> =>
  (await fetch(`http://127.0.0.1:${pod.cluster}${path}`)).text();

test(verifies('sidecar.leaves-before-its-server'), async () => {
  const pods = await start('d');
  const session = await pods[0].open();
  const served = await Promise.all(pods.map(owned));
  const owner = pods[served.indexOf(1)];
  assert.ok(owner, `one member owns the session: ${JSON.stringify(served)}`);
  const others = pods.filter((pod) => pod !== owner);
  const [other] = others;
  assert.ok(other);
  const untold = drained(other);

  // It has an effect, so nobody may repeat it: it ends where it began, or it is lost.
  let isLasting = true;
  const lasting = pods[1]
    .callTool(session, 'lasting_record', { what: 'long', stepMs: 2_000 })
    .finally(() => (isLasting = false));
  await eventually('the call to run', async () => (await owner.effects()).includes('long'));
  await writeFile(owner.word, '');
  const asked = drained(owner).then((text) => ({ text, isLasting }));
  await eventually('it says so', async () => (await page(owner, '/readyz')).includes('draining'));
  assert.match(await lasting, /long done/);
  const { text, isLasting: tooEarly } = await asked;
  assert.equal(tooEarly, false, 'the server was told to stop while it still worked');
  assert.match(text, /^1 sessions handed over$/m);
  owner.signalServer('SIGTERM');
  for (const pod of pods) await pod.call(session);

  assert.match(await untold, /^nobody has told this member to leave/);
  assert.match(await page(other, '/readyz'), /^ok/, 'whoever asks changes nothing');

  // A server that hangs with a call: it may stop at once, and its sessions are served elsewhere before it has.
  const second = others[(await owned(other)) === 1 ? 0 : 1] as StandalonePod;
  const last = others.find((pod) => pod !== second) as StandalonePod;
  const lost = second.callTool(session, 'lasting_record', { what: 'endless', stepMs: 60_000 });
  await eventually('it to run', async () => (await second.effects()).includes('endless'));
  second.signalServer('SIGSTOP');
  await eventually('that to be seen', async () =>
    (await page(second, '/readyz')).includes('does not answer'),
  );
  assert.match(await drained(second), /does not answer/);
  // The word may come after the question.
  await writeFile(second.word, '');
  await last.call(session);
  assert.match(await lost, /-31001/);

  // Where nobody is left to take sessions, nobody waits for anybody.
  await writeFile(last.word, '');
  assert.match(await drained(last), /^0 sessions handed over; 1 released, since no other pod/);
});

interface Scene {
  readonly file: string;
  readonly clock: ReturnType<typeof createVirtualClock>;
}

async function scene(t: TestContext): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'departure-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return { file: join(folder, 'word'), clock: createVirtualClock() };
}

test('a server that hangs is not waited for', async (t) => {
  const { file, clock } = await scene(t);
  const nobody = async (): Promise<never> => assert.fail('nobody has told it to leave');
  const departure = createDeparture({
    ...{ file, clock, logger: silentLogger },
    gateway: { backendReady: () => false, handOver: nobody, drain: nobody },
    raft: { status: () => assert.fail('unasked'), transferLeadership: nobody },
  });
  const why = await departure.serverMayStop(new AbortController().signal);
  assert.match(why, /does not answer/);
  assert.equal(departure.hasBegun(), false);
});

test('a word to an earlier process is forgotten', async (t) => {
  const { file } = await scene(t);
  await writeFile(file, '');
  await forgetWord(file);
  await assert.rejects(stat(file), { code: 'ENOENT' });
  await forgetWord(file);
  await assert.rejects(forgetWord(join(file, '..')), /--hand-over-file/);
});

test('more than the kubelet may wait at /drained, but not everybody', async (t) => {
  let waiting = 0;
  const server = createServer(
    createHealthHandler({
      readiness: () => assert.fail('unasked'),
      problems: () => [],
      raftStatus: () => assert.fail('unasked'),
      metrics: createMetrics(),
      serverMayStop(signal) {
        waiting += 1;
        signal.addEventListener('abort', () => (waiting -= 1));
        return new Promise(() => undefined);
      },
    }),
  );
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  const url = `http://127.0.0.1:${port}/drained`;
  const gone = new AbortController();
  t.after(() => {
    gone.abort();
    server.closeAllConnections();
    server.close();
  });
  for (let n = 0; n < 32; n++) fetch(url, { signal: gone.signal }).catch(() => undefined);
  await eventually('all to wait', async () => waiting === 32);
  const refused = await fetch(url);
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /too many wait/);
  gone.abort();
  await eventually('nobody to wait', async () => waiting === 0);
  const next = new AbortController();
  const asked = fetch(url, { signal: next.signal }).catch((error: Error) => error.name);
  await eventually('the next one to wait', async () => waiting === 1);
  next.abort();
  assert.equal(await asked, 'AbortError');
});
