/** How sessions end: by their client, whatever their server does, and by time; and whose they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { openRaw, post, raw, type RawAnswer } from './client.ts';
import { scene } from './stub-world.ts';
import type { StubServer } from './stub-server.ts';
import type { Pod } from './world.ts';

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };

type Headers = Awaited<ReturnType<typeof openRaw>>;
const end = (pod: Pod, headers: Headers): Promise<RawAnswer> =>
  raw(pod.url, { method: 'DELETE', headers });
const deletes = (stub: StubServer | undefined): number =>
  stub?.seen.filter((method) => method === 'DELETE').length ?? 0;

test(verifies('gateway.delete'), async (t) => {
  const { world, stubs } = await scene(t, [{}, {}]);
  const headers = await openRaw(world.pod(0).url);
  const owner = await world.ownerOf(headers['mcp-session-id']);
  const other = owner === world.pod(0) ? world.pod(1) : world.pod(0);
  assert.equal((await end(other, headers)).status, 200);
  assert.equal(deletes(stubs[owner === world.pod(0) ? 0 : 1]), 1, 'the server lets it go, too');
  for (const pod of [owner, other]) {
    assert.equal((await post(pod.url, PING, headers)).status, 404);
    assert.equal((await end(pod, headers)).status, 404);
  }
});

test('a server that does not answer a DELETE: the session ends all the same', async (t) => {
  const { world, stubs } = await scene(t, [{ silentDelete: true }]);
  const headers = await openRaw(world.pod(0).url);
  const beganAt = performance.now();
  assert.equal((await end(world.pod(0), headers)).status, 200);
  assert.ok(performance.now() - beganAt < 3_000);
  assert.equal(deletes(stubs[0]), 1);
  assert.equal((await post(world.pod(0).url, PING, headers)).status, 404);
});

test('a server or a pod that is gone: the session ends, and nobody takes it over for that', async (t) => {
  const { world, stubs } = await scene(t, [{}, {}]);
  const first = await openRaw(world.pod(0).url);
  const second = await openRaw(world.pod(1).url);
  await stubs[0]?.stop();
  assert.equal((await end(world.pod(1), first)).status, 200);
  assert.equal((await post(world.pod(1).url, PING, first)).status, 404);
  await world.pod(1).kill();
  assert.equal((await end(world.pod(0), second)).status, 200);
  assert.equal((await post(world.pod(0).url, PING, second)).status, 404);
  assert.deepEqual(
    world.events.filter(({ type }) => type === 'session-moved'),
    [],
  );
});

test('expired sessions are counted', async (t) => {
  const { world } = await scene(t, [{}], {
    idleTimeoutMs: 100,
    touchIntervalMs: 50,
    config: { timing: { sweepMs: 20 } },
  });
  await openRaw(world.pod(0).url);
  await openRaw(world.pod(0).url);
  await eventually('both are gone', () => world.pod(0).sessions.directory.size === 0);
  await eventually('counted', async () =>
    /^gateway_sessions_expired_total 2$/m.test(await world.pod(0).metrics.exposition()),
  );
});
