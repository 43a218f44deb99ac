/** Replication: repair of diverged logs, what commits and what must not, limits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry, Message } from '../../../src/raft/core/index.ts';
import { verifies } from '../../requirements.ts';
import { core, drain, entries, Network, stored, text, three } from './network.ts';

function append(more: Partial<Message & { type: 'append' }>): Message {
  return {
    type: 'append',
    groupId: 'g',
    from: 'b',
    to: 'a',
    term: 3,
    prevIndex: 0,
    prevTerm: 0,
    entries: [],
    commit: 0,
    ...more,
  };
}

test(verifies('raft.leader-repairs-every-log'), () => {
  // Figure 7 of the paper: the leader of term 8 against followers that miss entries, have too many, or both.
  const logs: Record<string, Entry[]> = {
    l: entries(1, 1, 1, 4, 4, 5, 5, 6, 6, 6),
    a: entries(1, 1, 1, 4, 4, 5, 5, 6, 6),
    b: entries(1, 1, 1, 4),
    c: entries(1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6),
    d: entries(1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7),
    e: entries(1, 1, 1, 4, 4, 4, 4),
    f: entries(1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3),
  };
  const voters = Object.keys(logs);
  const network = new Network(
    Object.fromEntries(
      voters.map((id) => [id, core(id, stored(7, logs[id], {}, { voters }), { preVote: false })]),
    ),
    logs,
  );
  network.elect('l');
  assert.deepEqual(network.leaders(), ['l']);
  network.tick(3);
  for (const id of voters) {
    assert.deepEqual(network.terms(id), [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8], id);
    assert.equal(network.node(id).status().commitIndex, 11, id);
  }
});

test('a diverged log of many entries is repaired in a few round trips, by terms', () => {
  const long = (term: number): Entry[] => entries(1, ...Array<number>(500).fill(term));
  const logs = { a: [...long(5)], b: long(2), c: long(5) };
  const network = new Network(
    {
      a: core('a', stored(5, logs.a), { preVote: false }),
      b: core('b', stored(5, logs.b), { preVote: false }),
      c: core('c', stored(5, logs.c), { preVote: false }),
    },
    logs,
  );
  network.node('a').campaign();
  let appends = 0;
  for (;;) {
    const sent = [...network.nodes.keys()].flatMap((id) => network.take(id));
    if (sent.length === 0) break;
    appends += sent.filter(({ type, to }) => type === 'append' && to === 'b').length;
    network.deliver(sent);
  }
  assert.equal(network.node('b').status().commitIndex, 502);
  assert.ok(appends <= 6, `${appends} appends`);
});

test(verifies('raft.commit-counts-own-term-only'), () => {
  // Figure 8: an entry of an older term that reached a majority is not committed before one of the own term is.
  const logs = { a: entries(1, 2), b: entries(1, 2), c: entries(1) };
  const network = new Network(
    {
      a: core('a', stored(3, logs.a), { preVote: false }),
      b: core('b', stored(3, logs.b), { preVote: false }),
      c: core('c', stored(3, logs.c), { preVote: false }),
    },
    logs,
  );
  const a = network.node('a');
  a.campaign();
  for (let i = 0; i < 2; i++) {
    network.deliver(['a', 'b', 'c'].flatMap((id) => network.take(id)));
  }
  assert.equal(a.status().role, 'leader');
  const appends = network.take('a');
  // With the leader's own copy, the old entry is on a majority now.
  a.step({
    type: 'append-response',
    groupId: 'g',
    from: 'b',
    to: 'a',
    term: 4,
    rejected: false,
    index: 2,
  });
  assert.equal(a.status().commitIndex, 0);
  network.deliver(appends);
  network.settle();
  assert.equal(a.status().commitIndex, 3);
});

test(verifies('raft.commit-only-what-was-verified'), () => {
  // The follower has a tail of a deposed leader; a message that verifies less must not commit it.
  const node = core('a', stored(2, entries(1, 1, 2, 2)));
  node.step(append({ prevIndex: 2, prevTerm: 1, commit: 4 }));
  drain(node, 'a');
  assert.equal(node.status().commitIndex, 2);
  node.step({ type: 'heartbeat', groupId: 'g', from: 'b', to: 'a', term: 3, commit: 2, round: 0 });
  assert.equal(node.status().commitIndex, 2);
});

test(verifies('raft.late-message-truncates-nothing'), () => {
  const node = core('a', stored(3, entries(1, 3, 3, 3)));
  node.step(append({ prevIndex: 1, prevTerm: 1, entries: entries(1, 3).slice(1) }));
  node.step(append({ prevIndex: 1, prevTerm: 1 }));
  drain(node, 'a');
  assert.equal(node.status().lastIndex, 4);
});

test(verifies('raft.no-ack-before-the-flush'), () => {
  const node = core('a');
  node.step(append({ entries: entries(3) }));
  const ready = node.ready();
  assert.equal(ready.mustSync, true);
  assert.deepEqual(ready.messages, []);
  assert.deepEqual(
    ready.messagesAfterSync.map(({ type }) => type),
    ['append-response'],
  );
  // Not applied either before it is on this disk, even when the rest has committed it.
  node.step({ type: 'heartbeat', groupId: 'g', from: 'b', to: 'a', term: 3, commit: 1, round: 0 });
  assert.deepEqual(node.takeCommitted(), []);
  assert.ok(ready.mark);
  node.persisted(ready.mark);
  assert.equal(node.takeCommitted().length, 1);
});

test('a leader sends entries while its own write is still under way, and counts itself only after it', () => {
  const network = three();
  network.elect('a');
  const a = network.node('a');
  a.propose([text('x')], 1);
  const ready = a.ready();
  assert.deepEqual(
    ready.messages.map(({ type }) => type),
    ['append', 'append'],
  );
  network.deliver(ready.messages);
  network.deliver(network.take('b'));
  // One of three has it: the leader's disk and the other follower are not counted.
  assert.equal(a.status().commitIndex, 1);
  for (const message of ready.messagesAfterSync) a.step(message);
  assert.equal(a.status().commitIndex, 2);
});

test('a write that was replaced by another term is not taken for durable', () => {
  const node = core('a');
  node.step(append({ term: 2, entries: entries(2, 2) }));
  const first = node.ready();
  node.step(append({ from: 'c', term: 3, entries: entries(3), commit: 1 }));
  const second = node.ready();
  assert.ok(first.mark && second.mark);
  node.persisted(first.mark);
  assert.deepEqual(node.takeCommitted(), []);
  node.persisted(second.mark);
  assert.deepEqual(
    node.takeCommitted().map(({ term }) => term),
    [3],
  );
});

test('what was lost on the way is sent again after a heartbeat', () => {
  const network = three();
  network.elect('a');
  network.cut('a', 'b');
  for (let i = 0; i < 5; i++) network.node('a').propose([text(String(i))], i);
  network.settle();
  assert.equal(network.node('a').status().commitIndex, 6);
  network.heal();
  network.tick(3);
  assert.equal(network.node('b').status().commitIndex, 6);
});

test(verifies('raft.memory-is-bounded'), () => {
  const network = three({ inflightMessagesMax: 4, uncommittedBytesMax: 100 });
  network.elect('a');
  network.isolate('a');
  const a = network.node('a');
  let appended = 0;
  while (a.propose([text('x'.repeat(10))], appended) === 'appended') {
    appended += 1;
    assert.ok(appended < 100);
  }
  assert.equal(appended, 10);
  const sent = drain(a, 'a').filter(({ type, to }) => type === 'append' && to === 'b');
  assert.ok(sent.length <= 5, `${sent.length} messages under way`);
  // Something larger than the limit still goes through when nothing waits.
  network.heal();
  network.tick(5);
  assert.equal(a.propose([text('x'.repeat(500))], 99), 'appended');
});

test('a large backlog travels in messages of bounded size, several under way', () => {
  const log = entries(...Array<number>(100).fill(1));
  const network = new Network(
    {
      a: core('a', stored(1, log), { appendBytesMax: 40, preVote: false }),
      b: core('b', stored(1)),
      c: core('c', stored(1, log)),
    },
    { a: log, c: log },
  );
  network.elect('a');
  network.tick(2);
  assert.equal(network.node('b').status().commitIndex, 101);
});

test('a proposal reaches the leader from a follower, and only the leader of its term takes it', () => {
  const network = three();
  network.elect('a');
  assert.equal(network.node('b').propose([text('via b')], 7), 'forwarded');
  network.settle();
  assert.deepEqual(network.terms('c'), [1, 1]);
  const old: Message = {
    type: 'propose',
    groupId: 'g',
    from: 'b',
    to: 'a',
    term: 0,
    request: 8,
    kind: 'command',
    commands: [text('late')],
  };
  network.deliver([old]);
  network.settle();
  assert.deepEqual(network.terms('c'), [1, 1]);
  const alone = core('a');
  assert.equal(alone.propose([text('x')], 1), 'no-leader');
});

test('a leader that stepped down within its term refuses what was sent to it', () => {
  const network = three();
  network.elect('a');
  network.node('b').propose([text('x')], 5);
  const sent = network.take('b');
  network.isolate('a');
  network.tick(25, 'a');
  network.heal();
  network.deliver(sent);
  network.deliver(network.take('a').filter(({ type }) => type === 'propose-refusal'));
  assert.deepEqual(network.node('b').ready().refusals, [{ request: 5, reason: 'not-leader' }]);
});

test('an acknowledgement of entries that were never sent is ignored', () => {
  const network = three();
  network.elect('a');
  network.deliver([
    {
      type: 'append-response',
      groupId: 'g',
      from: 'b',
      to: 'a',
      term: 1,
      rejected: false,
      index: 99,
    },
  ]);
  network.settle();
  assert.equal(network.node('a').status().commitIndex, 1);
});

test('a follower that lost what it acknowledged is not sent to without end', () => {
  const network = three();
  network.elect('a');
  const lost: Message = {
    type: 'append-response',
    groupId: 'g',
    from: 'b',
    to: 'a',
    term: 1,
    rejected: true,
    index: 1,
    hintIndex: 0,
    hintTerm: 0,
  };
  network.node('a').forgetLeader();
  network.take('a');
  network.deliver([lost]);
  assert.deepEqual(network.take('a'), []);
});

test('messages of another group or for another member are ignored', () => {
  const node = core('a');
  node.step(append({ groupId: 'other', entries: entries(3) }));
  node.step(append({ to: 'z', entries: entries(3) }));
  assert.equal(node.hasReady(), false);
});
