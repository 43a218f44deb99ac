/** One or two requests for every other built-in kind that a program of ours touches. */
import { configMap } from '../fixture.ts';
import { DEFAULT, MERGE, STRATEGIC, type Chapter } from './chapter.ts';

const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';

export const others: Chapter = async (call) => {
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
  const policies = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';
  await call('POST', policies, { metadata: { name: 'p' }, spec: { podSelector: {} } });
  const rule = { from: [{ podSelector: {} }], ports: [{ port: 80 }, { protocol: 'UDP' }] };
  const [ingress, egress] = [[{}, rule], [{ to: [], ports: [{ port: 'dns' }] }]];
  await call('PUT', `${policies}/p`, {
    metadata: { name: 'p' },
    spec: { podSelector: {}, ingress },
  });
  await call('POST', policies, { metadata: { name: 'q' }, spec: { podSelector: {}, egress } });
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
