/** Who leads when people ask for it, and when what they asked for is over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROMOTE_ANNOTATION, RESTART_ANNOTATION } from '../../../src/api/index.ts';
import { decidePromotion, decideRollout } from '../../../src/operator/core/index.ts';
import { verifies } from '../../requirements.ts';
import { answer, AT_ONCE, cluster, pod, view } from './fixtures.ts';

const DONE = { kind: 'done' } as const;

function decide(text: string | undefined, changes: Parameters<typeof view>[0] = {}): string {
  const made = changes.cluster ?? cluster();
  const annotations = text === undefined ? {} : { [PROMOTE_ANNOTATION]: text };
  const asked = { ...made, metadata: { ...made.metadata, annotations } };
  const step = decidePromotion(asked, view(changes), DONE);
  if (step.kind === 'transfer') return `${step.from.name} lets ${step.to} lead`;
  return step.kind === 'refused' ? step.message : step.kind;
}

const reports = (changes: object, ofLeader: object = {}) =>
  new Map([0, 1, 2].map((each) => [`tools-${each}`, answer(each, [ofLeader, {}, changes][each])]));
const NAMES = ['tools-0', 'tools-1', 'tools-2'];
const JOINT = { voters: NAMES, votersOutgoing: NAMES, learners: [] };

/** The fixtures' cluster is led by tools-0 in term 3. */
test(verifies('operator.promote'), async (t) => {
  const table: readonly [name: string, () => string, expected: string | RegExp][] = [
    ['nobody asks', () => decide(undefined), 'none'],
    ['the leader lets it lead', () => decide('3:tools-2'), 'tools-0 lets tools-2 lead'],
    ['one that leads has what it wants', () => decide('3:tools-0'), 'none'],
    ['one of an earlier term is over', () => decide('2:tools-2'), 'none'],
    ['unreadable', () => decide('tools-2'), /"tools-2" is not <term>:<pod>, such as 7:tools-1$/],
    ['no such pod', () => decide('3:tools-7'), /tools-7 cannot lead: there is no such pod$/],
    [
      'a fenced one',
      () => decide('3:tools-2', { reports: reports({ cordon: 'fenced' }) }),
      /tools-2 cannot lead: it is fenced \(spec\.fencedMembers\)$/,
    ],
    [
      'one that is cut off',
      () => decide('3:tools-2', { reports: reports({ leaderId: '' }) }),
      /tools-2 cannot lead: it does not follow/,
    ],
    ['a paused cluster', () => decide('3:tools-2', { cluster: cluster({ paused: true }) }), 'none'],
    [
      'a change of the members comes first',
      () =>
        decide('3:tools-2', {
          cluster: cluster({}, { founded: true }),
          reports: reports({}, JOINT),
        }),
      'wait',
    ],
  ];
  for (const [name, act, expected] of table) {
    await t.test(name, () => {
      if (typeof expected === 'string') assert.equal(act(), expected);
      else assert.match(act(), expected);
    });
  }
});

test(verifies('operator.restart-pod'), () => {
  const annotations = { [RESTART_ANNOTATION]: '2026-01-01T00:00:00Z' };
  const asked = (ordinal: number) => {
    const plain = pod(ordinal);
    return { ...plain, metadata: { ...plain.metadata, annotations } };
  };
  const policy = { ...AT_ONCE, leaderApproved: false };
  const one = decideRollout(view({ pods: [pod(0), asked(1), pod(2)] }), policy);
  assert.ok(one.kind === 'replace' && one.member.name === 'tools-1', JSON.stringify(one));
  const leader = decideRollout(view({ pods: [asked(0), pod(1), pod(2)] }), policy);
  assert.ok(leader.kind === 'replace' && leader.member.name === 'tools-0', JSON.stringify(leader));
  const closed = decideRollout(view({ pods: [pod(0), asked(1), pod(2)] }), {
    ...policy,
    windowOpen: false,
  });
  assert.deepEqual(
    [...(closed.kind === 'wait' ? closed.blockedBy : [])],
    [['tools-1', 'maintenance_window']],
  );
});
