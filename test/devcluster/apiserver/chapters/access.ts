/** Who may do what: roles, bindings, reviews of access, and refusals. */
import type { Body, Reply } from '../fixture.ts';
import { DEFAULT, type Chapter } from './chapter.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const REVIEWS = '/apis/authorization.k8s.io/v1';

const role = (name: string, ...rules: Body[]): Body => ({ metadata: { name }, rules });
const binding = (name: string, kind: string, to: string, ...subjects: Body[]): Body => ({
  metadata: { name },
  roleRef: { kind, name: to, apiGroup: 'rbac.authorization.k8s.io' },
  subjects,
});
const robot = { kind: 'ServiceAccount', name: 'reader', namespace: 'default' };

export const access: Chapter = async (call, until) => {
  const core = { apiGroups: [''], verbs: ['get', 'list'] };
  const one = { apiGroups: [''], resources: ['secrets'], resourceNames: ['mine'], verbs: ['get'] };
  const read = role('read', { ...core, resources: ['pods', 'pods/log', '*/scale'] });
  await call('POST', `${RBAC}/clusterroles`, read);
  const metrics = { verbs: ['get'], nonResourceURLs: ['/metrics', '/custom/*'] };
  await call('POST', `${RBAC}/clusterroles`, role('probe', metrics));
  await call('POST', `${RBAC}/namespaces/default/roles`, role('secret', one));
  const team = { kind: 'Group', name: 'team', apiGroup: 'rbac.authorization.k8s.io' };
  const somebody = { kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' };
  const cluster = `${RBAC}/clusterrolebindings`;
  const local = `${RBAC}/namespaces/default/rolebindings`;
  await call('POST', cluster, binding('probes', 'ClusterRole', 'probe', somebody));
  await call('POST', local, binding('secrets', 'Role', 'secret', robot));
  await call('POST', local, binding('pods', 'ClusterRole', 'read', robot, team));
  await call('POST', local, binding('gone', 'Role', 'not-there', somebody));

  const ask = (spec: Body) => call('POST', `${REVIEWS}/subjectaccessreviews`, { spec });
  const may = (user: string, resource: string, more: Body = {}) => {
    const resourceAttributes = { verb: 'get', namespace: 'default', resource, ...more };
    return ask({ user, ...(user === 'bob' && { groups: ['team'] }), resourceAttributes });
  };
  const reader = 'system:serviceaccount:default:reader';
  const isAllowed = ({ body }: Reply): boolean => body.status.allowed === true;
  const inForce = (spec: Body, is: (reply: Reply) => boolean): Promise<void> =>
    until(`${REVIEWS}/subjectaccessreviews`, { spec }, is);
  const get = { verb: 'get', namespace: 'default' };
  const secret = { ...get, resource: 'secrets', name: 'mine' };
  const somePods = { ...get, resource: 'pods' };
  const probes = { verb: 'get', path: '/metrics' };
  await inForce({ user: 'ann', nonResourceAttributes: probes }, isAllowed);
  await inForce({ user: reader, resourceAttributes: secret }, isAllowed);
  await inForce({ user: reader, resourceAttributes: somePods }, isAllowed);
  const isTold = ({ body }: Reply): boolean => body.status.reason !== undefined;
  await inForce({ user: 'ann', resourceAttributes: somePods }, isTold);
  await may(reader, 'pods');
  await may(reader, 'pods', { verb: 'list' });
  await may(reader, 'pods', { verb: 'delete' });
  await may(reader, 'pods', { subresource: 'log' });
  await may(reader, 'pods', { subresource: 'exec' });
  await may(reader, 'deployments', { subresource: 'scale' });
  await may(reader, 'pods', { namespace: 'kube-system' });
  await ask({ user: reader, resourceAttributes: { verb: 'get', resource: 'pods' } });
  await may(reader, 'pods', { group: 'apps' });
  await may(reader, 'secrets', { name: 'mine' });
  await may(reader, 'secrets', { name: 'yours' });
  await may(reader, 'secrets');
  await may('bob', 'pods');
  await may('ann', 'pods');
  for (const path of ['/metrics', '/custom/x', '/custom', '/elsewhere', '/healthz'])
    await ask({ user: 'ann', nonResourceAttributes: { verb: 'get', path } });
  const known = { user: 'eve', groups: ['system:authenticated'] };
  await ask({ ...known, nonResourceAttributes: { verb: 'post', path: '/api' } });
  await ask({ ...known, resourceAttributes: { verb: 'create', resource: 'tokenreviews' } });
  await ask({ user: 'root', groups: ['system:masters'], resourceAttributes: { verb: '*' } });
  await ask({ resourceAttributes: { verb: 'get' } });
  await ask({ user: 'ann' });
  const both = { resourceAttributes: { verb: 'get' }, nonResourceAttributes: { verb: 'get' } };
  await ask({ user: 'ann', ...both });
  const localReviews = `${REVIEWS}/namespaces/default/localsubjectaccessreviews`;
  const pods = { verb: 'get', resource: 'pods' };
  const attributes = (namespace: string): Body => ({ ...pods, namespace });
  await call('POST', localReviews, {
    metadata: { namespace: 'default' },
    spec: { user: reader, resourceAttributes: attributes('default') },
  });
  await call('POST', localReviews, {
    metadata: { namespace: 'default' },
    spec: { user: reader, resourceAttributes: attributes('other') },
  });
  await call('POST', `${REVIEWS}/selfsubjectaccessreviews`, {
    spec: { resourceAttributes: pods },
  });
  await asReader(call);
};

/** The same user by a token: what is refused, and in which words. */
async function asReader(call: Parameters<Chapter>[0]): Promise<void> {
  await call('POST', `${DEFAULT}/serviceaccounts`, { metadata: { name: 'reader' } });
  const { body } = await call('POST', `${DEFAULT}/serviceaccounts/reader/token`, {});
  const headers = { authorization: `Bearer ${body.status.token}` };
  const as = (method: string, path: string, sent?: Body, contentType = 'application/json') =>
    call(method, path, sent, { headers, anonymous: true, contentType });
  await as('GET', `${DEFAULT}/pods/none`);
  await as('GET', '/api/v1/pods');
  await as('GET', '/api/v1/nodes/n?x=1');
  await as('GET', `${DEFAULT}/secrets/mine`);
  await as('GET', `${DEFAULT}/secrets`);
  await as('GET', `${DEFAULT}/secrets?fieldSelector=metadata.name%3Dmine`);
  await as('POST', `${DEFAULT}/pods`, {});
  await as('DELETE', `${DEFAULT}/pods`);
  await as('PATCH', `${DEFAULT}/pods/x`, {}, 'application/apply-patch+yaml');
  await as('GET', `${DEFAULT}/pods/x/log`);
  await as('POST', `${DEFAULT}/pods/x/eviction`, {});
  await as('PATCH', '/apis/apps/v1/namespaces/default/statefulsets/x/status', {});
  await as('GET', '/apis/apps/v1/namespaces/default/unheard');
  await as('GET', '/api/v1/namespaces/default');
  await as('GET', '/api/v1/namespaces');
  await as('GET', '/metrics');
  await as('GET', '/livez');
  await as('GET', '/apis/coordination.k8s.io/v1');
  await as('POST', `${REVIEWS}/selfsubjectaccessreviews`, {
    spec: { resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } },
  });
  await as('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
  const wrong = { authorization: 'Bearer neither' };
  await call('GET', '/version', undefined, { headers: wrong, anonymous: true });
}
