/** The same requests for any Kubernetes API: what ours and a real one answer is compared, reply by reply. */
import {
  configMap,
  pod,
  statefulSet,
  STATEFULSETS,
  widget,
  widgetDefinition,
  WIDGETS,
  type Body,
  type Endpoint,
  type Reply,
} from './fixture.ts';

export interface Exchange {
  readonly request: string;
  readonly status: number;
  readonly body: Body;
}

const DEFAULT = '/api/v1/namespaces/default';
const MERGE = { contentType: 'application/merge-patch+json' };
const JSON_PATCH = { contentType: 'application/json-patch+json' };
const STRATEGIC = { contentType: 'application/strategic-merge-patch+json' };
const APPLY = { contentType: 'application/apply-patch+yaml' };

type Call = Endpoint['call'];
type Chapter = (call: Call) => Promise<void>;

/** Holds every conversation with `endpoint` and returns all replies, without what differs from run to run. */
export async function converse(endpoint: Endpoint, only?: string): Promise<Exchange[]> {
  const exchanges: Exchange[] = [];
  const call: Call = async (method, path, body, options) => {
    const reply = await endpoint.call(method, path, body, options);
    const sent = body === undefined ? '' : ` ${JSON.stringify(body).slice(0, 300)}`;
    exchanges.push({
      request: `${method} ${path.replace(/continue=.*/, 'continue=<continue>')}${sent}`,
      status: reply.status,
      body: normalized(reply.body),
    });
    return reply;
  };
  for (const [name, chapter] of Object.entries(CHAPTERS)) {
    if (only === undefined || only === name) await chapter(call);
  }
  return exchanges;
}

const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const ADDRESS = /10\.96\.\d+\.\d+/g;

/** What differs from run to run, and Go's way to print a value or a difference inside a sentence. */
const TEXTS: readonly (readonly [RegExp, string])[] = [
  [UID, '<uid>'],
  [TIME, '<time>'],
  [ADDRESS, '<address>'],
  [/in record \(\d+\)/g, 'in record (<version>)'],
  [/StorageError: .* AdditionalErrorMsg: /g, ''],
  [/patch: Invalid value: "\{.*\}": /g, 'patch: Invalid value: <object>: '],
  [/^Invalid value: "\{.*\}": /g, 'Invalid value: <object>: '],
  [/Invalid value: \{.*?\}: /g, 'Invalid value: <object>: '],
  [/\n@@ [^]*$/g, ''],
];

/** Takes out ids, instants, versions and addresses, and the traces of admission plugins that we do not have. */
function normalized(value: Body, field = ''): Body {
  if (typeof value === 'string') {
    if (field === 'resourceVersion' || field === 'continue') return `<${field}>`;
    return TEXTS.reduce((text, [pattern, name]) => text.replace(pattern, name), value);
  }
  if (typeof value === 'number') return field === 'nodePort' ? '<port>' : value;
  if (Array.isArray(value)) return normalizedList(value, field);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key, member]) => !isLeftOut(key, member, value))
    .map(([key, member]) => [key, normalized(member, key)] as const);
  return Object.fromEntries(entries);
}

/** Causes come in the order of Go's maps, some of them twice; managers in the order of their times. */
function normalizedList(list: readonly Body[], field: string): Body[] {
  const items = list.map((item) => normalized(item, field));
  if (field !== 'causes' && field !== 'managedFields') return items;
  const texts = items.map((item) => JSON.stringify(field === 'causes' ? item : managerEntry(item)));
  return [...new Set(texts)].toSorted().map((text) => JSON.parse(text) as Body);
}

/** An entry of managedFields without its time, which the real server leaves out after a scale. */
function managerEntry(entry: Body): Body {
  const { manager, operation, apiVersion, subresource = '', fieldsType, fieldsV1 } = entry;
  return { manager, operation, subresource, apiVersion, fieldsType, fieldsV1 };
}

/** The message repeats the causes; a resource's storage hash says nothing about behaviour. */
function isLeftOut(key: string, member: Body, holder: Body): boolean {
  const causes: Body[] = holder.details?.causes ?? [];
  if (key === 'message' && new Set(causes.map((one) => one.message)).size > 1) return true;
  return key === 'storageVersionHash' || isAdmission(key, member);
}

