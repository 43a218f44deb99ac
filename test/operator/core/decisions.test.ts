/** Decisions as tables: size, drift, ownership, rollout. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  currentSize,
  decideRollout,
  isCurrent,
  ownerOf,
  ownershipOf,
  stamped,
  type AnyObject,
  type Pod,
  type SidecarReport,
} from '../../../src/operator/core/index.ts';
import type { Observation } from '../../../src/operator/core/view.ts';
import { verifies } from '../../requirements.ts';
import { answer, AT_ONCE, cluster, failed, pod, view } from './fixtures.ts';

void suite('size', () => {
  const table: readonly [
    name: string,
    spec: { replicas: number; voters?: 1 | 3 | 5 | 7 },
    status: { scaledTo?: number; voters?: number },
    observed: number | undefined,
    expected: { replicas: number; voters: number },
  ][] = [
    ['new', { replicas: 3 }, {}, undefined, { replicas: 3, voters: 3 }],
    ['new, even', { replicas: 4 }, {}, undefined, { replicas: 4, voters: 3 }],
    ['new, two pods', { replicas: 2 }, {}, undefined, { replicas: 2, voters: 1 }],
    ['new, many', { replicas: 9 }, {}, undefined, { replicas: 9, voters: 5 }],
    ['named', { replicas: 9, voters: 7 }, {}, undefined, { replicas: 9, voters: 7 }],
    [
      'what is remembered counts, not what there is',
      { replicas: 7 },
      { scaledTo: 5, voters: 3 },
      2,
      { replicas: 5, voters: 3 },
    ],
    ['a lost status', { replicas: 5 }, {}, 3, { replicas: 3, voters: 5 }],
  ];
  for (const [name, spec, status, observed, expected] of table) {
    test(`${name}: ${verifies('operator.size-from-spec')}`, () => {
      assert.deepEqual(currentSize(cluster(spec, status), observed), expected);
    });
  }
});

void suite('drift', () => {
  const desired = {
    metadata: { name: 'x', labels: { a: 'b' } },
    spec: { ports: [{ port: 80 }], size: '1024Mi', off: false, none: [] },
  };
  const live = {
    metadata: { name: 'x', labels: { a: 'b', c: 'd' }, uid: 'u' },
    spec: { ports: [{ port: 80, nodePort: 3000 }], size: '1Gi' },
  };
  const table: readonly [string, unknown, boolean][] = [
    ['what others added does not matter', live, true],
    ['a changed value does', { ...live, spec: { ...live.spec, size: '2Gi' } }, false],
    ['a removed label does', { ...live, metadata: { name: 'x' } }, false],
    [
      'another list element does',
      { ...live, spec: { ...live.spec, ports: [{ port: 81 }] } },
      false,
    ],
    [
      'a longer list does',
      { ...live, spec: { ...live.spec, ports: [{ port: 80 }, { port: 81 }] } },
      false,
    ],
    ['an absent object does', undefined, false],
  ];
  for (const [name, found, expected] of table) {
    test(name, () => assert.equal(isCurrent(desired, found), expected));
  }

  test('a field that is no longer wanted is noticed by the stamp', () => {
    const metadata = { name: 'x', namespace: 'n' };
    const before = stamped({
      apiVersion: 'v1',
      kind: 'X',
      metadata,
      extra: 1,
    } as never) as AnyObject;
    const after = stamped({ apiVersion: 'v1', kind: 'X', metadata } as never) as AnyObject;
    assert.equal(isCurrent(after, before), false);
    assert.equal(isCurrent(before, before), true);
  });

  test('ours, an orphan of ours, and somebody else’s', () => {
    const owner = ownerOf(cluster());
    const object = (metadata: AnyObject['metadata']): AnyObject => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
    });
    const ours = {
      'mcpcluster.io/cluster': 'tools',
      'app.kubernetes.io/managed-by': 'mcp-cluster-operator',
    };
    assert.equal(ownershipOf(object({ ownerReferences: [owner] }), owner).kind, 'ours');
    assert.equal(ownershipOf(object({ labels: ours }), owner).kind, 'orphan');
    assert.equal(ownershipOf(object({}), owner).kind, 'foreign');
    const earlier = { ...owner, uid: 'of-an-earlier-cluster' };
    assert.equal(
      ownershipOf(object({ ownerReferences: [earlier], labels: ours }), owner).kind,
      'foreign',
    );
  });
});

/** A rollout from r1 to r2. */
function rollout(
  revisions: readonly string[],
  changes: Partial<Observation> & {
    broken?: readonly number[];
    gone?: readonly number[];
    voters?: number;
  } = {},
): string {
  const { broken = [], gone = [], voters = 3, ...observation } = changes;
  const pods: Pod[] = revisions
    .map((revision, ordinal) => pod(ordinal, { revision }))
    .filter((_, ordinal) => !gone.includes(ordinal));
  const reports = new Map(
    revisions.map((_, ordinal) => [
      `tools-${ordinal}`,
      broken.includes(ordinal)
        ? answer(ordinal, { backend: { ready: false, problem: 'x' } }, { size: revisions.length })
        : answer(ordinal, {}, { size: revisions.length }),
    ]),
  );
  const size = { replicas: revisions.length, voters };
  const seen = view({ pods, reports, updateRevision: 'r2', size, ...observation });
  const step = decideRollout(seen, AT_ONCE);
  if (step.kind === 'done') return 'done';
  if (step.kind === 'replace') return `replace ${step.member.ordinal}`;
  return `wait ${[...new Set(step.blockedBy.values())].filter((rule) => rule !== 'turn').join()}`;
}

