/** Linearizable reads: only a leader that a majority confirmed after the question may answer it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifies } from '../../requirements.ts';
import { text, three } from './network.ts';

test('a read is answered on the leader and on a follower', () => {
  const network = three();
  network.elect('a');
  network.node('a').propose([text('x')], 1);
  network.settle();
  assert.equal(network.node('a').readIndex('read-1'), true);
  assert.equal(network.node('b').readIndex('read-2'), true);
  network.settle();
  assert.deepEqual(network.reads.get('a'), [{ context: 'read-1', index: 2 }]);
  assert.deepEqual(network.reads.get('b'), [{ context: 'read-2', index: 2 }]);
});

test(verifies('raft.read-waits-for-own-term'), () => {
  const network = three();
  network.elect('a');
  const a = network.node('a');
  network.isolate('a');
  for (const id of ['b', 'c']) network.node(id).forgetLeader();
  network.node('b').campaign();
  // The new leader has the votes, but its first entry is not committed yet.
  const exchange = (): void => {
    const sent = ['b', 'c'].flatMap((id) => network.take(id));
    network.deliver(sent.filter(({ type }) => type !== 'append' && type !== 'append-response'));
  };
  for (let i = 0; i < 4; i++) exchange();
  assert.equal(network.node('b').status().role, 'leader');
  network.node('b').readIndex('early');
  for (let i = 0; i < 4; i++) exchange();
  assert.deepEqual(network.reads.get('b'), []);
  network.tick(3);
  assert.deepEqual(network.reads.get('b'), [{ context: 'early', index: 2 }]);
  assert.equal(a.status().term, 1);
});

test(verifies('raft.old-acks-confirm-no-new-read'), () => {
  const network = three();
  network.elect('a');
  const a = network.node('a');
  a.readIndex('first');
  network.deliver(network.take('a').filter(({ type }) => type === 'heartbeat'));
  const oldAnswers = ['b', 'c'].flatMap((id) => network.take(id));
  // The others elect someone else and commit, while the old leader does not know.
  network.isolate('a');
  for (const id of ['b', 'c']) network.node(id).forgetLeader();
  network.elect('b');
  network.node('b').propose([text('newer')], 1);
  network.settle();
  assert.equal(network.node('b').status().commitIndex, 3);
  // The same question again on the old leader: answers to the first round arrive only now.
  a.readIndex('second');
  network.take('a');
  network.deliver(oldAnswers);
  network.take('a');
  assert.deepEqual(
    network.reads.get('a')?.map(({ context }) => context),
    ['first'],
  );
});

test('a leader that was deposed answers no read', () => {
  const network = three();
  network.elect('a');
  network.isolate('a');
  network.node('a').readIndex('stale');
  network.tick(3, 'a');
  assert.deepEqual(network.reads.get('a'), []);
});

test('too many waiting reads are refused', () => {
  const network = three({ pendingReadsMax: 2 });
  network.elect('a');
  network.isolate('a');
  const a = network.node('a');
  assert.deepEqual(
    ['1', '2', '3'].map((context) => a.readIndex(context)),
    [true, true, false],
  );
});