/**
 * StorageObjectInUseProtection and TaintNodesByCondition add what only controllers outside the API server take away
 * again; in the laptop cluster neither exists.
 */
function isAdmission(key: string, value: Body): boolean {
  const text = JSON.stringify(value);
  if (key === 'finalizers') return /^\["kubernetes.io\/pv[c]?-protection"\]$/.test(text);
  return key === 'taints' && text.includes('node.kubernetes.io/not-ready');
}

const deployments = '/apis/apps/v1/namespaces/default/deployments';
const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const fullPodSpec = {
  initContainers: [
    {
      name: 'sidecar',
      image: 'a:1',
      restartPolicy: 'Always',
      startupProbe: { httpGet: { path: '/x', port: 1 } },
    },
  ],
  containers: [
    {
      name: 'main',
      image: 'foo',
      ports: [{ containerPort: 80, name: 'http' }],
      readinessProbe: { httpGet: { port: 'http' } },
      livenessProbe: { tcpSocket: { port: 3 } },
      lifecycle: { preStop: { httpGet: { port: 8 } } },
      env: [
        { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'B', value: '' },
      ],
      resources: { limits: { cpu: 1, memory: '1024Mi' } },
      volumeMounts: [{ name: 's', mountPath: '/s' }],
    },
  ],
  volumes: [
    { name: 's', secret: { secretName: 'x' } },
    { name: 'cm', configMap: { name: 'y' } },
    { name: 'e', emptyDir: {} },
    {
      name: 'd',
      downwardAPI: { items: [{ path: 'a', fieldRef: { fieldPath: 'metadata.labels' } }] },
    },
    { name: 'pr', projected: { sources: [{ configMap: { name: 'z' } }] } },
    { name: 'hp', hostPath: { path: '/x' } },
  ],
};

const objects: Chapter = async (call) => {
  const maps = `${DEFAULT}/configmaps`;
  await call('POST', maps, configMap('a', { metadata: { name: 'a', labels: { app: 'x' } } }));
  await call('POST', maps, configMap('a'));
  await call('GET', `${maps}/a`);
  await call('GET', `${maps}/nope`);
  await call('PUT', `${maps}/a`, configMap('a', { data: { c: 'd' } }));
  await call('PUT', `${maps}/a`, { metadata: { name: 'a', resourceVersion: '1' } });
  await call('PUT', `${maps}/a`, { metadata: { name: 'a', uid: 'other' } });
  await call('PUT', `${maps}/b`, configMap('a'));
  await call('PUT', `${maps}/b`, configMap('b'));
  await call('PATCH', `${maps}/a`, { data: { e: 'f' }, metadata: { labels: { x: 'y' } } }, MERGE);
  await call('PATCH', `${maps}/a`, { data: { c: null } }, STRATEGIC);
  await call('PATCH', `${maps}/a`, [{ op: 'add', path: '/data/g', value: 'h' }], JSON_PATCH);
  await call('PATCH', `${maps}/a`, [{ op: 'test', path: '/data/g', value: 'i' }], JSON_PATCH);
  await call('PATCH', `${maps}/a`, [{ op: 'remove', path: '/data/nope' }], JSON_PATCH);
  await call('PATCH', `${maps}/a`, { metadata: { name: 'b' } }, MERGE);
  await call('PATCH', `${maps}/a`, { metadata: { uid: 'b' } }, MERGE);
  await call('PATCH', `${maps}/a`, { metadata: { resourceVersion: '1' } }, MERGE);
  await call('PATCH', `${maps}/a`, { metadata: { finalizers: ['x'] } }, MERGE);
  await call('PATCH', `${maps}/a`, { immutable: true }, MERGE);
  await call('PATCH', `${maps}/a`, { data: { z: 'z' } }, MERGE);
  await call('PATCH', `${maps}/a`, {}, { contentType: 'application/json' });
  await call('PATCH', `${maps}/nope`, {}, MERGE);
  await call('POST', maps, { metadata: { name: 'X_' } });
  await call('POST', maps, { metadata: {} });
  await call('POST', maps, { metadata: { name: 'x', namespace: 'other' } });
  await call('POST', maps, { metadata: { name: 'x', resourceVersion: '5' } });
  await call('POST', maps, {
    metadata: { name: 'x', labels: { 'a b': 'c', 'a/b/c': 'd', e: '_f' } },
  });
  await call('POST', maps, { metadata: { name: 'x', annotations: { 'a b': 'c' } } });
  await call('POST', maps, { metadata: { name: 'x' }, data: { 'a/b': 'c' } });
  await call('POST', maps, { metadata: { name: 'x' }, data: { a: 5 } });
  await call('POST', `${maps}?fieldValidation=Strict`, { metadata: { name: 'x' }, dataz: {} });
  await call('POST', `${maps}?fieldValidation=Sometimes`, { metadata: { name: 'x' } });
  await call('POST', `${maps}?dryRun=All`, configMap('dry'));
  await call('POST', `${maps}?dryRun=Maybe`, configMap('dry'));
  await call('GET', `${maps}/dry`);
  await call('POST', '/api/v1/namespaces/nowhere/configmaps', configMap('a'));
  await call('DELETE', `${maps}/a`, { preconditions: { uid: 'wrong' } });
  await call('DELETE', `${maps}/a`, { preconditions: { resourceVersion: '1' } });
  await call('DELETE', `${maps}/a`);
  await call('DELETE', `${maps}/a`);
};

