/** Real members over gRPC with mutual TLS and real files: elect, replicate, lose the leader, come back from disk. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { bytes, TestCluster, type ClusterOptions, type Member } from './cluster.ts';

async function cluster(
  t: TestContext,
  voters?: string[],
  options?: ClusterOptions,
): Promise<TestCluster> {
  const created = await TestCluster.create(voters, options);
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
  // Silence alone would take two seconds at least.
  const timing = { heartbeatIntervalMs: 50, electionTimeoutMs: { min: 2_000, max: 4_000 } };
  const three = await TestCluster.create(undefined, { timing });
  t.after(() => three.stop());
  const leader = await three.leader();
  await leader.node.propose(bytes('before'));
  const lost = performance.now();
  await leader.fail();
  const next = await three.leader();
  const electedMs = performance.now() - lost;
  assert.notEqual(next.id, leader.id);
  await next.node.propose(bytes('after'));
  t.diagnostic(`new leader after ${electedMs.toFixed(0)} ms`);
  assert.ok(electedMs < timing.electionTimeoutMs.min, `took ${electedMs} ms`);
  const back = await three.start(leader.id);
  await eventually('the old leader catches up', () => back.applied.includes('after'));
  // What it could not write itself may have been committed by the others.
  assert.deepEqual(back.applied, next.applied);
  assert.equal(back.applied[0], 'before');
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
  const four = await cluster(t);
  const learner = await four.join('n4');
  await eventually('it knows its place', () => learner.node.status().learners.includes('n4'));
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

const SMALL = { entries: 50, bytes: 1_000_000 };

async function propose(member: Member, count: number, prefix: string): Promise<void> {
  const all = Array.from({ length: count }, (_, i) => member.node.propose(bytes(`${prefix} ${i}`)));
  await Promise.all(all);
}

test(verifies('raft.snapshot-replaces-log'), async (t) => {
  const three = await cluster(t, undefined, { snapshot: SMALL });
  const leader = await three.leader();
  await propose(leader, 200, 'a');
  await eventually('the log is cut', () => leader.node.status().firstIndex > 100);
  // One that was away for longer than the log reaches back gets the state itself.
  const away = [...three.members.values()].find((member) => member !== leader);
  assert.ok(away);
  await away.stop();
  for (let round = 0; round < 4; round++) await propose(leader, 100, `b${round}`);
  await eventually('the log is cut again', () => leader.node.status().firstIndex > 400);
  const back = await three.start(away.id);
  await eventually('it has everything', () => back.applied.length === leader.applied.length);
  assert.deepEqual(back.applied, leader.applied);
  assert.ok(back.node.status().snapshotIndex > 400);
  // And everything comes back from snapshot and log together.
  const expected = [...leader.applied];
  const ids = [...three.members.keys()];
  await Promise.all([...three.members.values()].map((member) => member.stop()));
  await Promise.all(ids.map((id) => three.start(id)));
  const next = await three.leader();
  await next.node.propose(bytes('after all'));
  for (const { applied } of three.members.values()) {
    await eventually('the last one', () => applied.at(-1) === 'after all');
    assert.deepEqual(applied, [...expected, 'after all']);
  }
});

test(verifies('raft.membership-changes'), async (t) => {
  const cluster4 = await cluster(t);
  const leader = await cluster4.leader();
  await propose(leader, 20, 'before');
  // Not before it has the log: it would hold up every commit.
  const early = leader.node.changeMembership({
    transition: 'auto',
    changes: [{ type: 'add-voter', id: 'n4' }],
  });
  await assert.rejects(early, { name: 'RaftError', code: 'not-caught-up', outcome: 'not-applied' });
  const joined = await cluster4.join('n4');
  await eventually('the learner has all', () => joined.applied.length === 20);
  const follower = [...cluster4.members.values()].find(({ id }) => id !== leader.id && id !== 'n4');
  assert.ok(follower);
  // Asked for on a follower, one voter is replaced by the new one in one step.
  await follower.node.changeMembership({
    transition: 'auto',
    changes: [
      { type: 'add-voter', id: 'n4' },
      { type: 'remove', id: leader.id },
    ],
  });
  const { voters, configuration } = follower.node.status();
  assert.deepEqual(
    voters,
    ['n1', 'n2', 'n3', 'n4'].filter((id) => id !== leader.id),
  );
  assert.deepEqual(configuration.votersOutgoing, []);
  const rest = ['n1', 'n2', 'n3', 'n4'].filter((id) => id !== leader.id);
  const next = await cluster4.leader(rest);
  assert.notEqual(next.id, leader.id);
  await next.node.propose(bytes('without the first'));
  await eventually('the removed one knows', () => leader.node.status().role === 'learner');
  await leader.stop();
  await next.node.propose(bytes('and on'));
});

test(verifies('raft.transfer-leadership'), async (t) => {
  const three = await cluster(t);
  const leader = await three.leader();
  const target = [...three.members.values()].find((member) => member !== leader);
  assert.ok(target);
  await leader.node.transferLeadership(target.id);
  assert.equal(leader.node.status().leaderId, target.id);
  // A follower can ask as well, and a leader that stops hands over by itself.
  await leader.node.transferLeadership(leader.id);
  const { term } = leader.node.status();
  const stopped = leader.node.stop();
  const next = await three.leader([...three.members.keys()].filter((id) => id !== leader.id));
  await stopped;
  assert.equal(next.node.status().term, term + 1);
});

test(verifies('raft.wiped-member-is-refused'), async (t) => {
  const three = await cluster(t);
  const leader = await three.leader();
  await propose(leader, 5, 'kept');
  const victim = [...three.members.values()].find((member) => member !== leader);
  assert.ok(victim);
  await victim.stop();
  await rm(three.dataDir(victim.id), { recursive: true });
  const wiped = await three.start(victim.id);
  const refused = /raft_peers_refused_total\{code="member-replaced"/;
  await eventually('it is refused', async () => refused.test(await leader.metrics.exposition()));
  assert.equal(wiped.node.status().leaderId, undefined);
  assert.deepEqual(wiped.applied, []);
  // Removed and added anew, it is a member like any other.
  await leader.node.changeMembership({
    transition: 'auto',
    changes: [{ type: 'remove', id: victim.id }],
  });
  await wiped.stop();
  await rm(three.dataDir(victim.id), { recursive: true });
  const again = await three.join(victim.id);
  await eventually('it has everything', () => again.applied.length === 5);
});

test('reads on a lease ask nobody while it lasts', async (t) => {
  const three = await cluster(t, undefined, { reads: 'lease' });
  const leader = await three.leader();
  await leader.node.propose(bytes('x'));
  await leader.node.readBarrier();
  const others = [...three.members.values()].filter((member) => member !== leader);
  for (const { node } of others) await node.readBarrier();
  await leader.node.transferLeadership(others[0]?.id);
  await leader.node.readBarrier();
});
