/** Three members on 127.0.0.1 over gRPC with mutual TLS and real time. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { createGossip, type MemberChange, type Membership } from '../../src/gossip/index.ts';
import type { RpcServer } from '../../src/rpc/index.ts';
import type { TlsSource } from '../../src/security/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { freePorts } from '../free-ports.ts';
import { verifies } from '../requirements.ts';
import { memberTls, testServer } from '../rpc/fixture.ts';

const CONFIG = { probeIntervalMs: 200, probeTimeoutMs: 100, suspicionMs: 600, fanout: 3 };

interface Node {
  readonly membership: Membership;
  readonly changes: MemberChange[];
  /** Ends it as a kill would: no goodbye, and its port refuses. */
  kill(): Promise<void>;
}

interface Cluster {
  readonly tls: TlsSource;
  readonly ports: readonly number[];
}

async function startNode(context: TestContext, cluster: Cluster, index: number): Promise<Node> {
  const { tls, ports } = cluster;
  const server: RpcServer = testServer(tls, { port: ports[index] ?? 0 });
  const membership = createGossip({
    self: { id: `pod-${index}`, address: `127.0.0.1:${ports[index]}` },
    seeds: async () => ports.map((port) => `127.0.0.1:${port}`),
    rpcServer: server,
    tls,
    clusterId: 'cluster-1',
    peers: {
      resolve: async (address) => ({ host: '127.0.0.1', port: Number(address.split(':')[1]) }),
      serverName: () => 'localhost',
    },
    config: CONFIG,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
  });
  const changes: MemberChange[] = [];
  membership.onChange((change) => changes.push(change));
  const kill = async (): Promise<void> => {
    await membership.stop();
    await server.stop();
  };
  context.after(kill);
  await server.listen();
  await membership.start();
  return { membership, changes, kill };
}

async function startCluster(context: TestContext): Promise<{ cluster: Cluster; nodes: Node[] }> {
  const cluster = { tls: await memberTls(), ports: await freePorts(3) };
  const nodes = await Promise.all([0, 1, 2].map((index) => startNode(context, cluster, index)));
  await eventually('all members to be alive everywhere', () => nodes.every(seesAlive(3)));
  return { cluster, nodes };
}

const seesAlive = (count: number) => (node: Node) =>
  node.membership.members().filter(({ state }) => state === 'alive').length === count;
const stateOf = (node: Node | undefined, id: string) =>
  node?.membership.members().find((member) => member.id === id)?.state;

test(verifies('gossip.grpc'), async (context) => {
  const { cluster, nodes } = await startCluster(context);
  const [first, second, third] = nodes;
  assert.ok(first && second && third);

  third.membership.setLoad(7);
  third.membership.setMeta({ ready: '1' });
  await eventually('load and meta of the third at the first', () => {
    const member = first.membership.members().find(({ id }) => id === 'pod-2');
    return member?.load === 7 && member.meta['ready'] === '1';
  });

  const killedAt = performance.now();
  await third.kill();
  first.membership.reportRefused('pod-2');
  await eventually('the death to be known', () =>
    [first, second].every((node) => stateOf(node, 'pod-2') === 'dead'),
  );
  context.diagnostic(`death known everywhere after ${Math.round(performance.now() - killedAt)} ms`);

  const again = await startNode(context, cluster, 2);
  await eventually('the third to be back', () => [first, second, again].every(seesAlive(3)));
  await eventually('the restart to be noticed', () =>
    [first, second].every(({ changes }) => changes.some(({ kind }) => kind === 'restarted')),
  );

  await again.membership.leave();
  await eventually('the goodbye to be known', () =>
    [first, second].every((node) => stateOf(node, 'pod-2') === 'left'),
  );
});

test('a member of another cluster is not let in', async (context) => {
  const { cluster, nodes } = await startCluster(context);
  const [ports, foreign] = [await freePorts(1), await memberTls('cluster-1')];
  const stranger = await startNode(
    context,
    { tls: foreign, ports: [ports[0] ?? 0, ...cluster.ports] },
    0,
  );
  assert.deepEqual(
    stranger.membership.members().map(({ id }) => id),
    ['pod-0'],
  );
  for (const { membership } of nodes) {
    const known = membership.members().map(({ address }) => Number(address.split(':')[1]));
    assert.deepEqual(known, cluster.ports);
  }
});