const lists: Chapter = async (call) => {
  const secrets = `${DEFAULT}/secrets`;
  for (const name of ['a', 'b', 'c']) {
    await call('POST', secrets, {
      metadata: { name, labels: { app: name } },
      stringData: { k: name },
    });
  }
  const page = await call('GET', `${secrets}?limit=2`);
  await call(
    'GET',
    `${secrets}?limit=2&continue=${encodeURIComponent(page.body.metadata.continue)}`,
  );
  await call('GET', `${secrets}?labelSelector=app%20in%20(a,c)`);
  await call('GET', `${secrets}?labelSelector=app!%3Da&limit=1`);
  await call('GET', `${secrets}?fieldSelector=type%3DOpaque,metadata.name%3Db`);
  await call('GET', `${secrets}?fieldSelector=data.x%3D1`);
  await call('GET', `${secrets}?labelSelector=a%20b`);
  await call('GET', `${secrets}?resourceVersion=abc`);
  await call('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dn');
  await call('GET', '/api/v1/pods?fieldSelector=spec.colour%3Dn');
  await call('PATCH', `${secrets}/a`, { type: 'other' }, MERGE);
  await call('POST', secrets, { metadata: { name: 't' }, type: 'kubernetes.io/tls' });
  await call('GET', `${secrets}/a`, undefined, {
    headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
  });
  await call('DELETE', `${secrets}?labelSelector=app%3Da`);
  await call('GET', secrets);
};

