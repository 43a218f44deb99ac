/** A rolling restart of three real sidecars under load: every request of every client is answered. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../eventually.ts';
import { freePorts } from '../free-ports.ts';
import { connect } from '../gateway/client.ts';
import { verifies } from '../requirements.ts';
import { startChildren } from './children.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const { folder, start } = await startChildren('sidecar-rolling');

interface Pod {
  readonly url: URL;
  readonly health: string;
  process: ChildProcess;
  run(): ChildProcess;
  /** What the endpoints of the Service say. */
  inService: boolean;
}

async function startPods(): Promise<readonly Pod[]> {
  const ids = ['n1', 'n2', 'n3'];
  const ports = await freePorts(ids.length * 4);
  const of = (i: number): [number, number, number, number] =>
    ports.slice(i * 4, i * 4 + 4) as [number, number, number, number];
  const peers = ids.map((id, i) => `${id}@127.0.0.1:${of(i)[0]}`).join();
  return ids.map((id, i) => {
    const [cluster, gateway, gatewayPeer, upstream] = of(i);
    start([join(ROOT, 'test', 'fixtures', 'mcp-server', 'main.ts')], { PORT: String(upstream) });
    const run = (): ChildProcess =>
      start(
        [
          ...[join(ROOT, 'src', 'cli', 'main.ts'), 'sidecar', '--node-id', id, '--peers', peers],
          ...['--cluster-port', String(cluster), '--advertise-addr', `127.0.0.1:${cluster}`],
          ...['--session-db-path', folder, '--upstream', `http://127.0.0.1:${upstream}/mcp`],
          ...['--gateway-port', String(gateway), '--gateway-peer-port', String(gatewayPeer)],
        ],
        {},
      );
    const url = new URL(`http://localhost:${gateway}/mcp`);
    const health = `http://127.0.0.1:${cluster}`;
    return { url, health, process: run(), run, inService: true };
  });
}

const ready = async (pod: Pod): Promise<boolean> => (await fetch(`${pod.health}/readyz`)).ok;

test(verifies('sidecar.rolling-restart'), async () => {
  const pods = await startPods();
  await eventually(
    'every member to be ready',
    async () => (await Promise.all(pods.map(ready))).every(Boolean),
    90_000,
  );
  let turn = 0;
  const through = (): URL => {
    const serving = pods.filter(({ inService }) => inService);
    const pod = serving[turn++ % serving.length];
    assert.ok(pod !== undefined);
    return pod.url;
  };
  const clients = await Promise.all(
    Array.from({ length: 6 }, () => connect(through(), { through })),
  );
  let calls = 0;
  let rolling = true;
  const work = Promise.all(
    clients.map(async ({ client }) => {
      for (; rolling; calls++) {
        const answer = await client.callTool({ name: 'test_simple_text', arguments: {} });
        assert.match(JSON.stringify(answer), /simple text/);
      }
    }),
  );
  const rollAll = async (): Promise<void> => {
    for (const pod of pods) {
      // The Service learns of a leaving pod while that still answers.
      pod.inService = false;
      const exited = once(pod.process, 'exit');
      pod.process.kill('SIGTERM');
      await exited;
      pod.process = pod.run();
      await eventually('it is ready again', () => ready(pod), 60_000);
      pod.inService = true;
      const before = calls;
      await eventually('work goes on', () => calls > before + 12, 30_000);
    }
  };
  await Promise.race([work, rollAll()]);
  rolling = false;
  await work;
  assert.ok(calls > 36, `${calls} calls`);
  await Promise.all(clients.map(({ client }) => client.close()));
});
