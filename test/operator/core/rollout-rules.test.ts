/** What holds a rollout beyond the quorum, and what is done before a pod goes: each rule by its name. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  blockedFirst,
  decideRollout,
  rolloutHint,
  rolloutPolicy,
  statusOf,
  transitions,
  type ClusterView,
  type MemberView,
  type RolloutFacts,
  type RolloutPolicy,
  type SidecarStatus,
} from '../../../src/operator/core/index.ts';
import { HAND_OVER_MAX_MS, TRANSFER_MAX_MS } from '../../../src/operator/core/rollout.ts';
import { mayMeet, versionOfImage } from '../../../src/operator/core/version.ts';
import { maintenanceWindow } from '../../../src/operator/maintenance.ts';
import { verifies } from '../../requirements.ts';
import { answer, AT_ONCE, cluster, pod, view } from './fixtures.ts';

type Answers = Readonly<Record<number, Partial<SidecarStatus>>>;

/** Five or three pods of which those in `updated` run r2, the template in force. */
function seen(updated: readonly number[], answers: Answers = {}, replicas = 3): ClusterView {
  const ordinals = Array.from({ length: replicas }, (_, ordinal) => ordinal);
  return view({
    size: { replicas, voters: replicas },
    pods: ordinals.map((each) => pod(each, { revision: updated.includes(each) ? 'r2' : 'r1' })),
    reports: new Map(
      ordinals.map((each) => [
        `tools-${each}`,
        answer(each, answers[each] ?? {}, { size: replicas }),
      ]),
    ),
    updateRevision: 'r2',
  });
}

function decide(of: ClusterView, policy: Partial<RolloutPolicy> = {}): string {
  const step = decideRollout(of, { ...AT_ONCE, askedMs: () => 0, ...policy });
  const first = blockedFirst(step);
  const why = first === undefined ? '' : ` ${first.pod} ${first.rule}`;
  if (step.kind === 'transfer') return `transfer to ${step.to}${why}`;
  return step.kind === 'replace' ? `replace ${step.member.name}` : `${step.kind}${why}`;
}

const DRAINED = { cordon: 'asked', ready: false, sessionsOwned: 0 };
const BAD_SERVER = { backend: { ready: false, problem: 'no answer' } };
const asked = (what: string, ms: number) => ({
  askedMs: (_: MemberView, which: string) => (which === what ? ms : 0),
});

void suite('before a pod goes', () => {
  const table: readonly [name: string, () => string, expected: string][] = [
    ['sessions leave first', () => decide(seen([])), 'drain tools-2 sessions_handed_over'],
    [
      'as long as it has some',
      () => decide(seen([], { 2: { ...DRAINED, sessionsOwned: 3 } })),
      'drain tools-2 sessions_handed_over',
    ],
    ['then it goes', () => decide(seen([], { 2: DRAINED })), 'replace tools-2'],
    [
      'at the latest after a while',
      () => decide(seen([]), asked('drain', HAND_OVER_MAX_MS)),
      'replace tools-2',
    ],
    [
      'a fenced one has none',
      () => decide(seen([], { 2: { ...DRAINED, cordon: 'fenced' } })),
      'replace tools-2',
    ],
    [
      'with nobody to take sessions there is no point in it',
      () => decide(seen([], { 0: { ready: false }, 1: { ready: false } }, 3)),
      'replace tools-1',
    ],
    [
      'the leader first lets another lead that is updated',
      () => decide(seen([1, 2])),
      'transfer to tools-1 tools-0 leadership_moved',
    ],
    [
      'the one that has most of the log',
      () =>
        decide(
          seen([1, 2], {
            0: {
              matchIndexes: [100, 90, 99].map((matchIndex, n) => ({
                id: `tools-${n}`,
                matchIndex,
              })),
            },
          }),
        ),
      'transfer to tools-2 tools-0 leadership_moved',
    ],
    [
      'and is not fenced',
      () => decide(seen([1, 2], { 1: { ...DRAINED, cordon: 'fenced' } })),
      'transfer to tools-2 tools-0 leadership_moved',
    ],
    [
      'for a bounded time',
      () => decide(seen([1, 2]), asked('transfer', TRANSFER_MAX_MS)),
      'drain tools-0 sessions_handed_over',
    ],
  ];
  for (const [name, actual, expected] of table) {
    test(name, () => assert.equal(actual(), expected));
  }
});