const pods: Chapter = async (call) => {
  const path = `${DEFAULT}/pods`;
  await call('POST', path, pod('full', fullPodSpec));
  await call(
    'POST',
    path,
    pod('host', {
      hostNetwork: true,
      containers: [{ name: 'c', image: 'x@sha256:aa', ports: [{ containerPort: 8080 }] }],
    }),
  );
  await call('POST', path, {
    metadata: { name: 'bad' },
    spec: { containers: [{ name: 'A b', ports: [{ containerPort: 0 }] }] },
  });
  await call('POST', path, {
    metadata: { name: 'bad' },
    spec: {
      containers: [{ name: 'a', image: 'x', volumeMounts: [{ name: 'no', mountPath: '/x' }] }],
    },
  });
  await call('POST', path, {
    metadata: { name: 'bad' },
    spec: {
      containers: [
        { name: 'a', image: 'x' },
        { name: 'a', image: 'x' },
      ],
    },
  });
  await call('POST', path, {
    metadata: { name: 'bad' },
    spec: { containers: [{ name: 'a', image: 'x', livenessProbe: {} }] },
  });
  await call('POST', path, { metadata: { name: 'bad' }, spec: {} });
  await call('POST', path, { metadata: { name: 'bad' }, spec: { containers: 'x' } });
  await call('PATCH', `${path}/full`, { spec: { nodeName: 'n' } }, MERGE);
  await call(
    'PATCH',
    `${path}/full`,
    { spec: { containers: [{ name: 'main', image: 'foo:2' }] } },
    STRATEGIC,
  );
  await call(
    'PATCH',
    `${path}/full/status`,
    {
      status: { phase: 'Running', podIP: '10.244.0.9', podIPs: [{ ip: '10.244.0.9' }] },
      spec: { nodeName: 'x' },
    },
    STRATEGIC,
  );
  await call('POST', `${path}/full/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'full' },
    target: { kind: 'Node', name: 'n1' },
  });
  await call('POST', `${path}/full/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'full' },
    target: { kind: 'Node', name: 'n2' },
  });
  await call('GET', `${path}/full`);
  await call('GET', `${path}/host/log?container=nope`);
  await call('GET', `${path}/host/log`);
  await call('DELETE', `${path}/full`);
  await call('DELETE', `${path}/full`, { gracePeriodSeconds: 2 });
  await call('DELETE', `${path}/full`, { gracePeriodSeconds: 0 });
  await call('GET', `${path}/full`);
  await call('DELETE', `${path}/host`, { propagationPolicy: 'Foreground' });
  await call('DELETE', `${path}/host`, { propagationPolicy: 'Sideways' });
};

const services: Chapter = async (call) => {
  const path = `${DEFAULT}/services`;
  await call('POST', path, {
    metadata: { name: 'web' },
    spec: { selector: { a: 'b' }, ports: [{ port: 80 }] },
  });
  await call('POST', path, {
    metadata: { name: 'head' },
    spec: { clusterIP: 'None', ports: [{ port: 80, name: 'a', targetPort: 'http' }] },
  });
  await call('POST', path, {
    metadata: { name: 'peers' },
    spec: {
      clusterIP: 'None',
      selector: { a: 'b' },
      publishNotReadyAddresses: true,
      ports: [{ port: 80 }],
    },
  });
  await call('POST', path, {
    metadata: { name: 'node' },
    spec: { type: 'NodePort', selector: { a: 'b' }, ports: [{ port: 80 }] },
  });
  await call('POST', path, { metadata: { name: 'none' }, spec: {} });
  await call('POST', path, {
    metadata: { name: 'two' },
    spec: { ports: [{ port: 80 }, { port: 81 }] },
  });
  await call('POST', path, { metadata: { name: '1two' }, spec: { ports: [{ port: 80 }] } });
  await call('POST', path, { metadata: { name: 'big' }, spec: { ports: [{ port: 70_000 }] } });
  await call('PUT', `${path}/web`, { metadata: { name: 'web' }, spec: { ports: [{ port: 81 }] } });
  await call(
    'PATCH',
    `${path}/web`,
    { spec: { clusterIP: '10.96.77.77', clusterIPs: ['10.96.77.77'] } },
    MERGE,
  );
  await call(
    'PATCH',
    `${path}/web/status`,
    { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } },
    MERGE,
  );
  await call('DELETE', `${path}/web`);
  const slice = (name: string, address: string): Body => ({
    metadata: { name },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ port: 80, name: 'http' }],
  });
  await call('POST', slices, slice('s1', '10.244.0.1'));
  await call('POST', slices, slice('s2', '127.0.0.1'));
  await call('POST', slices, slice('s2', 'nonsense'));
  await call('POST', slices, { metadata: { name: 's2' }, endpoints: [] });
  await call('PATCH', `${slices}/s1`, { endpoints: [{ addresses: ['10.244.0.2'] }] }, MERGE);
  await call('PATCH', `${slices}/s1`, { addressType: 'IPv6' }, MERGE);
  await call('POST', `${DEFAULT}/endpoints`, {
    metadata: { name: 'e' },
    subsets: [{ addresses: [{ ip: '10.244.0.1' }], ports: [{ port: 80 }] }],
  });
};

