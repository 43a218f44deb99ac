/** One object of every kind that has a Table, and states of a pod, for comparing the printed rows. */
const ns = '/api/v1/namespaces/default';
const meta = (name: string): object => ({ metadata: { name, labels: { a: 'b' } } });
const post = (path: string, object: object): { path: string; object: object } => ({ path, object });
const tpl = {
  metadata: { labels: { app: 'a' } },
  spec: {
    containers: [
      { name: 'c', image: 'x' },
      { name: 'd', image: 'y' },
    ],
  },
};

export const TABLE_OBJECTS: readonly { readonly path: string; readonly object: object }[] = [
  // No pod without the account that it runs under.
  post(ns + '/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    ...meta('default'),
  }),
  post(ns + '/pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    ...meta('t1'),
    spec: {
      containers: [
        { name: 'c', image: 'x' },
        { name: 'd', image: 'y' },
      ],
      initContainers: [{ name: 's', image: 'z', restartPolicy: 'Always' }],
      terminationGracePeriodSeconds: 0,
    },
  }),
  post(ns + '/services', {
    apiVersion: 'v1',
    kind: 'Service',
    ...meta('t1'),
    spec: {
      selector: { a: 'b' },
      ports: [
        { port: 80, name: 'x' },
        { port: 90, name: 'y', protocol: 'UDP' },
      ],
    },
  }),
  post(ns + '/services', {
    apiVersion: 'v1',
    kind: 'Service',
    ...meta('t2'),
    spec: { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30123 }] },
  }),
  post(ns + '/services', {
    apiVersion: 'v1',
    kind: 'Service',
    ...meta('t3'),
    spec: { clusterIP: 'None' },
  }),
  post(ns + '/services', {
    apiVersion: 'v1',
    kind: 'Service',
    ...meta('t4'),
    spec: { type: 'ExternalName', externalName: 'e.com' },
  }),
  post(ns + '/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    ...meta('t1'),
    data: { a: 'b' },
    binaryData: { c: 'AAAA' },
  }),
  post(ns + '/secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    ...meta('t1'),
    stringData: { a: 'b' },
  }),
  post(ns + '/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', ...meta('t1') }),
  post(ns + '/persistentvolumeclaims', {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    ...meta('t1'),
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'sc',
      volumeName: 'vv',
    },
  }),
  post('/api/v1/persistentvolumes', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    ...meta('t1'),
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/x' },
      storageClassName: 'sc',
      claimRef: { namespace: 'default', name: 't1' },
    },
  }),
  post('/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 't1', labels: { 'node-role.kubernetes.io/worker': '' } },
  }),
  post(ns + '/events', {
    apiVersion: 'v1',
    kind: 'Event',
    ...meta('t1'),
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default', fieldPath: 'spec.x' },
    reason: 'R',
    message: ' m ',
    type: 'Normal',
    source: { component: 'c', host: 'h' },
    firstTimestamp: '2024-01-01T00:00:00Z',
    lastTimestamp: '2025-01-01T00:00:00Z',
    count: 3,
  }),
  post(ns + '/events', {
    apiVersion: 'v1',
    kind: 'Event',
    ...meta('t2'),
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    reason: 'R',
    message: 'm',
    type: 'Warning',
    eventTime: '2024-01-01T00:00:00.000000Z',
    reportingComponent: 'rc',
    reportingInstance: 'ri',
    action: 'A',
  }),
  post('/apis/apps/v1/namespaces/default/statefulsets', {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    ...meta('t1'),
    spec: { selector: { matchLabels: { app: 'a' } }, template: tpl },
  }),
  post('/apis/apps/v1/namespaces/default/deployments', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    ...meta('t1'),
    spec: {
      selector: {
        matchLabels: { app: 'a' },
        matchExpressions: [
          { key: 'z', operator: 'NotIn', values: ['p', 'q'] },
          { key: 'c', operator: 'DoesNotExist' },
        ],
      },
      template: tpl,
    },
  }),
  post('/apis/apps/v1/namespaces/default/replicasets', {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    ...meta('t1'),
    spec: { selector: { matchLabels: { app: 'a' } }, template: tpl },
  }),
  post('/apis/batch/v1/namespaces/default/jobs', {
    apiVersion: 'batch/v1',
    kind: 'Job',
    ...meta('t1'),
    spec: { template: { spec: { ...tpl.spec, restartPolicy: 'Never' } } },
  }),
  post('/apis/batch/v1/namespaces/default/jobs', {
    apiVersion: 'batch/v1',
    kind: 'Job',
    ...meta('t2'),
    spec: { parallelism: 3, template: { spec: { ...tpl.spec, restartPolicy: 'OnFailure' } } },
  }),
  post('/apis/batch/v1/namespaces/default/cronjobs', {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    ...meta('t1'),
    spec: {
      schedule: '15 2 * * *',
      timeZone: 'Etc/UTC',
      suspend: true,
      jobTemplate: { spec: { template: { spec: { ...tpl.spec, restartPolicy: 'Never' } } } },
    },
  }),
  post('/apis/apps/v1/namespaces/default/controllerrevisions', {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: 't1',
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 's', uid: 'u', controller: true },
      ],
    },
    data: { a: 1 },
    revision: 4,
  }),
  post('/apis/policy/v1/namespaces/default/poddisruptionbudgets', {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    ...meta('t1'),
    spec: { minAvailable: '50%', selector: {} },
  }),
  post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    ...meta('t1'),
    addressType: 'IPv4',
    endpoints: [1, 2, 3, 4, 5].map((i) => ({ addresses: ['10.0.0.' + i] })),
    ports: [
      { port: 80, name: 'x' },
      { port: 81, name: 'y' },
    ],
  }),
  post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    ...meta('t2'),
    addressType: 'IPv4',
    endpoints: [],
  }),
  post(ns + '/endpoints', {
    apiVersion: 'v1',
    kind: 'Endpoints',
    ...meta('t1'),
    subsets: [
      {
        addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }],
        ports: [
          { port: 80, name: 'a' },
          { port: 81, name: 'b' },
        ],
      },
    ],
  }),
  post('/apis/coordination.k8s.io/v1/namespaces/default/leases', {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    ...meta('t1'),
    spec: { holderIdentity: 'me' },
  }),
  post('/apis/networking.k8s.io/v1/namespaces/default/networkpolicies', {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    ...meta('t1'),
    spec: { podSelector: { matchLabels: { a: 'b' } }, ingress: [{ ports: [{ port: 80 }] }] },
  }),
  post('/apis/storage.k8s.io/v1/storageclasses', {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: {
      name: 't1',
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    },
    provisioner: 'x/y',
  }),
  post('/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    ...meta('t1'),
    roleRef: { kind: 'Role', name: 'r' },
    subjects: [
      { kind: 'User', name: 'u' },
      { kind: 'User', name: 'u2' },
      { kind: 'ServiceAccount', name: 's', namespace: 'd' },
      { kind: 'Group', name: 'g' },
    ],
  }),
  post('/apis/example.com/v1/namespaces/default/widgets', {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    ...meta('t1'),
    spec: {
      image: 'x',
      ports: [
        { port: 1, name: 'a' },
        { port: 2, name: 'b' },
      ],
    },
  }),
  post('/apis/example.com/v1/namespaces/default/widgets', {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    ...meta('t2'),
    spec: { image: 'x' },
  }),
];

