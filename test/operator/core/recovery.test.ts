/** When a cluster begins again, what its members' data are worth, and what is said about a majority that is gone. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { McpClusterStatus } from '../../../src/api/index.ts';
import type { SidecarReport, SidecarStatus } from '../../../src/operator/core/index.ts';
import { dataOf } from '../../../src/operator/core/membership-view.ts';
import {
  nextRecovery,
  recoveryAdvice,
  type Recovery,
} from '../../../src/operator/core/recovery.ts';
import { UNUSABLE_DATA_EXIT_CODE } from '../../../src/std/index.ts';
import { verifies } from '../../requirements.ts';
import { answer, cluster, failed, pod, view } from './fixtures.ts';

const ASKED = { id: 'r1', trustMember: 'tools-1' };
const SET = ['tools-0', 'tools-1', 'tools-2'];
const participants = { voters: SET, votersOutgoing: [], learners: [] };

/** Only `tools-1` is left, and follows nobody. */
const left = answer(1, {
  ...participants,
  ...{ leaderId: '', role: 'candidate', lastIndex: 12, lastTerm: 3 },
});
const alone = (reports = new Map([['tools-1', left]])) =>
  view({
    reports: new Map([
      ...['tools-0', 'tools-2'].map((name) => [name, failed] as const),
      ...reports,
    ]),
  });
const nobody = () => view({ pods: [] });
const led = (recovery: string) =>
  new Map([
    [
      'tools-1',
      answer(1, { voters: ['tools-1'], recovery, term: 1003, role: 'leader', leaderId: 'tools-1' }),
    ],
  ]);

const during = (phase: Recovery['phase'], id = 'r1'): McpClusterStatus => ({
  founded: true,
  recovery: { id, trustMember: 'tools-1', phase },
});