void suite('rollout', () => {
  const [a, b] = ['r1', 'r2'];
  const dead = (ordinal: number, size = 3) =>
    new Map(
      Array.from({ length: size }, (_, index) => [
        `tools-${index}`,
        index === ordinal ? failed : answer(index, {}, { size }),
      ]),
    );
  const table: readonly [name: string, expected: string, actual: () => string][] = [
    ['nothing to do', 'done', () => rollout([b, b, b])],
    ['followers from the highest ordinal', 'replace 2', () => rollout([a, a, a])],
    ['then the next', 'replace 1', () => rollout([a, a, b])],
    ['the leader last', 'replace 0', () => rollout([a, b, b])],
    [
      'learners before voters',
      'replace 4',
      () => rollout([a, a, a, a, a], { reports: learners() }),
    ],
    ['a broken pod first', 'replace 1', () => rollout([a, a, a], { broken: [1] })],
    [
      'a broken update stops it',
      'wait updated_pods_ready',
      () => rollout([a, a, b], { broken: [2] }),
    ],
    [
      'a broken pod may go although another is broken',
      'replace 1',
      () => rollout([a, a, b], { broken: [1, 2] }),
    ],
    ['a missing pod stops it', 'wait max_unavailable', () => rollout([a, a, b], { gone: [2] })],
    [
      'one voter lost: no other may go',
      'wait quorum_survives',
      () => rollout([a, a, b, b, b], { voters: 3, reports: deadLearnerFree() }),
    ],
    ['the lost voter itself may', 'replace 2', () => rollout([a, a, a], { reports: dead(2) })],
    ['a cluster of one is interrupted', 'replace 0', () => rollout([a], { voters: 1 })],
    [
      'quorum lost: nothing to lose',
      'replace 2',
      () =>
        rollout([a, a, a], {
          reports: new Map([
            ['tools-0', failed],
            ['tools-1', failed],
            ['tools-2', failed],
          ]),
        }),
    ],
    [
      'all servers broken: the leader of the sidecars last',
      'replace 2',
      () => rollout([a, a, a], { broken: [0, 1, 2] }),
    ],
    [
      'all servers broken: the next waits until the one before follows, whatever the quorum can spare',
      'wait replaced_pods_follow',
      () => rollout([a, a, a, a, b], { reports: brokenServers({ 4: failed }), voters: 5 }),
    ],
    [
      'all servers broken: then it goes',
      'replace 3',
      () => rollout([a, a, a, a, b], { reports: brokenServers({}), voters: 5 }),
    ],
    [
      'all servers broken: while those who are left elect, nobody goes',
      'wait replaced_pods_follow',
      () => rollout([a, a, b], { reports: electing(3), ageMs: () => 1_000 }),
    ],
    [
      'all servers broken: an election that does not end is not waited for',
      'replace 1',
      () => rollout([a, a, b], { reports: electing(3) }),
    ],
    [
      'quorum lost already: a pod that starts is not waited for',
      'replace 0',
      () =>
        rollout([a, b, b], {
          ageMs: () => 1_000,
          reports: new Map([
            ['tools-0', answer(0, { ...noServer, role: 'candidate', leaderId: '' })],
            ['tools-1', failed],
            ['tools-2', failed],
          ]),
        }),
    ],
    [
      'the template was not seen yet',
      'wait revision_known',
      () => rollout([a, a, a], { updateRevision: undefined }),
    ],
    [
      'a pod was not asked yet',
      'wait members_known',
      () => rollout([a, a, a], { reports: new Map([['tools-0', answer(0)]]) }),
    ],
  ];

  const noServer = { backend: { ready: false, problem: 'x' } };
  /** Five pods whose sidecars follow, but whose servers do not answer. */
  function brokenServers(changes: Readonly<Record<number, SidecarReport>>) {
    return new Map(
      [0, 1, 2, 3, 4].map((ordinal) => [
        `tools-${ordinal}`,
        changes[ordinal] ?? answer(ordinal, noServer, { size: 5 }),
      ]),
    );
  }
  /** The last pod has just been replaced and does not answer; the others know no leader. */
  function electing(size: number) {
    return new Map(
      Array.from({ length: size }, (_, ordinal) => [
        `tools-${ordinal}`,
        ordinal === size - 1
          ? failed
          : answer(ordinal, { ...noServer, role: 'candidate', leaderId: '' }, { size }),
      ]),
    );
  }
  function learners() {
    return new Map(
      [0, 1, 2, 3, 4].map((ordinal) => [
        `tools-${ordinal}`,
        answer(ordinal, ordinal > 2 ? { role: 'learner' } : {}, { size: 5 }),
      ]),
    );
  }
  /** Voter 2 does not follow (its log is behind) but serves; voters 0 and 1 are needed. */
  function deadLearnerFree() {
    const behind = [100, 100, -500, 100, 100].map((matchIndex, index) => ({
      id: `tools-${index}`,
      matchIndex,
    }));
    return new Map(
      [0, 1, 2, 3, 4].map((ordinal) => [
        `tools-${ordinal}`,
        answer(ordinal, ordinal === 0 ? { matchIndexes: behind } : {}, { size: 5 }),
      ]),
    );
  }

  for (const [name, expected, actual] of table) {
    test(name, () => assert.equal(actual(), expected));
  }

  test(verifies('operator.rollout-broken'), () => {
    const pods = [a, a, a, a, a];
    const replaced: number[] = [];
    for (let turn = 0; turn < pods.length; turn += 1) {
      const options = { voters: 5, reports: brokenServers({}) };
      const next = Number(/^replace (\d)$/.exec(rollout(pods, options))?.[1]);
      replaced.push(next);
      pods[next] = b;
      const gone = rollout(pods, { ...options, gone: [next] });
      const back = rollout(pods, { ...options, reports: brokenServers({ [next]: failed }) });
      if (pods.every((revision) => revision === b)) break;
      assert.equal(gone, 'wait max_unavailable');
      assert.equal(back, 'wait replaced_pods_follow');
    }
    assert.deepEqual(replaced, [4, 3, 2, 1, 0], 'the leader of the sidecars comes last');
  });

  test(verifies('operator.rollout-quorum'), () => {
    // Whatever is broken: a replaced pod never takes a healthy majority away.
    for (let broken = 0; broken < 32; broken += 1) {
      const reports = new Map(
        [0, 1, 2, 3, 4].map((ordinal) => [
          `tools-${ordinal}`,
          (broken >> ordinal) % 2 === 1 ? failed : answer(ordinal, {}, { size: 5, leader: 0 }),
        ]),
      );
      const pods = [0, 1, 2, 3, 4].map((ordinal) => pod(ordinal, { revision: 'r1' }));
      const seen = view({ pods, reports, updateRevision: 'r2', size: { replicas: 5, voters: 5 } });
      const step = decideRollout(seen, AT_ONCE);
      if (step.kind !== 'replace' || seen.votersCaughtUp < 3) continue;
      const left = seen.members.filter((each) => each.caughtUp && each.name !== step.member.name);
      assert.ok(left.length >= 3, `broken ${broken.toString(2)}: replaces ${step.member.name}`);
    }
  });
});
