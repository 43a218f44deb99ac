/** A token at the API: who its holder is, and what he may do as roles come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifies } from '../../requirements.ts';
import { startServer, type Body } from './fixture.ts';

const DEFAULT = '/api/v1/namespaces/default';
const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';

test(verifies('devcluster.token-access'), async (context) => {
  const server = await startServer(context);
  const issued = await server.call('POST', `${DEFAULT}/serviceaccounts/default/token`, {});
  const headers = { authorization: `Bearer ${issued.body.status.token}` };
  const as = (method: string, path: string, body?: Body) =>
    server.call(method, path, body, { headers, anonymous: true });
  const self = await as('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
  assert.equal(self.body.status.userInfo.username, 'system:serviceaccount:default:default');
  assert.equal((await as('GET', `${DEFAULT}/pods`)).status, 403);
  await server.call('POST', `${RBAC}/roles`, {
    metadata: { name: 'read' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
  });
  await server.call('POST', `${RBAC}/rolebindings`, {
    metadata: { name: 'read' },
    roleRef: { kind: 'Role', name: 'read' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
  });
  assert.equal((await as('GET', `${DEFAULT}/pods`)).status, 200);
  assert.equal((await as('GET', `${DEFAULT}/pods?watch=1`)).status, 403);
  assert.equal((await as('GET', '/api/v1/pods')).status, 403);
  assert.equal((await as('DELETE', `${DEFAULT}/pods`)).status, 403);
  await server.call('DELETE', `${RBAC}/rolebindings/read`);
  assert.equal((await as('GET', `${DEFAULT}/pods`)).status, 403);
  await server.call('DELETE', `${DEFAULT}/serviceaccounts/default`);
  assert.equal((await as('GET', '/version')).status, 401);
});
