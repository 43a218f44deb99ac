/** Real members over gRPC with mutual TLS and real files: elect, replicate, lose the leader, come back from disk. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { bytes, TestCluster } from './cluster.ts';

async function cluster(
  t: TestContext,
  voters?: string[],
  learners?: string[],
): Promise<TestCluster> {
  const created = await TestCluster.create(voters, learners);
  t.after(() => created.stop());
  return created;
}

test('three members elect a leader, and a proposal made anywhere is applied everywhere', async (t) => {
  const three = await cluster(t);
  const leader = await three.leader();
  const members = [...three.members.values()];
  for (const { id, node } of members) {
    const { index, term } = await node.propose(bytes(`from ${id}`));
    assert.ok(index > 0 && term === leader.node.status().term);
    // Resolved means applied here.
    assert.ok(three.members.get(id)?.applied.includes(`from ${id}`));
  }
  await eventually('everyone has all', () => members.every(({ applied }) => applied.length === 3));
  assert.deepEqual(members[0]?.applied, members[1]?.applied);
  assert.deepEqual(members[0]?.applied, members[2]?.applied);
  assert.match(await leader.metrics.exposition(), /raft_is_leader 1\n/);
});

test(verifies('raft.reads-are-linearizable'), async (t) => {
  const three = await cluster(t);
  const leader = await three.leader();
  const follower = [...three.members.values()].find((member) => member !== leader);
  assert.ok(follower);
  for (let i = 0; i < 20; i++) {
    await leader.node.propose(bytes(`write ${i}`));
    await follower.node.readBarrier();
    assert.ok(follower.applied.includes(`write ${i}`));
  }
});

test(verifies('raft.failover-without-waiting-for-the-timeout'), async (t) => {
  // Silence alone would take a second at least.
  const timing = { heartbeatIntervalMs: 50, electionTimeoutMs: { min: 1_000, max: 2_000 } };
  const three = await TestCluster.create(undefined, undefined, timing);
  t.after(() => three.stop());
  const leader = await three.leader();
  await leader.node.propose(bytes('before'));
  const lost = performance.now();
  await leader.stop();
  const next = await three.leader();
  const electedMs = performance.now() - lost;
  assert.notEqual(next.id, leader.id);
  await next.node.propose(bytes('after'));
  t.diagnostic(`new leader after ${electedMs.toFixed(0)} ms`);
  assert.ok(electedMs < timing.electionTimeoutMs.min, `took ${electedMs} ms`);
  const back = await three.start(leader.id);
  await eventually('the old leader catches up', () => back.applied.includes('after'));
  assert.deepEqual(back.applied, ['before', 'after']);
});

test(verifies('raft.restart-loses-nothing'), async (t) => {
  const three = await cluster(t);
  const leader = await three.leader();
  await Promise.all(
    Array.from({ length: 200 }, (_, i) => leader.node.propose(bytes(`entry ${i}`))),
  );
  const expected = [...leader.applied];
  const ids = [...three.members.keys()];
  await Promise.all([...three.members.values()].map((member) => member.stop()));
  await Promise.all(ids.map((id) => three.start(id)));
  await three.leader();
  const members = [...three.members.values()];
  await members[0]?.node.propose(bytes('again'));
  await eventually('all is there', () => members.every(({ applied }) => applied.length === 201));
  for (const { applied } of members) assert.deepEqual(applied, [...expected, 'again']);
});

test('proposals made while there is no leader wait for one', async (t) => {
  const three = await cluster(t);
  const first = three.members.get('n1');
  assert.ok(first);
  await first.node.propose(bytes('early'));
  assert.deepEqual(first.applied, ['early']);
});

test('a learner receives the log and forwards proposals, but does not count', async (t) => {
  const four = await cluster(t, ['n1', 'n2', 'n3'], ['n4']);
  await four.leader();
  const learner = four.members.get('n4');
  assert.ok(learner);
  await learner.node.propose(bytes('by the learner'));
  assert.deepEqual(learner.applied, ['by the learner']);
  assert.equal(learner.node.status().role, 'learner');
  await learner.node.readBarrier();
});

test('a single member elects itself', async (t) => {
  const one = await cluster(t, ['n1']);
  const only = await one.leader();
  await only.node.propose(bytes('alone'));
  await only.node.readBarrier();
  assert.deepEqual(only.applied, ['alone']);
});

test('without a majority nothing is acknowledged, and the caller is told why', async (t) => {
  const three = await cluster(t);
  const leader = await three.leader();
  for (const member of [...three.members.values()]) if (member !== leader) await member.stop();
  const given = leader.node.propose(bytes('lost?'), AbortSignal.timeout(300));
  await assert.rejects(given, { name: 'RaftError', code: 'timeout', outcome: 'unknown' });
  await eventually('the leader steps down', () => leader.node.status().role !== 'leader');
  const later = leader.node.propose(bytes('never'), AbortSignal.timeout(50));
  await assert.rejects(later, { outcome: 'not-applied' });
  assert.deepEqual(leader.applied, []);
});