void suite('rules', () => {
  const changing = { ...seen([]), membershipChange: 'tools-3 is promoted' };
  const pending = (of: ClusterView): ClusterView => ({ ...of, membershipChange: 'x' });
  const version = (text: string) => ({ version: text });
  const table: readonly [name: string, () => string, expected: string][] = [
    ['somebody joins', () => decide(changing), 'wait tools-2 no_membership_change'],
    [
      'a pod that does not work goes all the same',
      () => decide(pending(seen([], { 2: BAD_SERVER }))),
      'replace tools-2',
    ],
    [
      'a version too far',
      () => decide(seen([], { 1: version('0.1.0') }), { version: '0.3.0' }),
      'wait tools-2 version_skew',
    ],
    [
      'the next version',
      () => decide(seen([], { 2: DRAINED, 1: version('0.1.0') }), { version: '0.2.0' }),
      'replace tools-2',
    ],
    [
      'what the first new pod tells counts for an image without version',
      () => decide(seen([2], { 2: version('2.0.0'), 0: version('1.9.0') })),
      'wait tools-1 version_skew',
    ],
    [
      'closed window',
      () => decide(seen([]), { windowOpen: false }),
      'wait tools-2 maintenance_window',
    ],
    [
      'a pod that does not work waits for no window',
      () => decide(seen([], { 1: BAD_SERVER }), { windowOpen: false }),
      'replace tools-1',
    ],
    [
      'Supervised goes on with followers',
      () => decide(seen([2], { 1: DRAINED }), { leaderApproved: false }),
      'replace tools-1',
    ],
    [
      'and stops before the leader',
      () => decide(seen([1, 2]), { leaderApproved: false }),
      'wait tools-0 approval',
    ],
    [
      'a fenced pod that was replaced stands in nobody’s way',
      () => decide(seen([2], { 2: { ...DRAINED, cordon: 'fenced' }, 1: DRAINED })),
      'replace tools-1',
    ],
    [
      'budget of two: a second one while the first starts',
      () => decide(seen([4], { 4: { ready: false }, 3: DRAINED }, 5), { maxUnavailable: 2 }),
      'replace tools-3',
    ],
    [
      'not a third',
      () =>
        decide(seen([4, 3], { 4: { ready: false }, 3: { ready: false } }, 5), {
          maxUnavailable: 2,
        }),
      'wait tools-2 updated_pods_ready',
    ],
    [
      'a template that does not work goes no further, whatever the budget',
      () => decide(seen([4], { 4: BAD_SERVER }, 5), { maxUnavailable: 5 }),
      'wait tools-3 updated_pods_ready',
    ],
  ];
  for (const [name, actual, expected] of table) {
    test(name, () => assert.equal(actual(), expected));
  }

  test('versions meet one minor apart', () => {
    const pairs: readonly [string, string, boolean][] = [
      ['1.2.3', '1.3.0', true],
      ['v1.3.0', '1.2.9-rc.1', true],
      ['1.2.0', '1.4.0', false],
      ['1.9.0', '2.0.0', false],
      ['', '1.0.0', true],
      ['latest', '9.0.0', true],
    ];
    for (const [a, b, meets] of pairs) assert.equal(mayMeet(a, b), meets, `${a} ${b}`);
    assert.equal(versionOfImage('registry:5000/x/y:1.2.3@sha256:00'), '1.2.3');
    assert.equal(versionOfImage('registry:5000/x/y'), undefined);
    assert.equal(versionOfImage('x/y:latest'), undefined);
  });
});

