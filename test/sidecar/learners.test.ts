/** Learners follow gossip, one change at a time, and voters do not. */
import assert from 'node:assert/strict';
import { setImmediate as settle } from 'node:timers/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Member } from '../../src/gossip/index.ts';
import type { Configuration, MemberChange } from '../../src/raft/index.ts';
import { keepLearners, nextLearnerChange } from '../../src/sidecar/learners.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';

type MemberState = Member['state'];

const DEAD_AFTER_MS = 60_000;

const configuration = (
  voters: readonly string[],
  learners: readonly string[] = [],
): Configuration => ({ voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false });

/** A log that takes changes when it is told to, and a gossip that says what the test says. */
function setup(initial: Configuration) {
  const clock = createVirtualClock();
  const listeners = new Set<() => void>();
  const states = new Map<string, MemberState>();
  const changes: MemberChange[] = [];
  const log = { role: 'leader' as 'leader' | 'follower', now: initial, refuse: 0, underWay: 0 };
  const tell = (): void => listeners.forEach((listener) => listener());
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const stop = keepLearners({
    raft: {
      status: () => ({ role: log.role, configuration: log.now }) as never,
      onStatus: subscribe as never,
      async changeMembership({ changes: steps }) {
        const [step] = steps as [MemberChange];
        assert.equal(steps.length, 1);
        assert.equal(++log.underWay, 1, 'one at a time');
        tell();
        await settle();
        log.underWay -= 1;
        if (log.refuse-- > 0) throw new Error('change-pending');
        changes.push(step);
        const learners = log.now.learners.filter((id) => id !== step.id);
        if (step.type === 'add-learner') learners.push(step.id);
        log.now = configuration(log.now.voters, learners);
      },
    },
    membership: {
      members: () => [...states].map(([id, state]) => ({ id, state })) as never,
      onChange: subscribe as never,
    },
    clock,
    logger: silentLogger,
    deadAfterMs: DEAD_AFTER_MS,
  });
  const become = async (id: string, state: MemberState): Promise<void> => {
    states.set(id, state);
    tell();
    for (let i = 0; i < 20; i++) await settle();
  };
  const said = (): string[] => changes.map(({ type, id }) => `${type} ${id}`);
  return { clock, log, states, become, said, stop, tell };
}

test(verifies('sidecar.learners-follow-gossip'), async (t) => {
  await t.test('live pods are let in, and those that leave are taken out', async () => {
    const { become, said, log } = setup(configuration(['a', 'b', 'c']));
    for (const id of ['a', 'b', 'c', 'd', 'e']) await become(id, 'alive');
    assert.deepEqual(said(), ['add-learner d', 'add-learner e']);
    await become('d', 'left');
    assert.deepEqual(log.now.learners, ['e']);
    await become('d', 'alive');
    assert.deepEqual(log.now.learners, ['e', 'd']);
  });

  await t.test('the dead stay for a while, and the suspected for ever', async () => {
    const { become, said, clock, log } = setup(configuration(['a'], ['d', 'e']));
    await become('d', 'dead');
    await become('e', 'suspect');
    await clock.advance(DEAD_AFTER_MS - 2000);
    await become('d', 'alive');
    await clock.advance(DEAD_AFTER_MS);
    await become('d', 'dead');
    await clock.advance(DEAD_AFTER_MS - 2000);
    assert.deepEqual(said(), []);
    await clock.advance(4000);
    await become('e', 'suspect');
    assert.deepEqual(said(), ['remove d']);
    assert.deepEqual(log.now.learners, ['e']);
  });

  await t.test('one whose record gossip has dropped is as good as dead', async () => {
    const { clock, said, tell } = setup(configuration(['a'], ['d']));
    tell();
    await clock.advance(DEAD_AFTER_MS + 2000);
    await settle();
    assert.deepEqual(said(), ['remove d']);
  });

  await t.test('a refused change is tried again, by whoever leads then', async () => {
    const { become, said, clock, log } = setup(configuration(['a']));
    log.refuse = 2;
    await become('d', 'alive');
    assert.deepEqual(said(), []);
    for (let i = 0; i < 3; i++) {
      await clock.advance(1000);
      for (let j = 0; j < 5; j++) await settle();
    }
    assert.deepEqual(said(), ['add-learner d']);
    log.role = 'follower';
    await become('e', 'alive');
    assert.deepEqual(said(), ['add-learner d']);
  });

  await t.test('a voter is never touched, and a joint configuration is left alone', () => {
    const ids = ['a', 'b', 'c', 'd'];
    const some = fc.subarray(ids);
    const state = fc.constantFrom<MemberState>('alive', 'suspect', 'dead', 'left');
    fc.assert(
      fc.property(
        some,
        some,
        some,
        fc.array(state, { minLength: 4 }),
        (voters, outgoing, rest, states) => {
          const learners = rest.filter((id) => !voters.includes(id) && !outgoing.includes(id));
          const now = { ...configuration(voters, learners), votersOutgoing: outgoing };
          const members = ids.map((id, i) => ({ id, state: states[i] as MemberState }));
          const step = nextLearnerChange(now, members, () => Infinity, 1);
          if (outgoing.length > 0) return assert.equal(step, undefined);
          if (step === undefined) return;
          assert.ok(!voters.includes(step.id));
          assert.equal(step.type === 'remove', learners.includes(step.id));
        },
      ),
    );
  });
});