const workloads: Chapter = async (call) => {
  const set = statefulSet('db');
  set.spec.volumeClaimTemplates = [
    {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  ];
  await call('POST', STATEFULSETS, set);
  await call('PATCH', `${STATEFULSETS}/db`, { spec: { replicas: 4 } }, MERGE);
  await call('PATCH', `${STATEFULSETS}/db`, { spec: { serviceName: 'other' } }, MERGE);
  await call('PATCH', `${STATEFULSETS}/db`, { spec: { replicas: -1 } }, MERGE);
  await call('PATCH', `${STATEFULSETS}/db`, { spec: { replicas: 'x' } }, MERGE);
  await call(
    'PATCH',
    `${STATEFULSETS}/db/status`,
    { status: { replicas: 1, currentReplicas: 1 }, spec: { replicas: 9 } },
    MERGE,
  );
  const scale = await call('GET', `${STATEFULSETS}/db/scale`);
  await call('PUT', `${STATEFULSETS}/db/scale`, { ...scale.body, spec: { replicas: 6 } });
  await call('PATCH', `${STATEFULSETS}/db/scale`, { spec: { replicas: 7 } }, MERGE);
  await call('PUT', `${STATEFULSETS}/db/scale`, { ...scale.body, spec: { replicas: 8 } });
  await call('GET', `${STATEFULSETS}/db`);
  const lost = statefulSet('lost');
  lost.spec.template.metadata.labels = { app: 'else' };
  await call('POST', STATEFULSETS, lost);
  await call('POST', STATEFULSETS, { metadata: { name: 'x' }, spec: {} });
  await call('POST', deployments, {
    metadata: { name: 'd' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: {
        metadata: { labels: { a: 'b' } },
        spec: { containers: [{ name: 'c', image: 'x' }] },
      },
    },
  });
  await call(
    'PATCH',
    `${deployments}/d`,
    { spec: { selector: { matchLabels: { a: 'c' } } } },
    MERGE,
  );
  await call(
    'PATCH',
    `${deployments}/d`,
    { spec: { template: { spec: { containers: [{ name: 'e', image: 'y' }] } } } },
    STRATEGIC,
  );
  await call('POST', budgets, {
    metadata: { name: 'p' },
    spec: { maxUnavailable: 1, selector: { matchLabels: { a: 'b' } } },
  });
  await call('POST', budgets, {
    metadata: { name: 'q' },
    spec: { maxUnavailable: 1, minAvailable: 1 },
  });
  await call('PATCH', `${budgets}/p/status`, { status: { disruptionsAllowed: 1 } }, MERGE);
  await call('DELETE', `${STATEFULSETS}/db`, { propagationPolicy: 'Orphan' });
  await call(
    'PATCH',
    `${STATEFULSETS}/db`,
    { metadata: { finalizers: ['a.b/c', 'orphan'] } },
    MERGE,
  );
  await call('PATCH', `${STATEFULSETS}/db`, { metadata: { finalizers: null } }, MERGE);
  await call('GET', `${STATEFULSETS}/db`);
};

const others: Chapter = async (call) => {
  await call('POST', leases, {
    metadata: { name: 'l' },
    spec: { holderIdentity: 'a', leaseDurationSeconds: 15 },
  });
  await call('PUT', `${leases}/l`, { metadata: { name: 'l' }, spec: {} });
  await call('POST', leases, { metadata: { name: 'm' }, spec: { leaseDurationSeconds: 0 } });
  const claims = `${DEFAULT}/persistentvolumeclaims`;
  await call('POST', claims, {
    metadata: { name: 'c' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1024Mi' } } },
  });
  await call('POST', claims, { metadata: { name: 'd' }, spec: {} });
  await call('PATCH', `${claims}/c`, { spec: { accessModes: ['ReadWriteMany'] } }, MERGE);
  await call('PATCH', `${claims}/c/status`, { status: { phase: 'Bound' } }, MERGE);
  await call('POST', '/api/v1/persistentvolumes', {
    metadata: { name: 'v' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      hostPath: { path: '/x' },
    },
  });
  await call('POST', '/apis/storage.k8s.io/v1/storageclasses', {
    metadata: { name: 'fast' },
    provisioner: 'x/y',
  });
  await call('POST', '/api/v1/nodes', { metadata: { name: 'n1', labels: { zone: 'a' } } });
  await call(
    'PATCH',
    '/api/v1/nodes/n1/status',
    {
      status: {
        capacity: { cpu: '2', memory: '4Gi' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    },
    STRATEGIC,
  );
  await call('POST', `${DEFAULT}/serviceaccounts`, { metadata: { name: 'robot' } });
  await call('POST', `${DEFAULT}/events`, {
    metadata: { name: 'e', namespace: 'default' },
    involvedObject: { kind: 'Pod', name: 'x', namespace: 'default' },
    reason: 'R',
    message: 'm',
    type: 'Normal',
  });
  await call('POST', '/apis/events.k8s.io/v1/namespaces/default/events', {
    metadata: { name: 'f' },
    regarding: { kind: 'Pod', name: 'x', namespace: 'default' },
    reason: 'R',
    note: 'n',
    type: 'Normal',
    action: 'A',
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'example.com/c',
    reportingInstance: 'i',
  });
  await call('GET', `${DEFAULT}/events/f`);
  await call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata: { name: 'a:b' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  });
  await call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'b' },
    roleRef: { kind: 'ClusterRole', name: 'a:b', apiGroup: 'rbac.authorization.k8s.io' },
    subjects: [{ kind: 'User', name: 'u' }],
  });
  await call(
    'PATCH',
    '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/b',
    { roleRef: { name: 'other' } },
    MERGE,
  );
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'team' } });
  await call('DELETE', '/api/v1/namespaces/team');
  await call('POST', '/api/v1/namespaces/team/configmaps', configMap('a'));
  const live = await call('GET', '/api/v1/namespaces/team');
  await call('PUT', '/api/v1/namespaces/team/finalize', { ...live.body, spec: {} });
  await call('GET', '/api/v1/namespaces/team');
};

