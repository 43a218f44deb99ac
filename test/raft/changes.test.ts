/** Changes of the configuration on their way: sent again after a refusal that passes, given up after any other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Changes } from '../../src/raft/changes.ts';
import type { ConfigChange } from '../../src/raft/core/index.ts';

const LEARNER: ConfigChange = {
  transition: 'auto',
  changes: [{ type: 'add-learner', id: 'n4' }],
};

test('a refusal of what the process before it had asked for is none of its own', () => {
  const [before, now] = ['process1', 'qrocess2'].map((text) => {
    const changes = new Changes(text, Buffer.from(text), 1_000);
    changes.add(LEARNER, 0).catch(() => undefined);
    const [sent] = changes.unsent(0);
    assert.ok(sent);
    changes.sent(sent.request, 1);
    return { changes, sent };
  });
  now?.changes.refused(before?.sent.request ?? 0, 'not-leader', 5);
  assert.deepEqual(now?.changes.unsent(1_000), [], 'it is still on its way');
});

/** One change that the leader of term 1 has refused at 5 ms. */
function refused(reason: Parameters<Changes['refused']>[1]) {
  const changes = new Changes('instance', Buffer.from('instance'), 1_000);
  const result = changes.add(LEARNER, 0);
  const [sent] = changes.unsent(0);
  assert.ok(sent);
  changes.sent(sent.request, 1);
  assert.deepEqual(changes.unsent(0), [], 'it is on its way');
  changes.refused(sent.request, reason, 5);
  return { changes, result, sent };
}

test('a leader that is new is asked again, but not at once', async () => {
  const { changes, result, sent } = refused('term-uncommitted');
  assert.deepEqual(changes.unsent(5), [], 'it would put an empty entry into its log at every turn');
  assert.deepEqual(changes.unsent(1_000), [sent]);
  changes.sent(sent.request, 1);
  changes.applied(
    sent.change,
    { voters: ['n1'], votersOutgoing: [], learners: ['n4'], learnersNext: [], autoLeave: false },
    1,
  );
  await result;
});

test('a change that another one stands before fails at once', async () => {
  const { changes, result } = refused('change-pending');
  await assert.rejects(result, { code: 'change-pending', outcome: 'not-applied' });
  assert.deepEqual(changes.unsent(1_000), []);
});