void suite('recovery', () => {
  const table: readonly [
    name: string,
    asked: typeof ASKED | undefined,
    status: McpClusterStatus,
    seen: () => ReturnType<typeof view>,
    expected: string | undefined,
  ][] = [
    ['nothing is begun that nobody asked for', undefined, { founded: true }, alone, undefined],
    ['asked for, without a majority', ASKED, { founded: true }, alone, 'Stopping'],
    ['with a majority', ASKED, { founded: true }, () => view(), 'Refused'],
    ['before there was a cluster', ASKED, {}, alone, 'Refused'],
    ['from nobody', { id: 'r1', trustMember: 'tools-7' }, { founded: true }, alone, 'Refused'],
    ['all pods are gone', ASKED, during('Stopping'), nobody, 'Rebuilding'],
    ['taken back in time', undefined, during('Stopping'), alone, 'Refused'],
    ['too late', undefined, during('Rebuilding'), () => alone(led('r1')), 'Done'],
    ['the trusted one serves', ASKED, during('Rebuilding'), () => alone(led('r1')), 'Done'],
    ['with what it had before', ASKED, during('Rebuilding'), () => alone(led('')), 'Rebuilding'],
    ['done is done', ASKED, during('Done'), alone, undefined],
    ['refused is refused', ASKED, during('Refused'), alone, undefined],
    ['another id asks anew', ASKED, during('Done', 'r0'), alone, 'Stopping'],
    ['also when the last one hangs', ASKED, during('Rebuilding', 'r0'), alone, 'Stopping'],
  ];
  for (const [name, asked, status, seen, expected] of table) {
    test(`${name}: ${verifies('operator.recovery')}`, () => {
      const spec = asked === undefined ? {} : { recovery: asked };
      assert.equal(nextRecovery(cluster(spec, status), seen())?.phase, expected);
    });
  }

  test('what stands in the status already is not written again', () => {
    const of = cluster({ recovery: ASKED }, during('Stopping'));
    const first = nextRecovery(of, alone());
    assert.match(first?.message ?? '', /waits for tools-0, tools-1, tools-2 to stop/);
    const known = { founded: true, recovery: first as Recovery };
    assert.equal(nextRecovery(cluster({ recovery: ASKED }, known), alone()), undefined);
  });

  test('the advice names the log that goes furthest, by term and then by index', () => {
    const log = (ordinal: number, lastTerm: number, lastIndex: number): [string, SidecarReport] => [
      `tools-${ordinal}`,
      answer(ordinal, { ...participants, leaderId: '', role: 'follower', lastTerm, lastIndex }),
    ];
    const logs = new Map([log(0, 3, 90), log(1, 4, 40), log(2, 4, 41)]);
    const seen = { ...view({ reports: logs }), voters: 7 };
    const advice = recoveryAdvice(cluster(), seen);
    assert.match(advice, /^left: tools-0 \(log up to entry 90 of term 3\), tools-1 /);
    assert.match(advice, /kubectl -n team patch mcpcluster tools .*"trustMember":"tools-2"/);
    assert.equal(recoveryAdvice(cluster(), nobody()), 'no member that is left answers');
  });

  test('the advice trusts no pod that is being deleted, whose volume may go, too', () => {
    const follower = (ordinal: number): [string, SidecarReport] => {
      const own = { ...participants, leaderId: '', role: 'follower', lastTerm: 4, lastIndex: 41 };
      return [`tools-${ordinal}`, answer(ordinal, own)];
    };
    const going = pod(0);
    const metadata = { ...going.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    const pods = [{ ...going, metadata }, pod(1)];
    const advice = recoveryAdvice(
      cluster(),
      view({ pods, reports: new Map([follower(0), follower(1)]) }),
    );
    assert.match(advice, /^left: tools-1 \(.*"trustMember":"tools-1"/);
  });
});

void suite('data of a member', () => {
  const own = (changes: Partial<SidecarStatus>) => answer(1, changes);
  const leader = (changes: Partial<SidecarStatus>) => {
    const matchIndexes = [{ id: 'tools-1', matchIndex: 5, diskId: 'd1' }];
    const report = answer(0, { ...participants, matchIndexes, ...changes });
    return report.kind === 'answered' ? report.status : undefined;
  };
  const crashed = (exitCode: number) => {
    const state = { terminated: { exitCode } };
    const sidecar = { name: 'sidecar', ready: false, restartCount: 2, state };
    return pod(1, { status: { initContainerStatuses: [sidecar] } });
  };
  const without = { voters: ['tools-0', 'tools-2'] };
  const refused = [{ code: 'member-replaced', message: '' }];
  const table: readonly [string, Partial<Parameters<typeof dataOf>[0]>, string][] = [
    ['those that the leader knows', { report: own({ diskId: 'd1', lastIndex: 5 }) }, 'current'],
    ['another volume', { report: own({ diskId: 'd2', lastIndex: 0 }) }, 'replaced'],
    [
      'a volume that the leader has not met, and others refuse',
      { report: own({ diskId: 'd1', voters: SET, problems: refused }) },
      'replaced',
    ],
    [
      'who was not let in yet cannot know',
      { report: own({ diskId: 'd1', voters: [], problems: refused }) },
      'current',
    ],
    ['empty, and nobody', { report: own({ lastIndex: 0 }), agreed: leader(without) }, 'empty'],
    ['old, and nobody', { report: own({ lastIndex: 7 }), agreed: leader(without) }, 'removed'],
    [
      'they differ from the majority',
      { report: own({ diskId: 'd1', problems: [{ code: 'divergent', message: '' }] }) },
      'unusable',
    ],
    [
      'the sidecar cannot read them',
      { report: failed, pod: crashed(UNUSABLE_DATA_EXIT_CODE) },
      'unusable',
    ],
    ['the sidecar fails for another reason', { report: failed, pod: crashed(1) }, 'unknown'],
    ['nobody answers', { report: failed }, 'unknown'],
    ['there is no pod', { pod: undefined }, 'unknown'],
    ['nobody says who takes part', { report: own({}), agreed: undefined }, 'unknown'],
  ];
  for (const [name, facts, expected] of table) {
    test(`${name}: ${verifies('operator.lost-volume')}`, () => {
      const all = { name: 'tools-1', pod: pod(1), report: own({}), agreed: leader({}), ...facts };
      assert.equal(dataOf(all), expected);
    });
  }
});
