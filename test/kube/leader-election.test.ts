/** Leader election between candidates whose wall clocks disagree, in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createLeaderElection,
  type KubeObject,
  type LeaderElection,
} from '../../src/kube/index.ts';
import { seededRandom } from '../../src/std/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { createMemoryClient } from './memory-client.ts';

interface Candidate {
  readonly election: LeaderElection;
  readonly log: string[];
  isCut: boolean;
}

function setup(names: readonly string[]) {
  const clock = createVirtualClock();
  const objects = new Map<string, KubeObject>();
  const metrics = createMetrics();
  const candidates = names.map((identity, index) => {
    const log: string[] = [];
    const candidate = { log, isCut: false } as { -readonly [K in keyof Candidate]: Candidate[K] };
    // Hours apart: nobody may compare another one's renewTime with its own clock.
    const skewed = { ...clock, wall: () => clock.wall() + index * 7_200_000 };
    candidate.election = createLeaderElection({
      client: createMemoryClient(objects, () => candidate.isCut),
      namespace: 'default',
      name: 'lock',
      identity,
      clock: skewed,
      random: seededRandom(index + 1),
      logger: silentLogger,
      metrics,
      onElected: () => log.push('elected'),
      onLost: () => log.push('lost'),
    });
    return candidate;
  });
  const leaders = (): number => candidates.filter(({ election }) => election.isLeader()).length;
  /** Moves time in small steps and checks at each that there is at most one leader. */
  const advance = async (durationMs: number): Promise<void> => {
    for (let passed = 0; passed < durationMs; passed += 100) {
      await clock.advance(100);
      assert.ok(leaders() <= 1, `two leaders at ${clock.monotonic()} ms`);
    }
  };
  return { clock, objects, candidates: candidates as Candidate[], leaders, advance, metrics };
}

const leaseOf = (objects: Map<string, KubeObject>): Record<string, unknown> =>
  objects.get('leases/lock')?.['spec'] as Record<string, unknown>;

test(verifies('kube.leader.at-most-one'), async () => {
  const { candidates, leaders, advance, objects } = setup(['a', 'b', 'c']);
  for (const { election } of candidates) election.start();
  await advance(60_000);
  assert.equal(leaders(), 1);
  const leader = candidates.find(({ election }) => election.isLeader()) as Candidate;
  assert.equal(leaseOf(objects)['leaseTransitions'], 0);

  leader.isCut = true;
  await advance(10_500);
  assert.deepEqual(leader.log, ['elected', 'lost'], 'it gives up after the renew deadline');
  await advance(12_000);
  assert.equal(leaders(), 1, 'another one took over when the lease had expired');
  assert.equal(leader.election.isLeader(), false);
  assert.equal(leaseOf(objects)['leaseTransitions'], 1);
  leader.isCut = false;
  await advance(30_000);
  assert.equal(leaders(), 1);
  for (const { election } of candidates) await election.stop();
});

test('a process that was suspended is not leader when it wakes', async () => {
  const { clock, candidates, advance } = setup(['a']);
  const [only] = candidates as [Candidate];
  only.election.start();
  await advance(3000);
  assert.equal(only.election.isLeader(), true);
  clock.freeze(60_000);
  assert.equal(only.election.isLeader(), false);
  await advance(3000);
  assert.deepEqual(only.log, ['elected', 'lost', 'elected']);
  await only.election.stop();
});

test(verifies('kube.leader.release'), async () => {
  const { candidates, advance, objects, metrics } = setup(['a', 'b']);
  const [first, second] = candidates as [Candidate, Candidate];
  first.election.start();
  await advance(1000);
  second.election.start();
  await advance(1000);
  assert.equal(second.election.leader(), 'a');
  await first.election.stop();
  assert.equal(leaseOf(objects)['holderIdentity'], '');
  await advance(4500);
  assert.equal(second.election.isLeader(), true, 'within one retry period and its jitter');
  assert.deepEqual(first.log, ['elected'], 'stopping is not losing');
  assert.match(await metrics.exposition(), /leader_election_master_status\{name="lock"\} 1/);
  await second.election.stop();
});

test('a lease that somebody else wrote ends the leadership at once', async () => {
  const { candidates, advance, objects } = setup(['a']);
  const [only] = candidates as [Candidate];
  only.election.start();
  await advance(1000);
  const lease = objects.get('leases/lock') as KubeObject;
  objects.set('leases/lock', {
    ...lease,
    metadata: { ...lease.metadata, resourceVersion: '99' },
    spec: { holderIdentity: 'x', leaseDurationSeconds: 15 },
  });
  await advance(2100);
  assert.deepEqual(only.log, ['elected', 'lost']);
  assert.equal(only.election.leader(), 'x');
  await only.election.stop();
});

test('a leader renews with one request, and reads only when its record was touched or is gone', async () => {
  const clock = createVirtualClock();
  const memory = createMemoryClient();
  let reads = 0;
  const lost: string[] = [];
  const election = createLeaderElection({
    client: {
      ...memory,
      get(type, ref, options) {
        reads += 1;
        return memory.get(type, ref, options);
      },
    },
    namespace: 'default',
    name: 'lock',
    identity: 'a',
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    metrics: createMetrics(),
    onElected: () => undefined,
    onLost: () => lost.push('lost'),
  });
  election.start();
  await clock.advance(20_500);
  assert.equal(reads, 1);
  assert.ok(memory.writes.length >= 10, `${memory.writes.length} renewals in 20 s`);
  const lease = memory.objects.get('leases/lock') as KubeObject;
  const labelled = { ...lease.metadata, labels: { by: 'somebody' }, resourceVersion: '1000' };
  memory.objects.set('leases/lock', { ...lease, metadata: labelled });
  await clock.advance(4_000);
  assert.equal(reads, 2);
  memory.objects.delete('leases/lock');
  await clock.advance(4_000);
  assert.equal(reads, 3);
  assert.equal(leaseOf(memory.objects)['holderIdentity'], 'a');
  assert.deepEqual([election.isLeader(), lost.length], [true, 0]);
  await election.stop();
});