const apply: Chapter = async (call) => {
  const path = `${STATEFULSETS}/web`;
  await call('PATCH', `${path}?fieldManager=one`, statefulSet('web'), APPLY);
  await call('PATCH', `${path}?fieldManager=one`, statefulSet('web'), APPLY);
  const mine = statefulSet('web');
  mine.spec.replicas = 9;
  mine.spec.template.spec.containers[0].image = 'other:1';
  await call('PATCH', `${path}?fieldManager=two`, mine, APPLY);
  await call('PATCH', `${path}?fieldManager=two&force=true`, mine, APPLY);
  await call('PATCH', path, mine, APPLY);
  await call(
    'PATCH',
    `${path}?fieldManager=two`,
    { ...mine, metadata: { name: 'web', managedFields: [] } },
    APPLY,
  );
  await call(
    'PATCH',
    `${path}/status?fieldManager=three`,
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'web' },
      status: { replicas: 3 },
    },
    APPLY,
  );
  const less = statefulSet('web');
  delete less.spec.replicas;
  await call('PATCH', `${path}?fieldManager=one&force=true`, less, APPLY);
  await call(
    'PATCH',
    `${path}?fieldManager=kubectl`,
    { metadata: { annotations: { a: 'b' } } },
    MERGE,
  );
  await call('GET', path);
};

async function untilEstablished(call: Call): Promise<void> {
  for (;;) {
    const { body } = await call('GET', `${definitions}/widgets.example.com`);
    const conditions: Body[] = body.status.conditions ?? [];
    if (conditions.some((one) => one.type === 'Established' && one.status === 'True')) return;
  }
}

/** The real server needs a moment more between `Established` and serving. */
async function untilServed(endpoint: Call): Promise<Reply> {
  for (;;) {
    const reply = await endpoint('GET', WIDGETS);
    if (reply.status === 200) return reply;
  }
}