const run = { running: { startedAt: '2024-01-01T00:00:00Z' } };
const cs = (name: string, more: object = {}): object => ({
  name,
  image: 'x',
  imageID: '',
  restartCount: 0,
  ready: false,
  started: false,
  state: {},
  ...more,
});

export const POD_STATUSES: readonly object[] = [
  {
    phase: 'Pending',
    initContainerStatuses: [cs('s', { state: { waiting: { reason: 'PodInitializing' } } })],
  },
  {
    phase: 'Pending',
    initContainerStatuses: [
      cs('s', {
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        restartCount: 2,
        lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:00:00Z' } },
      }),
    ],
  },
  {
    phase: 'Pending',
    initContainerStatuses: [cs('s', { state: { terminated: { exitCode: 3 } } })],
  },
  {
    phase: 'Running',
    conditions: [
      { type: 'Initialized', status: 'True' },
      { type: 'Ready', status: 'True' },
    ],
    podIP: '1.2.3.4',
    podIPs: [{ ip: '1.2.3.4' }],
    initContainerStatuses: [cs('s', { started: true, ready: true, state: run, restartCount: 1 })],
    containerStatuses: [
      cs('c', {
        ready: true,
        state: run,
        restartCount: 3,
        lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-02T00:00:00Z' } },
      }),
      cs('d', { state: { waiting: { reason: 'ImagePullBackOff' } } }),
    ],
  },
  {
    phase: 'Running',
    conditions: [
      { type: 'Initialized', status: 'True' },
      { type: 'Ready', status: 'True' },
    ],
    initContainerStatuses: [cs('s', { started: true, ready: true, state: run })],
    containerStatuses: [
      cs('c', { ready: true, state: run }),
      cs('d', { state: { terminated: { exitCode: 0, reason: 'Completed' } } }),
    ],
  },
  {
    phase: 'Running',
    initContainerStatuses: [cs('s', { started: true, ready: true, state: run })],
    containerStatuses: [
      cs('c', { state: { terminated: { exitCode: 9, signal: 9 } } }),
      cs('d', { ready: true, state: run }),
    ],
  },
  { phase: 'Failed', reason: 'Evicted' },
  {
    phase: 'Succeeded',
    initContainerStatuses: null,
    containerStatuses: [cs('c', { state: { terminated: { exitCode: 0, reason: 'Completed' } } })],
  },
];