void suite('what people asked of rollouts', () => {
  const update = { mode: 'Supervised', maxUnavailable: 2 } as const;
  const FACTS: RolloutFacts = {
    window: { kind: 'always' },
    updateRevision: 'tools-6f7',
    sidecarImage: 'x/y:0.1.0',
    askedMs: () => 0,
  };
  const annotated = (value: string) => {
    const made = cluster({ update });
    const annotations = { 'mcpcluster.io/approve-update': value };
    return { ...made, metadata: { ...made.metadata, annotations } };
  };

  test('the leader is approved by the revision in force, not by an earlier one', () => {
    assert.equal(rolloutPolicy(cluster({ update }), FACTS).leaderApproved, false);
    assert.equal(rolloutPolicy(annotated('tools-6f6'), FACTS).leaderApproved, false);
    assert.equal(rolloutPolicy(annotated('tools-6f7'), FACTS).leaderApproved, true);
    const unknown = { ...FACTS, updateRevision: undefined };
    assert.equal(rolloutPolicy(annotated('tools-6f7'), unknown).leaderApproved, false);
    assert.equal(rolloutPolicy(cluster({ update }), FACTS).maxUnavailable, 2);
    assert.equal(rolloutPolicy(cluster({ update }), FACTS).version, '0.1.0');
  });

  test('the status says what has to happen, and an event names the rule', () => {
    const made = cluster({ update });
    const of = seen([1, 2]);
    const rollout = decideRollout(of, rolloutPolicy(made, FACTS));
    const status = statusOf(made, {
      view: of,
      size: { replicas: 3, voters: 3 },
      rollout,
      problem: undefined,
      hint: rolloutHint(made, 'approval', FACTS),
      hibernated: false,
      now: '2026-01-01T00:00:00Z',
    });
    const progressing = status.conditions?.find(({ type }) => type === 'Progressing');
    assert.equal(progressing?.reason, 'WaitingForApproval');
    assert.equal(
      progressing.message,
      '1 pod is to be replaced; tools-0 waits for approval: kubectl annotate --overwrite -n team mcpc/tools mcpcluster.io/approve-update=tools-6f7',
    );
    assert.equal(status.members?.[0]?.blockedBy, 'approval');
    const [event] = transitions({ ...status, members: [] }, status);
    assert.deepEqual([event?.reason, event?.note], ['UpdateBlocked', 'tools-0 waits for approval']);
    assert.deepEqual(transitions(status, status), []);
  });
});

void suite('windows of maintenance', () => {
  const at = (text: string) => Date.parse(text);
  const windowed = (schedule: string, duration = '2h', timeZone = 'UTC') =>
    cluster({
      update: {
        ...{ mode: 'Automatic', maxUnavailable: 1 },
        maintenanceWindow: { schedule, duration, timeZone },
      },
    });
  const table: readonly [schedule: string, duration: string, zone: string, now: string, string][] =
    [
      ['0 3 * * *', '2h', 'UTC', '2026-11-22T02:59:59Z', 'opens 2026-11-22T03:00:00Z'],
      ['0 3 * * *', '2h', 'UTC', '2026-11-22T03:00:00Z', 'open'],
      ['0 3 * * *', '2h', 'UTC', '2026-11-22T04:59:59Z', 'open'],
      ['0 3 * * *', '2h', 'UTC', '2026-11-22T05:00:00Z', 'opens 2026-11-23T03:00:00Z'],
      ['0 3 * * SUN', '2h', 'Europe/Berlin', '2026-07-04T00:00:00Z', 'opens 2026-07-05T01:00:00Z'],
      ['0 3 * * SUN', '2h', 'Europe/Berlin', '2026-12-05T00:00:00Z', 'opens 2026-12-06T02:00:00Z'],
      // 02:30 does not exist on the day on which clocks go forward: it opens as soon as it is later than that.
      ['30 2 29 3 *', '1h', 'Europe/Berlin', '2026-03-28T12:00:00Z', 'opens 2026-03-29T01:00:00Z'],
      ['0 3 31 2 *', '1h', 'UTC', '2026-11-22T00:00:00Z', 'unusable'],
      ['0 3 * * 9', '1h', 'UTC', '2026-11-22T00:00:00Z', 'unusable'],
      ['0 3 * * *', '1h', 'Mars/Base', '2026-11-22T00:00:00Z', 'unusable'],
    ];
  for (const [schedule, duration, zone, now, expected] of table) {
    test(`${schedule} for ${duration} in ${zone} at ${now}: ${expected}`, () => {
      const window = maintenanceWindow(windowed(schedule, duration, zone), at(now));
      const text = window.kind === 'closed' ? `opens ${window.opensAtText}` : window.kind;
      assert.equal(text, expected);
      if (window.kind === 'unusable')
        assert.match(window.message, /^spec.update.maintenanceWindow.(schedule|timeZone): /);
    });
  }

  test(verifies('operator.maintenance-window'), () => {
    assert.equal(maintenanceWindow(cluster(), 0).kind, 'always');
    const closed = maintenanceWindow(windowed('0 3 * * *'), at('2026-11-22T12:00:00Z'));
    const policy = rolloutPolicy(cluster(), {
      ...{ window: closed, updateRevision: 'r2', sidecarImage: 'x', askedMs: () => Infinity },
    });
    assert.equal(decideRollout(seen([]), policy).kind, 'wait');
    const broken = decideRollout(seen([], { 1: BAD_SERVER }), policy);
    assert.equal(broken.kind === 'replace' && broken.member.name, 'tools-1');
  });
});
