/** Acting as somebody else: who one is then, who may, and in which words it is refused. */
import type { Body, Reply } from '../fixture.ts';
import { DEFAULT, type Chapter } from './chapter.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const AUTHENTICATION = '/apis/authentication.k8s.io/v1';
const REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
const DEPUTY = 'system:serviceaccount:default:deputy';

type Headers = Readonly<Record<string, string | string[]>>;

export const impersonation: Chapter = async (call, until) => {
  const whoIs = (headers: Headers): Promise<Reply> =>
    call('POST', `${AUTHENTICATION}/selfsubjectreviews`, {}, { headers });
  await whoIs({ 'impersonate-user': 'ann' });
  await whoIs({ 'impersonate-user': 'ann', 'impersonate-group': ['team', 'system:masters'] });
  await whoIs({ 'impersonate-user': 'ann', 'impersonate-group': ['system:authenticated', 'team'] });
  await whoIs({ 'impersonate-user': 'ann', 'impersonate-group': 'system:unauthenticated' });
  await whoIs({ 'impersonate-user': 'ann', 'impersonate-uid': 'u-1' });
  await whoIs({
    ...{ 'impersonate-user': 'ann', 'impersonate-group': 'system:masters' },
    ...{
      'impersonate-extra-scopes': ['read', 'write'],
      'Impersonate-Extra-Acme.com%2FDept': 'a b',
    },
  });
  await whoIs({ 'impersonate-user': 'ann', 'impersonate-extra-broken%2': 'x' });
  for (const group of [{}, { 'impersonate-group': 'system:masters' }]) {
    await whoIs({ 'impersonate-user': 'system:anonymous', ...group });
    await whoIs({ 'impersonate-user': DEPUTY, ...group });
  }
  await whoIs({ 'impersonate-user': 'system:serviceaccount:default:NoName' });
  await whoIs({ 'impersonate-group': ['team', 'others'] });
  await whoIs({ 'impersonate-uid': 'u-1' });
  await whoIs({ 'impersonate-extra-scopes': 'read' });
  const asAnn = { headers: { 'impersonate-user': 'ann' } };
  await call('GET', `${DEFAULT}/pods`, undefined, asAnn);
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'anns' } }, asAnn);
  await call('GET', '/elsewhere', undefined, asAnn);

  const rules = [
    { apiGroups: [''], resources: ['users'], resourceNames: ['ann'], verbs: ['impersonate'] },
    { apiGroups: [''], resources: ['groups'], resourceNames: ['team'], verbs: ['impersonate'] },
    { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['impersonate'] },
    {
      apiGroups: ['authentication.k8s.io'],
      resources: ['userextras/scopes'],
      verbs: ['impersonate'],
    },
  ];
  await call('POST', `${RBAC}/clusterroles`, { metadata: { name: 'deputies' }, rules });
  await call('POST', `${RBAC}/clusterrolebindings`, {
    metadata: { name: 'deputies' },
    roleRef: { kind: 'ClusterRole', name: 'deputies', apiGroup: 'rbac.authorization.k8s.io' },
    subjects: [{ kind: 'ServiceAccount', name: 'deputy', namespace: 'default' }],
  });
  const asked = { verb: 'impersonate', resource: 'users', name: 'ann' };
  const spec: Body = { user: DEPUTY, resourceAttributes: asked };
  await until(REVIEWS, { spec }, ({ body }) => body.status.allowed === true);
  await call('POST', `${DEFAULT}/serviceaccounts`, { metadata: { name: 'deputy' } });
  const { body } = await call('POST', `${DEFAULT}/serviceaccounts/deputy/token`, {});
  const token = { authorization: `Bearer ${body.status.token}` };
  const deputy = (headers: Headers): Promise<Reply> =>
    call(
      'POST',
      `${AUTHENTICATION}/selfsubjectreviews`,
      {},
      {
        headers: { ...token, ...headers },
        anonymous: true,
      },
    );
  await deputy({ 'impersonate-user': '' });
  await deputy({ 'impersonate-user': 'ann' });
  await deputy({ 'impersonate-user': 'bob' });
  await deputy({ 'impersonate-user': 'ann', 'impersonate-group': 'team' });
  await deputy({ 'impersonate-user': 'ann', 'impersonate-group': ['team', 'system:masters'] });
  await deputy({ 'impersonate-user': DEPUTY });
  await deputy({ 'impersonate-user': 'system:serviceaccount:kube-system:other' });
  await deputy({ 'impersonate-user': 'ann', 'impersonate-extra-scopes': 'read' });
  await deputy({ 'impersonate-user': 'ann', 'impersonate-extra-others': 'read' });
  await deputy({ 'impersonate-user': 'ann', 'impersonate-uid': 'u-1' });
  const nobody = { headers: { 'impersonate-user': 'ann' }, anonymous: true };
  await call('GET', '/version', undefined, nobody);
};
