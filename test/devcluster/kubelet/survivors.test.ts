/** What is left of a laptop cluster that ended: nothing. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startDevCluster } from '../../../src/devcluster/index.ts';
import { UsageError } from '../../../src/host/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import { isRunning, LOCAL_IMAGES } from '../cluster.ts';

async function startDoomed(
  t: TestContext,
): Promise<{ child: ChildProcess; pids: number[]; kubeconfig: string }> {
  const program = fileURLToPath(new URL('./doomed-cluster.ts', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, ...(JSON.parse(line) as { pids: number[]; kubeconfig: string }) };
}

test(verifies('devcluster.no-survivor'), async (t) => {
  const { child, pids, kubeconfig } = await startDoomed(t);
  assert.ok(pids.length >= 2);
  child.kill('SIGKILL');
  for (const pid of pids) await eventually(`process ${pid} to end`, () => !isRunning(pid));
  await eventually('the temporary folder to go', () => !existsSync(dirname(kubeconfig)));
});

test('an orderly stop ends the process by itself and leaves no process and no folder', async (t) => {
  const { child, pids, kubeconfig } = await startDoomed(t);
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0);
  for (const pid of pids) assert.equal(isRunning(pid), false);
  assert.equal(existsSync(dirname(kubeconfig)), false);
});

test(verifies('devcluster.start-errors'), async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'start-errors-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const file = join(folder, 'file');
  await writeFile(file, 'images: 7');
  const base = { backend: 'embedded', localImages: LOCAL_IMAGES, logger: silentLogger } as const;
  const cases = [
    [{ ...base, port }, /cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\).*--port/],
    [{ ...base, dataDir: join(file, 'x') }, /cannot write to the data folder .*ENOTDIR/],
    [{ ...base, localImages: join(folder, 'none.yaml') }, /cannot read the table of local images/],
    [{ ...base, localImages: file }, /expected "images:"/],
    [{ ...base, backend: 'kubebuilder', assets: '' }, /set KUBEBUILDER_ASSETS/],
    [{ ...base, backend: 'kubebuilder', assets: folder }, /etcd/],
  ] as const;
  for (const [options, message] of cases)
    await assert.rejects(startDevCluster(options), (error) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, message);
      assert.ok(!error.message.includes('\n'), 'one line');
      return true;
    });
});
