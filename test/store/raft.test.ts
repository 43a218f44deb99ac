/** The store on real Raft over gRPC: three members, one of them killed while it leads. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { createRaftNode, type RaftNode, type SnapshotPolicy } from '../../src/raft/index.ts';
import type { TlsSource } from '../../src/security/index.ts';
import {
  createLeaderLink,
  createStore,
  serveLeases,
  type StoreNode,
} from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { memberTls, testServer } from '../rpc/fixture.ts';

const VOTERS = ['n1', 'n2', 'n3'];
const tools = { clock: systemClock, random: systemRandom, logger: silentLogger };

interface Node {
  readonly raft: RaftNode;
  readonly store: StoreNode;
  kill(): Promise<void>;
}

async function startNode(
  id: string,
  shared: {
    readonly tls: TlsSource;
    readonly directory: string;
    readonly ports: Map<string, number>;
    readonly snapshot?: SnapshotPolicy;
  },
): Promise<Node> {
  const { tls, directory, ports } = shared;
  const rpcServer = testServer(tls);
  const peers = {
    resolve: async (peer: string) => ({ host: '127.0.0.1', port: ports.get(peer) ?? 1 }),
    serverName: () => 'localhost',
  };
  const identity = { tls, clusterId: 'cluster-1', peers };
  const metrics = createMetrics();
  const raft = createRaftNode({
    ...tools,
    ...identity,
    metrics,
    id,
    voters: VOTERS,
    dataDir: join(directory, id),
    rpcServer,
    ...(shared.snapshot === undefined ? {} : { snapshot: shared.snapshot }),
    timing: { heartbeatIntervalMs: 50, electionTimeoutMs: { min: 200, max: 400 } },
  });
  const leaderLink = createLeaderLink({ ...tools, ...identity });
  const store = createStore({ ...tools, metrics, log: raft, leaderLink, timeoutMs: 20_000 });
  serveLeases(rpcServer, store);
  ports.set(id, (await rpcServer.listen()).port);
  await raft.start();
  let killed = false;
  const kill = async (): Promise<void> => {
    if (killed) return;
    killed = true;
    await store.stop();
    leaderLink.stop();
    await rpcServer.stop();
    await raft.stop();
  };
  return { raft, store, kill };
}

interface Cluster {
  readonly nodes: Node[];
  /** Starts a member again that was killed, with the data it had. */
  restart(id: string): Promise<Node>;
}

async function startCluster(context: TestContext, snapshot?: SnapshotPolicy): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), 'store-'));
  const shared = {
    tls: await memberTls(),
    directory,
    ports: new Map<string, number>(),
    ...(snapshot === undefined ? {} : { snapshot }),
  };
  const nodes = await Promise.all(VOTERS.map((id) => startNode(id, shared)));
  context.after(async () => {
    await Promise.all(nodes.map((node) => node.kill()));
    await rm(directory, { recursive: true });
  });
  await Promise.all(nodes.map((node) => node.store.ready()));
  return {
    nodes,
    async restart(id) {
      const node = await startNode(id, shared);
      nodes.push(node);
      await node.store.ready();
      return node;
    },
  };
}

test(verifies('store.survives-leader'), async (context) => {
  const { nodes } = await startCluster(context);
  const leader = await eventually('a leader', () =>
    nodes.find(({ raft }) => raft.status().role === 'leader'),
  );
  const [first, second] = nodes.filter((node) => node !== leader) as [Node, Node];
  const seen: number[] = [];
  second.store.watch({ key: '/counter', fromRevision: 1 }, (notice) => {
    if (notice.type !== 'events') return;
    for (const event of notice.events) if (event.type === 'put') seen.push(event.item.version);
  });
  const { id: lease } = await first.store.lease.grant(5000);
  await first.store.put('/held', 'x', { lease });
  assert.equal((await second.store.get('/held'))?.lease, lease);

  const writes = Array.from({ length: 30 }, async (_, i) => {
    if (i === 10) await leader.kill();
    return first.store.put('/counter', `${i}`);
  });
  const revisions = (await Promise.all(writes)).map(({ revision }) => revision);
  assert.equal(new Set(revisions).size, 30);
  assert.equal((await second.store.get('/counter'))?.version, 30, 'each write applied once');
  assert.deepEqual(
    seen,
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  assert.equal((await first.store.lease.keepAlive(lease)).ttlMs, 5000);
  assert.equal((await second.store.lease.keepAlive(lease)).ttlMs, 5000);
  await first.store.lease.revoke(lease);
  assert.equal(await second.store.get('/held'), undefined);
});

/** What anybody can read of a store. */
const contents = ({ store }: Node): unknown => ({
  range: store.local.range({ prefix: '' }),
  leases: store.local.leases(),
});

test(verifies('store.state-comes-back'), async (context) => {
  const { nodes, restart } = await startCluster(context, { entries: 50, bytes: 2 ** 30 });
  const [first, second, third] = nodes as [Node, Node, Node];
  await first.store.put('/before', '');
  await third.store.range({ prefix: '' });
  await third.kill();
  const { id: lease } = await first.store.lease.grant(60_000);
  await first.store.put('/held', 'x', { lease });
  for (let batch = 0; batch < 20; batch++) {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => first.store.put(`/${i}`, `${batch}`.repeat(100))),
    );
  }
  await first.store.delete({ key: '/before' });
  const { snapshotIndex } = first.raft.status();
  assert.ok(snapshotIndex > 100, `a snapshot at ${snapshotIndex}`);

  const back = await restart('n3');
  assert.ok(back.raft.status().snapshotIndex > 0, 'it was sent a snapshot');
  const expected = contents(first);
  assert.deepEqual(contents(back), expected);
  assert.equal((await back.store.lease.keepAlive(lease)).ttlMs, 60_000);

  await Promise.all([first, second, back].map((node) => node.kill()));
  const again = await Promise.all(VOTERS.map((id) => restart(id)));
  for (const node of again) assert.deepEqual(contents(node), expected);
  await again[0]?.store.put('/after', '');
  assert.equal((await again[1]?.store.get('/after'))?.version, 1);
  for (const { raft } of again) assert.equal(raft.status().divergent, false);
});
