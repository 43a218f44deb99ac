/** Pods on lost nodes, what a drain of nodes may take, and volumes that grow. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  disruptionBudget,
  fencedPods,
  planVolumes,
  statefulSet,
  type Claim,
  type Pod,
  type SidecarReport,
  type StatefulSet,
} from '../../../src/operator/core/index.ts';
import { verifies } from '../../requirements.ts';
import { answer, cluster, failed, pod, view } from './fixtures.ts';

/** Three members of which the last is on a node that is gone. */
function lostNode(change: {
  readonly leased?: boolean;
  readonly state?: string;
  readonly reports?: readonly SidecarReport[];
  readonly terminating?: boolean;
}) {
  const { leased = false, state = 'dead', terminating = true } = change;
  const members = ['tools-0', 'tools-1', 'tools-2'].map((id) =>
    id === 'tools-2' ? { id, state, leased } : { id, state: 'alive', leased: true },
  );
  const last: Pod = pod(2);
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const pods = [
    pod(0),
    pod(1),
    terminating ? { ...last, metadata: { ...last.metadata, deletionTimestamp } } : last,
  ];
  const [a, b, c] = change.reports ?? [answer(0, { members }), answer(1, { members }), failed];
  const reports = new Map([
    ['tools-0', a as SidecarReport],
    ['tools-1', b as SidecarReport],
    ['tools-2', c as SidecarReport],
  ]);
  return view({ pods, reports });
}

void suite('pods on lost nodes', () => {
  const names = (of: ReturnType<typeof lostNode>, ageMs = 60_000): string[] =>
    fencedPods(of, () => ageMs).map(({ name }) => name);

  test(verifies('operator.lost-node'), () => {
    assert.deepEqual(names(lostNode({})), ['tools-2']);
    assert.deepEqual(names(lostNode({ leased: true })), [], 'it may still own sessions');
    assert.deepEqual(names(lostNode({ state: 'suspect' })), [], 'it is not dead for sure');
    assert.deepEqual(names(lostNode({ terminating: false })), [], 'nobody wants it gone');
    assert.deepEqual(names(lostNode({}), 1_000), [], 'its node may yet end it');
    assert.deepEqual(names(lostNode({}), -3_600_000), [], 'a clock that was set back');
    const jumped = lostNode({ reports: [answer(0), answer(1), answer(2)] });
    assert.deepEqual(names(jumped, 86_400_000), [], 'a clock that was set forward kills nobody');
    const alone = { reports: [answer(0, { leaderId: '', role: 'follower' }), failed, failed] };
    assert.deepEqual(names(lostNode(alone)), [], 'a minority fences nobody');
    const reached = { reports: [answer(0), answer(1), answer(2)] };
    assert.deepEqual(names(lostNode(reached)), [], 'it answers us');
  });

  test('until then it is reported', () => {
    const { problem } = lostNode({ leased: true }).members[2] ?? {};
    assert.equal(problem?.reason, 'PodStuck');
    assert.match(
      problem?.message ?? '',
      /tools-2 was to be gone at 2026.*node node-2 does not end/,
    );
  });
});

void suite('how many pods may be evicted', () => {
  const notReady = (ordinal: number): Pod => {
    const made = pod(ordinal);
    return {
      ...made,
      status: { ...made.status, conditions: [{ type: 'Ready', status: 'False' }] },
    };
  };
  const leaving = (ordinal: number, of: Pod = pod(ordinal)): Pod => {
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    return { ...of, metadata: { ...of.metadata, deletionTimestamp } };
  };
  const budget = (
    replicas: number,
    voters: number,
    lag: readonly number[] = [],
    down: readonly number[] = [],
    podOf: (ordinal: number) => Pod = pod,
  ) => {
    const ordinals = Array.from({ length: replicas }, (_, ordinal) => ordinal);
    const of = view({
      size: { replicas, voters },
      pods: ordinals.map((each) => (down.includes(each) ? notReady(each) : podOf(each))),
      reports: new Map(
        ordinals.map((each) => [
          `tools-${each}`,
          lag.includes(each) ? failed : answer(each, {}, { size: replicas, leader: 0 }),
        ]),
      ),
    });
    const { spec } = disruptionBudget(cluster(), of) as unknown as {
      spec: { maxUnavailable: number; unhealthyPodEvictionPolicy: string };
    };
    return [spec.maxUnavailable, spec.unhealthyPodEvictionPolicy];
  };

  test(verifies('operator.eviction-quorum'), () => {
    assert.deepEqual(budget(3, 3), [1, 'AlwaysAllow']);
    assert.deepEqual(budget(5, 5), [2, 'AlwaysAllow']);
    assert.deepEqual(budget(3, 3, [2]), [0, 'AlwaysAllow'], 'ready, but it does not follow');
    assert.deepEqual(budget(3, 3, [2], [2]), [1, 'AlwaysAllow'], 'one is down: no other');
    assert.deepEqual(budget(5, 5, [4], [4]), [2, 'AlwaysAllow'], 'one is down: one more');
    assert.deepEqual(
      budget(3, 3, [], [0, 1, 2]),
      [4, 'IfHealthyBudget'],
      'the quorum needs the sidecars of pods whose servers do not work',
    );
    assert.deepEqual(budget(1, 1), [1, 'AlwaysAllow'], 'a drain of one can only interrupt');
    for (const last of [leaving(2), leaving(2, notReady(2))]) {
      const podOf = (ordinal: number): Pod => (ordinal === 2 ? last : pod(ordinal));
      const allowed = budget(3, 3, [], [], podOf);
      assert.deepEqual(allowed, [1, 'AlwaysAllow'], 'one hands over and still follows: no other');
    }
  });
});

void suite('volumes', () => {
  const claim = (ordinal: number, size: string, has: string | undefined = size): Claim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: `data-tools-${ordinal}` },
    spec: { resources: { requests: { storage: size } } },
    status: has === undefined ? {} : { capacity: { storage: has } },
  });
  const set = (size: string) =>
    statefulSet(cluster(), {
      ...{ sidecarImage: 'x', size: { replicas: 3, voters: 3 }, volumeSize: size },
    }) as StatefulSet;
  const storage = { ...cluster().spec.storage, size: '2Gi' };
  const plan = (claims: readonly Claim[], made: string) =>
    planVolumes(cluster({ storage }), claims, set(made));

  test(verifies('operator.volumes-grow'), () => {
    assert.deepEqual(plan([claim(0, '1Gi'), claim(1, '2Gi')], '1Gi'), {
      grow: ['data-tools-0'],
      remake: true,
      pending: [],
    });
    assert.deepEqual(plan([claim(0, '2Gi', '1Gi'), claim(1, '2048Mi')], '2Gi'), {
      grow: [],
      remake: false,
      pending: ['data-tools-0'],
    });
    const others = { ...claim(0, '1Gi'), metadata: { name: 'data-other-0' } };
    assert.deepEqual(plan([others, claim(2, '3Gi')], '3Gi'), {
      ...{ grow: [], remake: false, pending: [] },
    });
  });
});
