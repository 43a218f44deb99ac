/** A term is led once: nobody leads on votes that a crash would make him ask for again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bootstrapState,
  createRaftCore,
  type Message,
  type RaftCore,
} from '../../../src/raft/core/index.ts';
import { seededRandom } from '../../../src/std/index.ts';
import { drawSettings } from '../../simulation/settings.ts';

const IDS = ['1', '2', '3', '4', '5'];

function member(id: string): RaftCore {
  const settings = { ...drawSettings(1, {}, false).core, preVote: false, leaseReads: false };
  const random = seededRandom(Number(id));
  return createRaftCore({ ...settings, id, groupId: 'g', random }, bootstrapState(IDS));
}

test('a candidate does not lead before its own vote is durable, whatever majority others are', () => {
  const others = new Map(IDS.slice(1).map((id) => [id, member(id)]));
  const grants = (message: Message): Message[] => {
    const core = others.get(message.to) as RaftCore;
    core.step(message);
    const { mark, messagesAfterSync } = core.ready();
    if (mark !== undefined) core.persisted(mark);
    return messagesAfterSync.filter(({ to }) => to === '1');
  };
  const candidate = member('1');
  candidate.campaign();
  const { messages, messagesAfterSync, mark } = candidate.ready();
  for (const answer of messages.flatMap(grants)) candidate.step(answer);
  // Four granted their vote; a crash now would forget the term, and the same four would grant it once more.
  assert.equal(candidate.status().role, 'candidate');
  assert.ok(mark !== undefined);
  candidate.persisted(mark);
  for (const own of messagesAfterSync) candidate.step(own);
  assert.equal(candidate.status().role, 'leader');
});