const custom: Chapter = async (call) => {
  await call('POST', WIDGETS, widget('a', { colour: 'blue' }));
  await call('POST', WIDGETS, widget('a'));
  await call('POST', WIDGETS, widget('b', { replicas: 2 }));
  await call('POST', WIDGETS, widget('b', { replicas: 'many', size: 'M' }));
  await call('POST', WIDGETS, widget('b', { replicas: -1 }));
  await call('POST', `${WIDGETS}?fieldValidation=Strict`, widget('b', { colour: 'blue' }));
  await call('POST', WIDGETS, { ...widget('b', { replicas: 1 }), kind: 'Other' });
  await call('POST', WIDGETS, { ...widget('b'), apiVersion: 'example.com/v2' });
  await call('PUT', `${WIDGETS}/a`, widget('a'));
  await call('PATCH', `${WIDGETS}/a`, { spec: { fixed: 'x' } }, MERGE);
  await call('PATCH', `${WIDGETS}/a`, { spec: { fixed: 'y' } }, MERGE);
  await call('PATCH', `${WIDGETS}/a?fieldValidation=Strict`, { spec: { colour: 'y' } }, MERGE);
  await call('PATCH', `${WIDGETS}/a`, {}, STRATEGIC);
  await call(
    'PATCH',
    `${WIDGETS}/a/status`,
    { status: { replicas: 3 }, spec: { replicas: 5 }, metadata: { labels: { a: 'b' } } },
    MERGE,
  );
  await call('GET', `${WIDGETS}/a/scale`);
  await call('PATCH', `${WIDGETS}/a/scale`, { spec: { replicas: 5 } }, MERGE);
  await call('PATCH', `${WIDGETS}/a/scale`, { spec: { replicas: 4 } }, MERGE);
  await call('PATCH', `${WIDGETS}/z?fieldManager=op`, widget('z', { replicas: 1 }), APPLY);
  await call('PATCH', `${WIDGETS}/z?fieldManager=other`, widget('z', { replicas: 3 }), APPLY);
  await call(
    'PATCH',
    `${WIDGETS}/z/status?fieldManager=op`,
    {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'z' },
      status: { replicas: 1 },
    },
    APPLY,
  );
  await call('GET', WIDGETS);
  await call('GET', `${WIDGETS}?fieldSelector=spec.x%3D1`);
  await call('GET', WIDGETS, undefined, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  await call('GET', '/apis/example.com/v1');
  await call('GET', '/apis/example.com');
  await call('DELETE', `${WIDGETS}/a`);
  await call('DELETE', `${WIDGETS}/nope`);
};

/** Groups of which both serve the same resources, and things that are no resource. */
const discovery: Chapter = async (call) => {
  const groups = ['policy', 'apiextensions.k8s.io', 'coordination.k8s.io', 'discovery.k8s.io'];
  for (const group of [...groups, 'events.k8s.io', 'rbac.authorization.k8s.io']) {
    await call('GET', `/apis/${group}`);
    await call('GET', `/apis/${group}/v1`);
  }
  await call('GET', '/apis/apps');
  for (const path of ['/apis/nope', '/apis/apps/v9', '/apis/apps/v1/nope', '/nope', '/healthz']) {
    await call('GET', path);
  }
  await call('GET', '/api/v1/pods/x');
  await call('GET', '/api/v1/namespaces/default/nodes');
  await call('GET', '/apis/apps/v1/namespaces/default/statefulsets/x/nope');
  await call('POST', '/api/v1/configmaps', {});
  await call('PUT', '/api/v1/namespaces/default/configmaps', {});
  await call('DELETE', '/api/v1/namespaces');
  await call('GET', '/api/v1/namespaces/nowhere/pods');
};

const CHAPTERS: Readonly<Record<string, Chapter>> = {
  objects,
  lists,
  pods,
  services,
  workloads,
  others,
  apply,
  custom,
  discovery,
};

/** Installs what the chapters about custom resources need and waits until it is served. */
export async function prepare(endpoint: Endpoint): Promise<void> {
  const call: Call = (...args) => endpoint.call(...args);
  await call('POST', definitions, widgetDefinition);
  await untilEstablished(call);
  await untilServed(call);
}
