/** A server that stands still: its pod leaves, others are served, and whoever deletes the pod has its sessions back. */
import assert from 'node:assert/strict';
import { connectEcho } from '../../../../src/cli/mcp-client.ts';
import { eventually } from '../../../eventually.ts';
import { verifies } from '../../../requirements.ts';
import { mcpCluster, scriptServer } from '../../manifests.ts';
import { scenario, type Scenario } from '../../scenario.ts';
import { assertSurvived, endCalls, moreCalls, openSessionOn, withMembers } from '../../sessions.ts';
import type { NodesArena } from '../arena.ts';
import { because } from '../conditions.ts';
import { leavesService } from '../endpoints.ts';

const NAME = 'hanging';
const HUNG = `${NAME}-1`;
/** Stands still for good at a signal: its port takes connections, and nobody reads from them. */
const SCRIPT = `
  process.on('SIGUSR2', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  process.argv.push('index.js', 'streamableHttp');
  import(require('node:path').resolve('dist/index.js'))`;
const LEAVES_MAX_MS = 5_000;
const MOVES_MAX_MS = 10_000;

export const hung: Scenario<NodesArena> = {
  ...scenario(verifies('nodes.hung-server'), async (arena: NodesArena) => {
    await arena.apply(mcpCluster(NAME, { server: scriptServer(SCRIPT), replicas: 3 }));
    try {
      const isWhole = async (): Promise<boolean> =>
        (await arena.get(NAME)).status?.readyReplicas === 3;
      await eventually('three ready pods', isWhole, 90_000);
      const url = await arena.url(NAME);
      const [stuck, other] = await withMembers(arena, NAME, async (members) => [
        await openSessionOn(url, members, (owner) => owner === HUNG),
        await openSessionOn(url, members, (owner) => owner !== HUNG),
      ]);
      assert.ok(stuck && other);
      await Promise.all([stuck, other].map(({ session }) => moreCalls(session)));
      await arena.kubectl(`exec ${HUNG} -c server -- node -e 'process.kill(1,"SIGUSR2")'`);
      const leftMs = await leavesService(arena, NAME, HUNG, performance.now());
      await because(arena, NAME, 'Degraded', 'ServerNotAnswering');
      for (let count = 0; count < 6; count++) {
        const client = await connectEcho(url);
        await client.echo('elsewhere');
        await client.close();
      }
      await moreCalls(other.session, 50);
      const deletedAt = Date.now();
      await arena.kubectl(`delete pod ${HUNG} --wait=false`);
      await moreCalls(stuck.session);
      await endCalls(other.session);
      const disturbed = other.session.calls.records.filter(({ outcome }) => outcome.kind !== 'ok');
      assert.deepEqual(disturbed, [], 'the session of another pod noticed');
      // The pod hands over what it has before anybody waits for its server.
      const again = stuck.session.calls.records.find(({ endedAt }) => endedAt > deletedAt);
      console.log(
        `${HUNG} stands still: it left the Service after ${Math.round(leftMs)} ms; its session was answered ` +
          `${(again?.endedAt ?? NaN) - deletedAt} ms after the pod was deleted: ${await assertSurvived(stuck.session, deletedAt)}`,
      );
      await other.session.client.close();
      assert.ok((again?.endedAt ?? Infinity) - deletedAt <= MOVES_MAX_MS);
      assert.ok(leftMs <= LEAVES_MAX_MS);
      await eventually('three ready pods again', isWhole, 90_000);
    } finally {
      await arena.remove(NAME);
    }
  }),
  timeoutMs: 300_000,
};
