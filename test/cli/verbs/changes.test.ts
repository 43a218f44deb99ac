/** What each verb writes, and what it says instead when there is nothing to write. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { McpCluster, McpClusterSpec, McpClusterStatus } from '../../../src/api/index.ts';
import * as changes from '../../../src/cli/core/changes.ts';
import { explain } from '../../../src/cli/core/explain.ts';
import { cluster } from '../../operator/core/fixtures.ts';
import { verifies } from '../../requirements.ts';

const member = (ordinal: number, more: object = {}) => ({
  name: `tools-${ordinal}`,
  role: 'Follower' as const,
  membership: 'Voter' as const,
  ready: true,
  ...more,
});
const MEMBERS = [member(0), member(1), member(2)];

function made(spec: Partial<McpClusterSpec> = {}, status: McpClusterStatus = {}): McpCluster {
  const known = { leader: 'tools-0', term: 7, members: MEMBERS, ...status };
  return cluster({ replicas: 3, ...spec }, known);
}
const supervised = { mode: 'Supervised', maxUnavailable: 1 } as const;
const waiting = { members: [member(0, { blockedBy: 'approval' }), member(1), member(2)] };
const quorum = (status: 'True' | 'False') => ({
  conditions: [
    {
      ...{ type: 'QuorumHealthy', status, reason: 'x', message: '3 of 3 voters follow' },
      lastTransitionTime: '2026-03-01T11:57:00Z',
    },
  ],
});

const WINDOW = { schedule: '0 3 * * SUN', duration: '1h', timeZone: 'UTC' } as const;

type Row = readonly [what: string, plan: changes.Plan, expected: object | RegExp];

const TABLE: readonly Row[] = [
  [
    'approve',
    changes.approve(made({ update: supervised }, waiting), 'tools-6f7'),
    { metadata: { annotations: { 'mcpcluster.io/approve-update': 'tools-6f7' } } },
  ],
  ['approve, automatic', changes.approve(made(), 'r'), /spec\.update\.mode is Automatic/],
  ['approve, idle', changes.approve(made({ update: supervised }), 'r'), /nothing to approve/],
  [
    'approve, too early',
    changes.approve(made({ update: supervised }, waiting), undefined),
    /try again in a moment/,
  ],
  [
    'promote',
    changes.promote(made(), 'tools-2'),
    { metadata: { annotations: { 'mcpcluster.io/promote': '7:tools-2' } } },
  ],
  ['promote the leader', changes.promote(made(), 'tools-0'), /leads already/],
  ['promote nobody', changes.promote(made(), 'tools-9'), /there are tools-0, tools-1, tools-2$/],
  [
    'promote a learner',
    changes.promote(made({}, { members: [member(1, { membership: 'Learner' })] }), 'tools-1'),
    /does not vote \(Learner\)/,
  ],
  [
    'promote a fenced one',
    changes.promote(made({}, { members: [member(1, { cordon: 'Fenced' })] }), 'tools-1'),
    /spec\.fencedMembers names tools-1: unfence it first/,
  ],
  ['promote, paused', changes.promote(made({ paused: true }), 'tools-1'), /spec\.paused is true/],
  [
    'restart',
    changes.restart(made(), '2026-03-01T12:00:00Z'),
    {
      spec: {
        podTemplate: {
          metadata: {
            annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-03-01T12:00:00Z' },
          },
        },
      },
    },
  ],
  ['restart asleep', changes.restart(made({ hibernated: true }), ''), /spec\.hibernated is true/],
  [
    'restart one',
    changes.restartMember(made(), 'tools-1', 'now'),
    { metadata: { annotations: { 'mcpcluster.io/restart': 'now' } } },
  ],
  [
    'fence',
    changes.fence(made({ fencedMembers: ['tools-1'] }), ['tools-2']),
    { spec: { fencedMembers: ['tools-1', 'tools-2'] } },
  ],
  [
    'fence again',
    changes.fence(made({ fencedMembers: ['tools-1'] }), ['tools-1']),
    /tools-1 is fenced already/,
  ],
  [
    'fence all',
    changes.fence(made(), ['tools-0', 'tools-1', 'tools-2']),
    /^spec\.fencedMembers: a pod must be left that takes sessions, and there are 3/,
  ],
  [
    'fence nobody',
    changes.fence(made(), ['tools-7']),
    /there is no member tools-7: there are tools-0/,
  ],
  [
    'unfence',
    changes.unfence(made({ fencedMembers: ['tools-1', 'tools-2'] }), ['tools-1']),
    { spec: { fencedMembers: ['tools-2'] } },
  ],
  [
    'unfence all',
    changes.unfence(made({ fencedMembers: ['tools-1', 'tools-2'] }), []),
    { spec: { fencedMembers: [] } },
  ],
  ['unfence nobody', changes.unfence(made(), []), /nobody is fenced/],
  ['unfence a free one', changes.unfence(made(), ['tools-1']), /spec\.fencedMembers names nobody/],
  ['hibernate', changes.hibernate(made()), { spec: { hibernated: true } }],
  ['wake', changes.wake(made({ hibernated: true })), { spec: { hibernated: false } }],
  ['wake, awake', changes.wake(made()), /spec\.hibernated is false already/],
  ['pause', changes.pause(made()), { spec: { paused: true } }],
  ['resume', changes.resume(made({ paused: true })), { spec: { paused: false } }],
  [
    'maintenance',
    changes.maintenance(made(), WINDOW),
    { spec: { update: { maintenanceWindow: WINDOW } } },
  ],
  ['maintenance, none', changes.maintenance(made(), undefined), /at any time/],
  [
    'recover',
    changes.recover(made({}, quorum('False')), 'tools-2'),
    { spec: { recovery: { id: 'recovery-4', trustMember: 'tools-2' } } },
  ],
  [
    'recover with a majority',
    changes.recover(made({}, quorum('True')), 'tools-2'),
    /it has a majority \(3 of 3 voters follow\)/,
  ],
];

test(verifies('verbs.one-field'), async (t) => {
  for (const [what, plan, expected] of TABLE) {
    await t.test(what, () => {
      if (expected instanceof RegExp) {
        assert.match(plan.kind === 'change' ? JSON.stringify(plan.patch) : plan.message, expected);
      } else {
        assert.deepEqual(plan.kind === 'change' ? plan.patch : plan, expected);
      }
    });
  }
});

test('what serves nobody, or loses something, is dangerous', () => {
  const dangers = TABLE.filter(([, plan]) => plan.kind === 'change' && plan.danger !== undefined);
  assert.deepEqual(
    dangers.map(([what]) => what),
    ['hibernate', 'recover'],
  );
});

test('what an answer of the API server means', () => {
  const attempt = {
    verb: 'patch',
    group: 'mcpcluster.io',
    resource: 'mcpclusters',
    namespace: 'team',
  };
  const said = (status: number, details?: object): string =>
    explain(
      { status, reason: 'x', message: 'M', ...(details === undefined ? {} : { details }) },
      attempt,
    );
  assert.match(said(403), /verbs: \[get, patch\]$/);
  assert.match(said(403), /in a Role of the namespace team, or the role edit/);
  assert.match(said(404), /install the operator's chart/);
  const pod = { ...attempt, group: '', resource: 'pods/log' };
  const gone = explain({ status: 404, reason: 'x', message: 'M' }, pod);
  assert.match(gone, /^M: it has gone meanwhile; see kubectl mcp status$/);
  assert.match(said(429), /try again in a moment/);
  assert.match(said(500), /answers 500: M; try again, /);
  assert.match(said(401), /log in again/);
  assert.match(said(0), /--context/);
  assert.equal(
    said(422, { causes: [{ field: 'spec.fencedMembers', message: 'must leave a pod' }] }),
    'it is refused:\n  spec.fencedMembers: must leave a pod',
  );
  assert.equal(said(422), 'it is refused:\n  M');
});
