/** Keep-alives over gRPC between two members. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { createLeaderLink, serveLeases, type KeepAliveAnswer } from '../../src/store/index.ts';
import { memberTls, testServer } from '../rpc/fixture.ts';

test('a follower reaches the leader, and an address nobody listens at is an error to retry', async (context) => {
  const tls = await memberTls();
  const server = testServer(tls);
  const answers = new Map<number, KeepAliveAnswer>([
    [1, { status: 'renewed', ttlMs: 1500 }],
    [2, { status: 'lease-not-found' }],
  ]);
  serveLeases(server, {
    serveKeepAlive: async (id) => answers.get(id) ?? { status: 'not-leader' },
  });
  const { port } = await server.listen();
  const link = createLeaderLink({
    peers: {
      resolve: async (id) => ({ host: '127.0.0.1', port: id === 'leader' ? port : 1 }),
      serverName: () => 'localhost',
    },
    tls,
    clusterId: 'cluster-1',
    clock: systemClock,
    random: systemRandom,
  });
  context.after(async () => {
    link.stop();
    await server.stop();
  });
  assert.deepEqual(await link.keepAlive('leader', 1), { status: 'renewed', ttlMs: 1500 });
  assert.deepEqual(await link.keepAlive('leader', 2), { status: 'lease-not-found' });
  assert.deepEqual(await link.keepAlive('leader', 3), { status: 'not-leader' });
  await assert.rejects(link.keepAlive('nobody', 1));
});
