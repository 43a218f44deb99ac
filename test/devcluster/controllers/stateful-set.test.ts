/** The rules of StatefulSets, rollouts and budgets as tables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  budgetStatus,
  endpointSliceOf,
  planRollout,
  planStatefulSet,
  statefulClaims,
  statefulPod,
  statefulSetStatus,
  type Pod,
  type Service,
  type StatefulSet,
} from '../../../src/devcluster/core/index.ts';
import { verifies } from '../../requirements.ts';

function set(spec: Partial<StatefulSet['spec']> = {}): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'n', uid: 'u', generation: 4 },
    spec: {
      replicas: 3,
      serviceName: 'peers',
      selector: { matchLabels: { app: 'db' } },
      template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c' }] } },
      ...spec,
    },
  };
}

type State = 'ready' | 'unready' | 'leaving' | 'failed';

function pod(ordinal: number, state: State = 'ready', revision = 'new'): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `db-${ordinal}`,
      namespace: 'n',
      uid: `uid-${ordinal}`,
      labels: { app: 'db', 'controller-revision-hash': revision },
      ...(state === 'leaving' ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { containers: [{ name: 'c' }] },
    status: {
      phase: state === 'failed' ? 'Failed' : 'Running',
      podIP: `10.244.1.${ordinal + 2}`,
      conditions: [
        { type: 'Ready', status: state === 'ready' || state === 'leaving' ? 'True' : 'False' },
      ],
    },
  };
}

const plan = (spec: Partial<StatefulSet['spec']>, pods: readonly Pod[]): string[] =>
  planStatefulSet({ set: set(spec), pods, currentRevision: 'old', updateRevision: 'new' }).map(
    (action) =>
      action.kind === 'create'
        ? `create ${action.ordinal} ${action.revision}`
        : `${action.why} ${action.pod.metadata.name}`,
  );

test(verifies('devcluster.stateful-set'), () => {
  const parallel = { podManagementPolicy: 'Parallel' } as const;
  const onDelete = { updateStrategy: { type: 'OnDelete' } } as const;
  const partition = (n: number) =>
    ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: n } } }) as const;
  const old = (ordinal: number, state: State = 'ready') => pod(ordinal, state, 'old');
  const table: [string, Partial<StatefulSet['spec']>, readonly Pod[], string[]][] = [
    ['ordered: the first only', {}, [], ['create 0 new']],
    ['ordered: waits for readiness', {}, [pod(0, 'unready')], []],
    ['ordered: the next', {}, [pod(0)], ['create 1 new']],
    ['ordered: waits for a leaving one', {}, [pod(0), pod(1, 'leaving')], []],
    ['parallel: all at once', parallel, [], ['create 0 new', 'create 1 new', 'create 2 new']],
    [
      'parallel: only what is missing',
      parallel,
      [pod(1, 'unready')],
      ['create 0 new', 'create 2 new'],
    ],
    [
      'ordinals begin elsewhere',
      { ...parallel, replicas: 2, ordinals: { start: 5 } },
      [],
      ['create 5 new', 'create 6 new'],
    ],
    [
      'ordered scale down: the last first',
      { replicas: 1 },
      [pod(0), pod(1), pod(2)],
      ['scale db-2'],
    ],
    ['ordered scale down: one at a time', { replicas: 1 }, [pod(0), pod(1), pod(2, 'leaving')], []],
    [
      'parallel scale down',
      { ...parallel, replicas: 0 },
      [pod(0), pod(1)],
      ['scale db-1', 'scale db-0'],
    ],
    ['an ended pod is replaced', {}, [pod(0, 'failed')], ['ended db-0']],
    ['rolling update: the last first', {}, [old(0), old(1), old(2)], ['update db-2']],
    ['rolling update: waits for it', {}, [old(0), old(1), pod(2, 'unready')], []],
    ['rolling update: then the next', {}, [old(0), old(1), pod(2)], ['update db-1']],
    [
      'rolling update, parallel: still one by one',
      parallel,
      [old(0), old(1), old(2)],
      ['update db-2'],
    ],
    ['partition protects', partition(2), [old(0), old(1), pod(2)], []],
    ['below the partition the old comes back', partition(2), [old(1), pod(2)], ['create 0 old']],
    ['on delete: nothing is replaced', onDelete, [old(0), old(1), old(2)], []],
    [
      'on delete: the new comes back',
      { ...onDelete, ...parallel },
      [old(0), old(2)],
      ['create 1 new'],
    ],
    [
      'pods of other names are left alone',
      { replicas: 0 },
      [{ ...pod(0), metadata: { name: 'db-x' } }],
      [],
    ],
  ];
  for (const [what, spec, pods, expected] of table)
    assert.deepEqual(plan(spec, pods), expected, what);
});

test('the status counts, and a finished rolling update makes its revision the current one', () => {
  const status = (pods: readonly Pod[], spec: Partial<StatefulSet['spec']> = {}) =>
    statefulSetStatus({ set: set(spec), pods, currentRevision: 'old', updateRevision: 'new' });
  const half = status([pod(0, 'ready', 'old'), pod(1, 'unready'), pod(2)]);
  assert.deepEqual(half, {
    observedGeneration: 4,
    replicas: 3,
    readyReplicas: 2,
    availableReplicas: 2,
    currentReplicas: 1,
    updatedReplicas: 2,
    currentRevision: 'old',
    updateRevision: 'new',
    collisionCount: 0,
  });
  assert.equal(status([pod(0), pod(1), pod(2)]).currentRevision, 'new');
  const onDelete = { updateStrategy: { type: 'OnDelete' } } as const;
  assert.equal(status([pod(0), pod(1), pod(2)], onDelete).currentRevision, 'old');
});

test('a pod of a set has its name, its host name, its labels and its claims', () => {
  const claims = {
    volumeClaimTemplates: [
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec: {} },
    ],
  };
  const made = statefulPod(set(claims), 1, { name: 'new', template: set().spec.template });
  assert.equal(made.metadata.name, 'db-1');
  assert.equal(made.spec.hostname, 'db-1');
  assert.equal(made.spec.subdomain, 'peers');
  assert.deepEqual(made.spec.volumes, [
    { name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } },
  ]);
  assert.deepEqual(made.metadata.labels, {
    app: 'db',
    'apps.kubernetes.io/pod-index': '1',
    'statefulset.kubernetes.io/pod-name': 'db-1',
    'controller-revision-hash': 'new',
  });
  const retained = statefulClaims(set(claims), 'db-1')[0];
  assert.equal(retained?.metadata.ownerReferences, undefined);
  const policy = {
    ...claims,
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
  } as const;
  assert.equal(statefulClaims(set(policy), 'db-1')[0]?.metadata.ownerReferences?.[0]?.name, 'db');
});

test('a rollout keeps enough pods available and not too many in all', () => {
  const step = (
    fresh: [number, number],
    old: [number, number],
    maxSurge: number | string,
    maxUnavailable: number | string,
  ) => {
    const sizes = ([replicas, available]: [number, number]) => ({ replicas, available });
    const next = planRollout({
      replicas: 4,
      maxSurge,
      maxUnavailable,
      fresh: sizes(fresh),
      old: [sizes(old)],
    });
    return [next.fresh, ...next.old];
  };
  assert.deepEqual(step([0, 0], [4, 4], '25%', '25%'), [1, 3]);
  assert.deepEqual(step([1, 0], [3, 3], '25%', '25%'), [2, 3]);
  assert.deepEqual(step([2, 2], [3, 3], '25%', '25%'), [2, 1]);
  assert.deepEqual(step([0, 0], [4, 4], 0, 1), [0, 3]);
  assert.deepEqual(step([0, 0], [4, 4], 1, 0), [1, 4]);
  assert.deepEqual(step([4, 4], [0, 0], 1, 0), [4, 0]);
  assert.deepEqual(step([0, 0], [4, 1], 1, 0), [1, 1], 'broken old pods go at once');
});

test('a budget allows what is healthy beyond what must be', () => {
  const pods = [pod(0), pod(1), pod(2, 'unready')];
  const allowed = (budget: { minAvailable?: number | string; maxUnavailable?: number | string }) =>
    budgetStatus({ ...budget, pods, expected: 3 }).disruptionsAllowed;
  assert.equal(allowed({ minAvailable: 1 }), 1);
  assert.equal(allowed({ minAvailable: '50%' }), 0);
  assert.equal(allowed({ maxUnavailable: 1 }), 0);
  assert.equal(allowed({ maxUnavailable: 2 }), 1);
  assert.equal(allowed({ maxUnavailable: '34%' }), 1);
});

test('endpoints: ready, serving, terminating, published early, by named port', () => {
  const service = (spec: Partial<Service['spec']>): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'peers', namespace: 'n', uid: 's' },
    spec: { selector: { app: 'db' }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
  });
  const named: Pod = {
    ...pod(0),
    spec: {
      hostname: 'db-0',
      subdomain: 'peers',
      containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }],
    },
  };
  const pods = [named, pod(1, 'unready'), pod(2, 'leaving'), pod(3, 'failed')];
  const conditions = (one: Service) =>
    endpointSliceOf(one, pods, [])?.endpoints?.map((endpoint) =>
      Object.entries(endpoint.conditions ?? {})
        .filter(([, isTrue]) => isTrue)
        .map(([name]) => name)
        .join(' '),
    );
  assert.deepEqual(conditions(service({})), ['ready serving', '', 'serving terminating']);
  assert.deepEqual(conditions(service({ publishNotReadyAddresses: true })), [
    'ready serving',
    'ready',
    'ready serving terminating',
  ]);
  const slice = endpointSliceOf(service({}), pods, []);
  assert.equal(slice?.endpoints?.[0]?.hostname, 'db-0');
  assert.deepEqual(slice?.ports, [{ name: '', port: 8080, protocol: 'TCP' }]);
  assert.equal(endpointSliceOf({ ...service({}), spec: {} }, pods, []), undefined);
});
