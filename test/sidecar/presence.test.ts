/** What a member tells of itself, and what the others make of it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMembership } from '../../src/gossip/index.ts';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { createClusterView } from '../../src/sidecar/cluster-view.ts';
import { announcePresence, type PresenceOptions } from '../../src/sidecar/presence.ts';
import { isCaughtUp } from '../../src/sidecar/readiness.ts';
import {
  createResourceMeter,
  decodeResources,
  encodeResources,
} from '../../src/sidecar/resources.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';

const self = { node: 'a', instance: 'x' };

/** A member by itself, with switches for everything its presence depends on. */
function member() {
  const state = {
    backendReady: true,
    valid: true,
    draining: false,
    problems: [] as { code: 'disk-full'; message: string }[],
    lease: 'x',
    commitIndex: 5,
    strategy: 'LeastConnections',
    annotations: { weight: undefined as number | undefined, capabilities: [] as string[] },
  };
  const membership = createMembership({
    self: { id: 'a', address: 'a:1', meta: { instance: 'x', ready: '0', gatewayPeer: '8081' } },
    seeds: async () => [],
    transport: {
      call: () => Promise.reject(new Error('nobody else')),
      serve: () => undefined,
      stop: () => undefined,
    },
    config: { probeIntervalMs: 200, probeTimeoutMs: 100, suspicionMs: 600, fanout: 3 },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
  });
  const store = {
    local: {
      get: () => ({
        ...{ key: '/members/a', createRevision: 1, modRevision: 1, version: 1 },
        value: state.lease,
      }),
    },
    watch: () => () => undefined,
  };
  const view = createClusterView({
    self,
    membership,
    deaths: {
      isProven: () => false,
      onProof: () => () => undefined,
      attempt: () => undefined,
      stop: () => undefined,
    },
    store: store as never,
    peerOf: () => ({ host: 'a', port: 8_081 }),
  });
  const parts = {
    membership,
    view,
    store,
    raft: { status: () => ({ commitIndex: state.commitIndex, appliedIndex: 5 }) },
    ownership: { valid: () => state.valid },
    gateway: { backendReady: () => state.backendReady, onBackendChange: () => () => undefined },
    sessions: { directory: { counts: () => new Map([['a', 7]]), onChange: () => () => undefined } },
    problems: () => state.problems,
    config: {
      current: () => ({ gateway: { policies: { loadBalancing: { strategy: state.strategy } } } }),
    },
    serverUsage: { current: () => ({ cpuCores: 1_000, memoryBytes: 0 }) },
  } as unknown as PresenceOptions['parts'];
  const stop = announcePresence({
    parts,
    annotations: { current: () => state.annotations, onChange: () => () => undefined },
    isAway: () => state.draining,
  });
  const itself = () => view.members()[0] ?? assert.fail('no member');
  return { state, view, itself, stop };
}

test(`as it is told: ${verifies('balancing.new-sessions')}`, async (t) => {
  const { state, view, itself, stop } = member();
  t.after(stop);
  let told = 0;
  view.onChange(() => (told += 1));
  await eventually('it is ready', () => itself().ready);
  const reasons: [string, () => void, () => void][] = [
    ['drains', () => (state.draining = true), () => (state.draining = false)],
    ['is fenced', () => (state.valid = false), () => (state.valid = true)],
    ['starts', () => (state.lease = 'before'), () => (state.lease = 'x')],
    ['catches up', () => (state.commitIndex = 5_000), () => (state.commitIndex = 5)],
    ['has no server', () => (state.backendReady = false), () => (state.backendReady = true)],
    [
      'has a problem',
      () => state.problems.push({ code: 'disk-full', message: 'full' }),
      () => state.problems.pop(),
    ],
  ];
  for (const [what, begin, end] of reasons) {
    const before = told;
    begin();
    await eventually(`a member that ${what} takes no sessions`, () => !itself().ready);
    assert.ok(told > before, 'its own front hears of it as well');
    end();
    await eventually('it is ready again', () => itself().ready);
  }
});

test('weight, labels, sessions and resources reach the others', async (t) => {
  const { state, itself, stop } = member();
  t.after(stop);
  await eventually('it is ready', () => itself().ready);
  assert.deepEqual([itself().weight, itself().capabilities], [undefined, undefined]);
  state.annotations = { weight: 2.5, capabilities: ['gpu', 'eu'] };
  await eventually('the annotations are told', () => itself().weight === 2.5);
  assert.deepEqual(itself().capabilities, ['gpu', 'eu']);
  assert.equal(itself().load, 7);
  assert.equal(itself().resources, undefined, 'nobody asks for them');
  state.strategy = 'ResourceBased';
  const { cpu, memory, loopDelayMs } = await eventually('measured', () => itself().resources);
  assert.equal(cpu, 1, "what the MCP server uses counts too, as a share of the machine's");
  assert.ok(memory > 0 && memory <= 1 && loopDelayMs >= 0);
  state.strategy = 'RoundRobin';
  await eventually('told no more', () => itself().resources === undefined);
});

test('a member has caught up when it sees its own lease and little is left to apply', () => {
  const told = (lease: string | undefined, behind: number): boolean =>
    isCaughtUp({
      raft: { status: () => ({ commitIndex: 100 + behind, appliedIndex: 100 }) },
      store: {
        local: { get: () => (lease === undefined ? undefined : ({ value: lease } as never)) },
      },
      view: { self },
    });
  assert.equal(told('x', 0), true);
  assert.equal(told('x', 1_000), true);
  assert.equal(told('x', 1_001), false);
  assert.equal(told('of its former life', 0), false);
  assert.equal(told(undefined, 0), false);
});

test('resources are told with few digits, and nothing else is read', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      share,
      share,
      fc.double({ min: 0, max: 1e4, noNaN: true }),
      (cpu, memory, delay) => {
        const told = encodeResources({ cpu, memory, loopDelayMs: delay });
        assert.ok(told.length <= 20);
        const heard = decodeResources(told) ?? assert.fail(told);
        assert.ok(Math.abs(heard.cpu - cpu) <= 0.026 && Math.abs(heard.memory - memory) <= 0.026);
        assert.ok(Math.abs(heard.loopDelayMs - delay) <= 2.6);
      },
    ),
  );
  for (const text of [undefined, '', '1', '1,2', 'a,b,c', '-1,0,0'])
    assert.equal(decodeResources(text), undefined, `${text}`);
});

test('in a control group with limits, shares are of those', async (t) => {
  const cgroup = await mkdtemp(join(tmpdir(), 'cgroup-'));
  const write = (name: string, text: string): Promise<void> => writeFile(join(cgroup, name), text);
  await write('cpu.max', '50000 100000\n');
  await write('cpu.stat', 'usage_usec 1000000\nuser_usec 0\n');
  await write('memory.max', '1000000\n');
  await write('memory.current', '700000\n');
  await write('memory.stat', 'anon 1\ninactive_file 200000\n');
  const meter = createResourceMeter({ clock: systemClock, cgroup });
  t.after(async () => {
    meter.stop();
    await rm(cgroup, { recursive: true });
  });
  const first = await eventually('measured', () => meter.current());
  assert.equal(first.memory, 0.5, 'what is only cached does not count');
  assert.equal(first.cpu, 0);
  // As much as anybody could use in the time: the share is 1.
  await write('cpu.stat', 'usage_usec 900000000\n');
  await eventually('the processor is busy', () => meter.current()?.cpu === 1);
});
