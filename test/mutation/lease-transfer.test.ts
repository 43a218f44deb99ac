/** Nothing rests on a lease once leadership is being handed over (bug 3 of the list). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRaftCore, bootstrapState, type Message } from '../../src/raft/core/index.ts';
import { seededRandom } from '../../src/std/index.ts';
import { LeaseReads } from '../simulation/lease-reads.ts';
import { drawSettings, TICK_MS } from '../simulation/settings.ts';

test('a leader that hands over does not read from its lease, nor after it gave the transfer up', () => {
  const settings = {
    ...drawSettings(1, {}, false).core,
    ...{ preVote: false, checkQuorum: true, leaseReads: true },
  };
  const core = createRaftCore(
    { ...settings, id: '1', groupId: 'g', random: seededRandom(1) },
    bootstrapState(['1', '2', '3']),
  );
  const lease = new LeaseReads(settings, TICK_MS);
  /** Does what there is to do, with the answers of member 2. */
  const settle = (): void => {
    while (core.hasReady() || core.hasCommitted()) {
      const { messages, messagesAfterSync, mark } = core.ready();
      lease.sent(messages, 0);
      if (mark !== undefined) core.persisted(mark);
      for (const message of messagesAfterSync) if (message.to === '1') core.step(message);
      for (const message of messages) if (message.to === '2') answer(message);
      const last = core.takeCommitted().at(-1);
      if (last !== undefined) core.applied(last.index);
      lease.look(core.status(), core.confirmedRound());
    }
  };
  const answer = (message: Message): void => {
    const head = { groupId: 'g', from: '2', to: '1', term: message.term };
    if (message.type === 'vote-request') {
      const { lastIndex, lastTerm } = message;
      const vote = { type: 'vote-response', preVote: false, granted: true } as const;
      core.step({ ...head, ...vote, lastIndex, lastTerm });
    } else if (message.type === 'append') {
      const index = message.prevIndex + message.entries.length;
      core.step({ ...head, type: 'append-response', rejected: false, index });
    } else if (message.type === 'heartbeat') {
      core.step({ ...head, type: 'heartbeat-response', round: message.round });
    }
  };
  for (let i = 0; i < settings.electionTicks.min; i++) core.tick();
  core.campaign();
  settle();
  const beat = (): void => {
    for (let i = 0; i < settings.heartbeatTicks; i++) core.tick();
    settle();
  };
  beat();
  assert.ok(lease.mayRead(core.status(), 1), 'a majority has just answered');
  core.transferLeadership('2');
  settle();
  beat();
  assert.equal(lease.mayRead(core.status(), 1), false);
  // Who was asked to campaign may do so later, when the leader has given up waiting for it.
  for (let i = 0; i < 2 * settings.quorumCheckTicks; i++) beat();
  assert.equal(core.status().transferee, undefined);
  assert.equal(lease.mayRead(core.status(), 1), false);
});
