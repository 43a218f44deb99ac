/** The status: conditions, phases, members, problems, as tables. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { McpClusterStatus } from '../../../src/api/index.ts';
import { type Pod } from '../../../src/operator/core/index.ts';
import { lastLine } from '../../../src/operator/core/problems.ts';
import { verifies } from '../../requirements.ts';
import { answer, failed, pod, view } from './fixtures.ts';
import { status, states, running, server, withReport } from './status-fixtures.ts';

void suite('status', () => {
  test(`in the resource: ${verifies('health.ejection-shown')}`, () => {
    const ejected = [{ id: 'tools-2', reason: 'consecutive-errors' }];
    const told = (ordinal: number) => answer(ordinal, ordinal === 2 ? {} : { ejected });
    const reports = new Map([1, 0, 2].map((ordinal) => [`tools-${ordinal}`, told(ordinal)]));
    assert.deepEqual(
      status(view({ reports })).members?.map(({ ready, message }) => [ready, message]),
      [
        [true, undefined],
        [true, undefined],
        [true, 'fails too often: no new work from the gateways of tools-0, tools-1 for a while'],
      ],
    );
  });

  test('a certificate that is not given or not renewed', () => {
    const certificate = {
      ...{ expiresAt: Date.parse('2026-02-01'), renewalDueAt: Date.parse('2026-01-01') },
      ...{ overdue: true, failure: 'no-answer', failureMessage: 'connect ECONNREFUSED' },
    };
    const degraded = (seen: Parameters<typeof view>[0]) => {
      const { conditions = [], members = [] } = status(view(seen));
      const found = conditions.find(({ type }) => type === 'Degraded');
      return [`${found?.status} ${found?.reason}`, found?.message, members[1]?.ready];
    };
    const late = withReport(answer(1, { certificate }));
    const end = 'its certificate was to be renewed at 2026-01-01T00:00:00Z and ends at 2026-02-01';
    const why = 'no-answer: connect ECONNREFUSED; its pod does not reach the operator: see which';
    const [state, message, ready] = degraded({ reports: late });
    assert.deepEqual([state, ready], ['True CertificateNotRenewed', true]);
    assert.ok(String(message).startsWith(`tools-1: ${end}T00:00:00Z: ${why}`), String(message));
    const early = withReport(answer(1, { certificate: { ...certificate, overdue: false } }));
    assert.deepEqual(degraded({ reports: early })[0], 'False Healthy');

    // The operator's own answer says more than what the pod makes of it, and stands alone while the pod does not come up.
    const refusals = new Map([['pod-1', 'names-refused: ask for exactly these names (x)']]);
    for (const reports of [late, withReport(failed)]) {
      assert.deepEqual(degraded({ reports, refusals }).slice(0, 2), [
        'True CertificateRefused',
        'tools-1: no certificate is given to it: names-refused: ask for exactly these names (x)',
      ]);
    }
    const crashed = server({ state: { terminated: { exitCode: 1 } }, restartCount: 3 });
    const pods = [pod(0), crashed, pod(2)];
    assert.equal(degraded({ reports: late, refusals, pods })[0], 'True ServerCrashing');

    // The last words of one that never had a certificate.
    const words =
      '{"level":"warn"}\nmcp-cluster: stopped while it had no certificate: no-answer: x\n';
    const ended = { terminated: { exitCode: 2, message: words } };
    const back = { waiting: { reason: 'CrashLoopBackOff' } };
    const sidecar = {
      name: 'sidecar',
      ready: false,
      restartCount: 1,
      state: back,
      lastState: ended,
    };
    const base = pod(1);
    const waiting = { ...base, status: { ...base.status, initContainerStatuses: [sidecar] } };
    assert.deepEqual(
      degraded({ reports: withReport(failed), pods: [pod(0), waiting, pod(2)] }).slice(0, 2),
      [
        'True SidecarCrashing',
        'tools-1: sidecar exited with code 2, 1 restarts; last log line: mcp-cluster: stopped while it had no certificate: no-answer: x',
      ],
    );
  });

  test('a healthy cluster', () => {
    const made = status(view());
    assert.deepEqual(states(made), {
      Available: 'True Serving',
      Progressing: 'False Settled',
      Degraded: 'False Healthy',
      QuorumHealthy: 'True AllVoters',
      Reconciled: 'True Applied',
    });
    assert.equal(made.phase, 'Running');
    assert.equal(made.observedGeneration, 4);
    assert.equal(made.leader, 'tools-0');
    assert.equal(made.term, 3);
    assert.equal(made.sessions, 5);
    assert.equal(made.readyReplicas, 3);
    assert.equal(made.selector, 'app.kubernetes.io/name=mcp-cluster,mcpcluster.io/cluster=tools');
    assert.equal(made.endpoint, 'http://tools.team.svc:8080/mcp');
    assert.deepEqual(made.members?.[1], {
      name: 'tools-1',
      role: 'Follower',
      ready: true,
      health: 'Alive',
      matchIndex: 100,
      sessions: 1,
    });
  });

  const dead = new Map([
    ['tools-0', answer(0, { members: [{ id: 'tools-2', state: 'dead' }] })],
    ['tools-1', answer(1)],
    ['tools-2', failed],
  ]);
  const lost = new Map([
    ['tools-0', answer(0, { role: 'candidate', leaderId: '', ready: false })],
    ['tools-1', failed],
    ['tools-2', failed],
  ]);
  const voting = new Map([
    ['tools-0', answer(0, { role: 'candidate', leaderId: '', ready: false })],
    ['tools-1', answer(1, { role: 'follower', leaderId: '', ready: false })],
    ['tools-2', failed],
  ]);
  const table: readonly [
    name: string,
    made: () => McpClusterStatus,
    phase: string,
    expected: Record<string, string>,
  ][] = [
    [
      'no pods yet',
      () => status(view({ pods: [], reports: new Map() })),
      'Creating',
      {
        Available: 'False NoQuorum',
        Progressing: 'True Scaling',
        Degraded: 'False Healthy',
        QuorumHealthy: 'False Forming',
      },
    ],
    [
      'pods start',
      () => status(view({ reports: new Map() })),
      'Creating',
      {
        Available: 'False NoQuorum',
        Progressing: 'True Starting',
        QuorumHealthy: 'Unknown MembersUnknown',
      },
    ],
    [
      'one member dead',
      () => status(view({ reports: dead }), { before: running }),
      'Degraded',
      { Available: 'True Serving', Degraded: 'True MemberDead', QuorumHealthy: 'True SomeVoters' },
    ],
    [
      'quorum lost',
      () => status(view({ reports: lost }), { before: { ...status(view()), phase: 'Running' } }),
      'QuorumLost',
      { Available: 'False NoQuorum', QuorumHealthy: 'False QuorumLost' },
    ],
    [
      'an election',
      () => status(view({ reports: voting }), { before: { ...status(view()), phase: 'Running' } }),
      'Degraded',
      { Available: 'Unknown Electing', QuorumHealthy: 'Unknown Electing' },
    ],
    [
      'a rollout',
      () => status(view({ updateRevision: 'r2' }), { before: running }),
      'Updating',
      { Available: 'True Serving', Progressing: 'True RollingUpdate' },
    ],
    [
      'a refused scale',
      () => status(view(), { before: running, problem: { reason: 'Refused', message: 'no' } }),
      'Running',
      { Reconciled: 'False Refused', Available: 'True Serving' },
    ],
    ['paused', () => status(view(), { before: running, spec: { paused: true } }), 'Paused', {}],
  ];
  for (const [name, made, phase, expected] of table) {
    test(name, () => {
      const result = made();
      assert.equal(result.phase, phase);
      assert.deepEqual({ ...states(result), ...expected }, states(result));
    });
  }

  test('a member that was cut off does not decide what the cluster looks like', () => {
    const reports = new Map([
      ['tools-0', answer(0, { term: 2, members: [{ id: 'tools-1', state: 'dead' }] })],
      ['tools-1', answer(1, { term: 3 }, { leader: 1 })],
      ['tools-2', answer(2, { term: 3 }, { leader: 1 })],
    ]);
    const made = status(view({ reports }));
    assert.equal(made.leader, 'tools-1');
    assert.deepEqual(
      made.members?.map(({ role }) => role),
      ['Candidate', 'Leader', 'Follower'],
    );
    assert.equal(made.members?.[1]?.health, 'Alive');
  });

  test('a sidecar that only we cannot reach stays with the clients', () => {
    const made = status(view({ reports: withReport(failed) }), { before: running });
    assert.equal(made.members?.[1]?.ready, true);
    assert.equal(made.members?.[1]?.role, 'Unknown');
  });
});

void suite('problems', () => {
  const problems: readonly [name: string, pod: Pod, expected: RegExp | undefined, age?: number][] =
    [
      ['none', pod(1), undefined],
      [
        'exits at once',
        server({
          restartCount: 2,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 3, message: 'a\nno database\n\n' } },
        }),
        /^ServerCrashing: server exited with code 3, 2 restarts; last log line: no database$/,
      ],
      [
        'image missing',
        server({ state: { waiting: { reason: 'ImagePullBackOff', message: 'not found' } } }),
        /^ImageUnavailable: server: ImagePullBackOff: not found$/,
      ],
      [
        'cannot be started',
        server({
          state: {
            waiting: { reason: 'CreateContainerConfigError', message: 'secret "s" not found' },
          },
        }),
        /^ServerNotStarted: server: CreateContainerConfigError: secret "s" not found$/,
      ],
      [
        'never answers',
        server({ ready: true, state: { running: { startedAt: 'then' } } }),
        /^ServerNotAnswering: connection refused; last log line: still thinking$/,
        20_000,
      ],
      [
        'answers not yet',
        server({ ready: true, state: { running: { startedAt: 'then' } } }),
        undefined,
        5_000,
      ],
      [
        'no container yet, while its sidecar says that it does not answer',
        server({ state: { waiting: { reason: 'PodInitializing' } } }),
        undefined,
      ],
      [
        'a container that never comes',
        {
          ...server({ state: { waiting: { reason: 'ContainerCreating' } } }),
          metadata: { ...pod(1).metadata, creationTimestamp: 'then' },
        },
        /^ServerNotStarted: server: ContainerCreating$/,
        600_000,
      ],
      [
        'crashes between starts',
        server({
          ready: true,
          restartCount: 4,
          state: { running: { startedAt: 'then' } },
          lastState: { terminated: { exitCode: 1, message: 'boom' } },
        }),
        /^ServerCrashing: connection refused; last log line: boom$/,
        1_000,
      ],
      [
        'no node fits',
        {
          ...pod(1),
          status: {
            conditions: [
              {
                type: 'PodScheduled',
                status: 'False',
                reason: 'Unschedulable',
                message: '0/3 nodes',
                lastTransitionTime: 'then',
              },
            ],
          },
        },
        /^PodUnschedulable: no node fits tools-1: 0\/3 nodes$/,
        60_000,
      ],
    ];
  for (const [name, broken_, expected, age = 60_000] of problems) {
    test(name, () => {
      const reports = name === 'none' ? withReport(answer(1)) : withReport();
      const logLines = new Map([['tools-1', 'still thinking']]);
      const { members } = view({
        pods: [pod(0), broken_, pod(2)],
        reports,
        logLines,
        ageMs: () => age,
      });
      const problem = members[1]?.problem;
      const text = problem === undefined ? undefined : `${problem.reason}: ${problem.message}`;
      if (expected === undefined) assert.equal(text, undefined);
      else assert.match(text ?? 'none', expected);
    });
  }

  test('the last line is the last one that says something, cut to a readable length', () => {
    assert.equal(lastLine('a\n b \n\n'), 'b');
    assert.equal(lastLine(' \n'), undefined);
    assert.equal(lastLine('x'.repeat(1000))?.length, 401);
  });
});
