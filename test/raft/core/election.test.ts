/** Elections: who may lead, and what must never happen while one is under way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyState, type Message } from '../../../src/raft/core/index.ts';
import { seededRandom } from '../../../src/std/index.ts';
import { verifies } from '../../requirements.ts';
import { core, ELECTION_TICKS, drain, entries, Network, stored, text, three } from './network.ts';

const of = (messages: Message[], type: Message['type']): Message[] =>
  messages.filter((message) => message.type === type);

test('silence leads to a pre-vote, an election and an empty entry that commits everywhere', () => {
  const network = three();
  network.tick(3 * ELECTION_TICKS);
  const [leader] = network.leaders();
  assert.ok(leader);
  assert.equal(network.leaders().length, 1);
  for (const id of ['a', 'b', 'c']) {
    const { term, leaderId, commitIndex } = network.node(id).status();
    assert.deepEqual(
      { term, leaderId, commitIndex },
      { term: 1, leaderId: leader, commitIndex: 1 },
    );
    assert.equal(network.applied.get(id)?.[0]?.kind, 'empty');
  }
});

test('time-outs are drawn anew in each term, within the range', () => {
  const node = core('a', stored(), { preVote: false, random: seededRandom(7) });
  const silences = new Set<number>();
  for (let round = 0; round < 40; round++) {
    const { term } = node.status();
    let ticks = 0;
    while (node.status().term === term) {
      node.tick();
      ticks += 1;
    }
    silences.add(ticks);
    assert.ok(ticks >= ELECTION_TICKS && ticks < 2 * ELECTION_TICKS, `campaigned after ${ticks}`);
  }
  assert.ok(silences.size >= 5);
});

test(verifies('raft.vote-is-durable-first'), () => {
  const node = core('a');
  node.step({
    type: 'vote-request',
    groupId: 'g',
    from: 'b',
    to: 'a',
    term: 3,
    preVote: false,
    transfer: false,
    lastIndex: 0,
    lastTerm: 0,
  });
  const ready = node.ready();
  // Term and vote come in one value, to be flushed, and nothing is said before.
  assert.deepEqual(ready.hardState, { term: 3, vote: 'b', commit: 0 });
  assert.equal(ready.mustSync, true);
  assert.deepEqual(ready.messages, []);
  assert.equal(of([...ready.messagesAfterSync], 'vote-response').length, 1);
});

test(verifies('raft.one-vote-per-term'), () => {
  // A candidate that steps down to an append of its own term must remember that it voted for itself.
  const node = core('a', stored(), { preVote: false });
  node.campaign();
  drain(node, 'a');
  assert.equal(node.status().vote, 'a');
  node.step({
    type: 'append',
    groupId: 'g',
    from: 'b',
    to: 'a',
    term: 1,
    prevIndex: 9,
    prevTerm: 1,
    entries: [],
    commit: 0,
  });
  assert.equal(node.status().role, 'follower');
  node.step({
    type: 'vote-request',
    groupId: 'g',
    from: 'c',
    to: 'a',
    term: 1,
    preVote: false,
    transfer: false,
    lastIndex: 9,
    lastTerm: 9,
  });
  const [answer] = of(drain(node, 'a'), 'vote-response');
  assert.equal(answer?.type === 'vote-response' && answer.granted, false);
  assert.equal(node.status().vote, 'a');
});

test('a vote survives a restart', () => {
  const node = core('a', stored(4, [], { vote: 'b' }));
  node.step({
    type: 'vote-request',
    groupId: 'g',
    from: 'c',
    to: 'a',
    term: 4,
    preVote: false,
    transfer: false,
    lastIndex: 5,
    lastTerm: 4,
  });
  const [answer] = of(drain(node, 'a'), 'vote-response');
  assert.equal(answer?.type === 'vote-response' && answer.granted, false);
});

test('only an up-to-date log gets a vote', () => {
  for (const [lastTerm, lastIndex, granted] of [
    [2, 3, true],
    [2, 2, false],
    [1, 9, false],
    [3, 1, true],
  ] as const) {
    const node = core('a', stored(2, entries(1, 2, 2)));
    node.step({
      type: 'vote-request',
      groupId: 'g',
      from: 'b',
      to: 'a',
      term: 5,
      preVote: false,
      transfer: false,
      lastIndex,
      lastTerm,
    });
    const [answer] = of(drain(node, 'a'), 'vote-response');
    assert.equal(
      answer?.type === 'vote-response' && answer.granted,
      granted,
      `${lastTerm}/${lastIndex}`,
    );
  }
});

test(verifies('raft.pre-vote-disturbs-nobody'), () => {
  const network = three();
  network.elect('a');
  network.isolate('c');
  network.tick(5 * ELECTION_TICKS);
  // Cut off, it asks and asks, but its term stands still; back again, it follows.
  assert.equal(network.node('c').status().term, 1);
  network.heal();
  network.tick(2 * ELECTION_TICKS);
  assert.deepEqual(network.leaders(), ['a']);
  assert.equal(network.node('a').status().term, 1);
  assert.equal(network.node('c').status().leaderId, 'a');
});

test('a member that still hears the leader refuses others, even with a later term', () => {
  const network = three();
  network.elect('a');
  network.deliver([
    {
      type: 'vote-request',
      groupId: 'g',
      from: 'c',
      to: 'b',
      term: 9,
      preVote: false,
      transfer: false,
      lastIndex: 9,
      lastTerm: 9,
    },
  ]);
  assert.deepEqual(network.take('b'), []);
  assert.equal(network.node('b').status().term, 1);
});

test(verifies('raft.leader-without-majority-steps-down'), () => {
  const network = three();
  network.elect('a');
  network.isolate('a');
  network.tick(2 * ELECTION_TICKS + 1, 'a');
  assert.equal(network.node('a').status().role, 'follower');
  assert.equal(network.node('a').status().leaderId, undefined);
});

test('full omission: the leader is heard by one member only, and the rest still get a leader in time', () => {
  const five = ['a', 'b', 'c', 'd', 'e'];
  const network = new Network(
    Object.fromEntries(five.map((id) => [id, core(id, stored(0, [], {}, { voters: five }))])),
  );
  network.elect('a');
  for (const id of ['c', 'd', 'e']) network.cut('a', id);
  network.tick(8 * ELECTION_TICKS);
  const leaders = network.leaders();
  assert.equal(leaders.length, 1);
  assert.notEqual(leaders[0], 'a');
});

test('a stuck member with an earlier term is told, so that it cannot block an election for ever', () => {
  const network = new Network({
    a: core('a', stored(1, entries(1))),
    b: core('b', stored(1, entries(1))),
    c: core('c', stored(5, entries(1))),
  });
  network.isolate('b');
  network.tick(10 * ELECTION_TICKS, 'a', 'c');
  assert.equal(network.leaders().length, 1);
});

test(verifies('raft.broken-link-is-a-hint'), () => {
  const network = three();
  network.elect('a');
  network.isolate('a');
  assert.equal(network.node('b').forgetLeader(), true);
  assert.equal(network.node('c').forgetLeader(), true);
  assert.equal(network.node('b').forgetLeader(), false);
  network.node('b').campaign();
  network.settle();
  assert.equal(network.node('b').status().role, 'leader');
});

test('a false hint does not depose a leader that the others still hear', () => {
  const network = three();
  network.elect('a');
  network.node('b').forgetLeader();
  network.node('b').campaign();
  network.settle();
  network.tick(2);
  assert.deepEqual(network.leaders(), ['a']);
  assert.equal(network.node('a').status().term, 1);
  assert.equal(network.node('b').status().leaderId, 'a');
});

test('learners receive the log but neither vote in a count nor campaign', () => {
  const from = stored(0, [], {}, { learners: ['d'] });
  const network = new Network({
    a: core('a', from),
    b: core('b', from),
    c: core('c', from),
    d: core('d', from),
  });
  network.tick(4 * ELECTION_TICKS, 'd');
  assert.equal(network.node('d').status().role, 'follower');
  network.elect('a');
  network.isolate('b');
  network.isolate('c');
  network.node('a').propose([text('x')], 1);
  network.settle();
  assert.equal(network.node('d').status().lastIndex, 2);
  assert.equal(network.node('a').status().commitIndex, 1);
});

test('a learner that is added later catches up', () => {
  const network = three();
  network.elect('a');
  network.node('a').propose([text('x'), text('y')], 1);
  network.settle();
  const learner = core('d', emptyState());
  network.nodes.set('d', learner);
  for (const map of [network.reads, network.applied, network.logs]) map.set('d', []);
  const a = network.node('a');
  const change = (type: 'add-learner' | 'remove'): void => {
    const result = a.proposeConfig({ transition: 'auto', changes: [{ type, id: 'd' }] }, 2);
    assert.equal(result, 'appended');
    network.settle();
  };
  change('add-learner');
  assert.equal(network.applied.get('d')?.length, 4);
  change('remove');
  assert.equal(
    network
      .node('a')
      .progress()
      .some(({ id }) => id === 'd'),
    false,
  );
});

test('a vote that was given to a longer log, lost since in a crash, does not count', () => {
  const node = core('a', stored(1, entries(1, 1)), { preVote: false });
  node.campaign();
  drain(node, 'a');
  const vote = (lastIndex: number): Message => ({
    type: 'vote-response',
    groupId: 'g',
    from: 'b',
    to: 'a',
    term: 2,
    preVote: false,
    granted: true,
    lastIndex,
    lastTerm: 1,
  });
  node.step(vote(5));
  assert.equal(node.status().role, 'candidate');
  node.step(vote(2));
  assert.equal(node.status().role, 'leader');
});
