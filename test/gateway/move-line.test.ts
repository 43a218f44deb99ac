/** The line of sessions that a pod is about to take over. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { createMoveLine } from '../../src/gateway/owner/move-line.ts';
import { verifies } from '../requirements.ts';

test(verifies('gateway.urgent-moves'), async () => {
  const late: (() => void)[] = [];
  const line = createMoveLine({
    schedule(_ms, act) {
      late.push(act);
      return () => undefined;
    },
  });
  const begun: string[] = [];
  const leaves: (() => void)[] = [];
  const enter = (name: string, urgent: boolean): void =>
    void line.enter(name, urgent).then((leave) => {
      begun.push(name);
      leaves.push(leave);
    });
  for (let number = 0; number < 20; number++) enter(`idle ${number}`, false);
  await turn();
  assert.equal(begun.length, 8, 'few at a time');
  enter('asked', true);
  line.hurry('idle 19');
  line.hurry('idle 0');
  for (let step = 0; step < 3; step++) {
    leaves.shift()?.();
    await turn();
  }
  assert.deepEqual(begun.slice(8), ['asked', 'idle 19', 'idle 8']);
  // However long those take that have begun.
  for (const act of late) act();
  await turn();
  assert.equal(begun.length, 21, 'nobody waits for ever');
  enter('afterwards', false);
  while (leaves.length > 0) {
    leaves.shift()?.();
    await turn();
  }
  assert.equal(begun.at(-1), 'afterwards', 'who has left makes room');
});
