/** From one status to the next: what counts as a change, and which events tell of it. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { McpClusterStatus } from '../../../src/api/index.ts';
import {
  compareStatus,
  transitions,
  type ClusterView,
  type Pod,
} from '../../../src/operator/core/index.ts';
import { verifies } from '../../requirements.ts';
import { answer, failed, pod, view } from './fixtures.ts';
import { status, states, server, withReport } from './status-fixtures.ts';

void suite('changes of the status', () => {
  const healthy = status(view());

  test('counters are told from facts', () => {
    assert.equal(compareStatus(undefined, healthy), 'facts');
    assert.equal(compareStatus(healthy, { ...healthy }), 'none');
    assert.equal(compareStatus(healthy, { ...healthy, commitIndex: 101, sessions: 6 }), 'counters');
    assert.equal(compareStatus(healthy, { ...healthy, leader: 'tools-1' }), 'facts');
  });

  test(verifies('operator.quiet-start'), () => {
    // The start of a healthy cluster as the operator may see it, one status after the other.
    const at = (ageMs: number, changes: Parameters<typeof view>[0]) =>
      view({ ageMs: () => ageMs, ...changes });
    const unscheduled = [0, 1, 2].map((ordinal): Pod => {
      const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable' };
      return {
        ...pod(ordinal),
        status: { conditions: [{ ...condition, lastTransitionTime: 'then' }] },
      };
    });
    const waiting = { state: { waiting: { reason: 'PodInitializing' } } };
    const notProbed = { backend: { ready: false, problem: 'not probed yet' }, ready: false };
    const alone = { ...notProbed, role: 'candidate', leaderId: '', term: 0 };
    const first = [pod(0), server(waiting), pod(2)];
    const allSay = (says: typeof alone) =>
      new Map([0, 1, 2].map((ordinal) => [`tools-${ordinal}`, answer(ordinal, says)]));
    const dead = [{ id: 'tools-1', state: 'dead' }];
    const stages: readonly ClusterView[] = [
      at(0, { pods: [], reports: new Map(), updateRevision: undefined }),
      at(1_000, { pods: unscheduled, reports: new Map() }),
      at(2_000, { pods: first, reports: allSay(alone) }),
      at(3_000, { reports: allSay(alone) }),
      at(4_000, {
        reports: new Map([
          ['tools-0', answer(0, { ...notProbed, members: dead })],
          ['tools-1', failed],
          ['tools-2', answer(2, notProbed)],
        ]),
      }),
      at(5_000, { reports: withReport(answer(1, notProbed)) }),
      at(6_000, {}),
    ];
    let before: McpClusterStatus | undefined;
    for (const [index, stage] of stages.entries()) {
      const next = status(stage, before === undefined ? {} : { before });
      const told = transitions(before, next).filter(({ type }) => type === 'Warning');
      assert.deepEqual(told, [], `stage ${index}`);
      assert.equal(states(next)['Degraded'], 'False Healthy', `stage ${index}`);
      before = next;
    }
    assert.equal(before?.phase, 'Running');
  });

  test('what happened is told once, with a stable reason', () => {
    const reasons = (before: McpClusterStatus | undefined, after: McpClusterStatus) =>
      transitions(before, after).map(({ type, reason }) => `${type} ${reason}`);
    assert.deepEqual(reasons(undefined, healthy), [
      'Normal LeaderElected',
      'Normal BecameAvailable',
    ]);
    assert.deepEqual(reasons(healthy, healthy), []);
    const dead = status(
      view({
        reports: new Map([
          ['tools-0', failed],
          [
            'tools-1',
            answer(1, { term: 4, members: [{ id: 'tools-0', state: 'dead' }] }, { leader: 1 }),
          ],
          ['tools-2', answer(2, { term: 4 }, { leader: 1 })],
        ]),
      }),
      { before: healthy },
    );
    assert.deepEqual(reasons(healthy, dead), [
      'Normal LeaderElected',
      'Warning MemberDied',
      'Warning MemberDead',
    ]);
    assert.deepEqual(reasons(dead, healthy), [
      'Normal LeaderElected',
      'Normal MemberReturned',
      'Normal Recovered',
    ]);
    const refused = status(view(), {
      before: healthy,
      problem: { reason: 'ForeignObject', message: 'x' },
    });
    assert.deepEqual(reasons(healthy, refused), ['Warning ForeignObject']);
    const lost = status(view({ reports: new Map([['tools-0', answer(0, { leaderId: '' })]]) }), {
      before: healthy,
    });
    assert.ok(reasons(healthy, lost).includes('Warning Unavailable'));
  });
});
