/** The driver on virtual time with a transport in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/std/index.ts';
import {
  CallFailure,
  createMembership,
  type GossipTransport,
  type MemberChange,
  type Membership,
} from '../../src/gossip/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { createVirtualClock, type VirtualClock } from '../virtual-clock.ts';

const CONFIG = { probeIntervalMs: 200, probeTimeoutMs: 100, suspicionMs: 600, fanout: 3 };
type Handler = Parameters<GossipTransport['serve']>[0];

/** Members that reach each other at once; whoever has stopped refuses. */
function createNetwork() {
  const handlers = new Map<string, Handler>();
  const transportAt = (address: string): GossipTransport => ({
    async call(to, request) {
      const handler = handlers.get(to);
      if (handler === undefined) throw new CallFailure('refused', true);
      return await handler(structuredClone(request));
    },
    serve: (handler) => void handlers.set(address, handler),
    stop: () => void handlers.delete(address),
  });
  return { transportAt };
}

function createNodes(count: number, clock: VirtualClock = createVirtualClock()) {
  const network = createNetwork();
  const addresses = Array.from({ length: count }, (_, i) => `host-${i}:7000`);
  const metrics = createMetrics();
  let seedsFail = false;
  const nodes = addresses.map((address, i): Membership =>
    createMembership({
      self: { id: `n${i}`, address },
      seeds: async () => {
        if (seedsFail) throw new Error('no DNS');
        return addresses;
      },
      transport: network.transportAt(address),
      config: CONFIG,
      clock,
      random: seededRandom(i + 1),
      logger: silentLogger,
      metrics: i === 0 ? metrics : createMetrics(),
    }),
  );
  return { nodes, clock, metrics, failSeeds: (fail: boolean) => (seedsFail = fail) };
}

const states = (node: Membership | undefined) => node?.members().map(({ state }) => state);

test('start joins, death is told, stop ends every timer', async () => {
  const { nodes, clock, metrics } = createNodes(3);
  const changes: MemberChange[] = [];
  nodes[0]?.onChange(() => {
    throw new Error('listener');
  });
  nodes[0]?.onChange((change) => changes.push(change));
  await Promise.all(nodes.map((node) => node.start()));
  await clock.advance(1000);
  assert.deepEqual(states(nodes[0]), ['alive', 'alive', 'alive']);
  await nodes[2]?.stop();
  await clock.advance(1000);
  assert.deepEqual(states(nodes[0]), ['alive', 'alive', 'dead']);
  assert.deepEqual(changes.map(({ kind, member }) => `${kind} ${member.id}`).sort(), [
    'died n2',
    'joined n1',
    'joined n2',
  ]);
  assert.match(await metrics.exposition(), /gossip_members\{state="dead"\} 1/);
  await Promise.all(nodes.map((node) => node.stop()));
  assert.equal(clock.pending, 0);
});

test('seeds that are unknown at first are asked for again', async () => {
  const { nodes, clock, failSeeds } = createNodes(2);
  failSeeds(true);
  await Promise.all(nodes.map((node) => node.start()));
  await clock.advance(5000);
  assert.deepEqual(states(nodes[0]), ['alive']);
  failSeeds(false);
  await clock.advance(10_000);
  assert.deepEqual(states(nodes[0]), ['alive', 'alive']);
});

test('load and meta are checked, and can be set before the start', async () => {
  const { nodes, clock } = createNodes(2);
  const [first, second] = nodes;
  assert.throws(() => first?.setLoad(-1), RangeError);
  assert.throws(() => first?.setLoad(Number.NaN), RangeError);
  assert.throws(() => first?.setMeta({ big: 'x'.repeat(512) }), RangeError);
  first?.setLoad(3);
  first?.setMeta({ zone: 'a' });
  await Promise.all(nodes.map((node) => node.start()));
  await clock.advance(1000);
  const seen = second?.members().find(({ id }) => id === 'n0');
  assert.deepEqual([seen?.load, seen?.meta['zone']], [3, 'a']);
  assert.equal(seen?.meta['instance'], first?.self().meta['instance']);
});

test('leave says goodbye; alone it returns at once', async () => {
  const { nodes, clock } = createNodes(2);
  await Promise.all(nodes.map((node) => node.start()));
  await clock.advance(500);
  await nodes[1]?.leave();
  assert.deepEqual(states(nodes[0]), ['alive', 'left']);
  await nodes[0]?.leave();
  await nodes[0]?.leave();
  assert.equal(nodes[0]?.self().state, 'left');
});

test('a process that was stopped for a while blames nobody', async () => {
  const { nodes, clock } = createNodes(3);
  await Promise.all(nodes.map((node) => node.start()));
  await clock.advance(1000);
  const changes: MemberChange[] = [];
  nodes[0]?.onChange((change) => changes.push(change));
  clock.freeze(10_000);
  await clock.advance(3000);
  assert.deepEqual(changes, []);
});
