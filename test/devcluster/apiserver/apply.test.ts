/** Server-side apply over HTTPS: ownership, conflicts, force, subresources, no flapping. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifies } from '../../requirements.ts';
import {
  startServer,
  statefulSet,
  STATEFULSETS,
  type Body,
  type Endpoint,
  type Reply,
} from './fixture.ts';

const APPLY = { contentType: 'application/apply-patch+yaml' };

function apply(server: Endpoint, path: string, body: Body, query: string): Promise<Reply> {
  return server.call('PATCH', `${path}?${query}`, body, APPLY);
}

test(verifies('devcluster.api-apply'), async (context) => {
  const server = await startServer(context);
  const path = `${STATEFULSETS}/db`;
  const created = await apply(server, path, statefulSet('db'), 'fieldManager=operator');
  assert.equal(created.status, 201);
  assert.equal(created.body.metadata.managedFields[0].operation, 'Apply');
  const mine = statefulSet('db');
  mine.spec.replicas = 5;
  const refused = await apply(server, path, mine, 'fieldManager=person');
  assert.equal(refused.status, 409);
  assert.equal(refused.body.reason, 'Conflict');
  assert.deepEqual(refused.body.details.causes, [
    {
      reason: 'FieldManagerConflict',
      message: 'conflict with "operator"',
      field: '.spec.replicas',
    },
  ]);
  const forced = await apply(server, path, mine, 'fieldManager=person&force=true');
  assert.equal(forced.body.spec.replicas, 5);
  const owners = forced.body.metadata.managedFields.filter(
    (entry: Body) => entry.fieldsV1['f:spec']['f:replicas'] !== undefined,
  );
  assert.deepEqual(
    owners.map((entry: Body) => entry.manager),
    ['person'],
  );
});

test('applying the same again changes nothing, also with defaults and quantities in between', async (context) => {
  const server = await startServer(context);
  const path = `${STATEFULSETS}/db`;
  const wanted = statefulSet('db');
  wanted.spec.template.spec.containers[0].resources = {
    requests: { cpu: '0.5', memory: '1024Mi' },
  };
  wanted.spec.template.spec.containers[0].ports = [{ containerPort: 80 }];
  wanted.spec.volumeClaimTemplates = [
    {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  ];
  const first = await apply(server, path, wanted, 'fieldManager=operator&force=true');
  assert.equal(first.status, 201, JSON.stringify(first.body));
  await server.call(
    'PATCH',
    `${path}/status`,
    { status: { replicas: 1 } },
    {
      contentType: 'application/merge-patch+json',
    },
  );
  const second = await apply(server, path, wanted, 'fieldManager=operator&force=true');
  const third = await apply(server, path, wanted, 'fieldManager=operator&force=true');
  assert.equal(second.body.metadata.generation, 1);
  assert.equal(second.body.metadata.resourceVersion, third.body.metadata.resourceVersion);
  assert.deepEqual(second.body.spec, first.body.spec);
});

test('a field that is no longer applied goes, unless somebody else has it too', async (context) => {
  const server = await startServer(context);
  const path = '/api/v1/namespaces/default/configmaps/a';
  const map = (data: Record<string, string>): Body => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a' },
    data,
  });
  await apply(server, path, map({ x: '1', y: '2', z: '3' }), 'fieldManager=one');
  await apply(server, path, map({ y: '2' }), 'fieldManager=two');
  const after = await apply(server, path, map({ x: '1' }), 'fieldManager=one');
  assert.deepEqual(after.body.data, { x: '1', y: '2' });
});

test('apply needs a manager, refuses managedFields, and /status is applied on its own', async (context) => {
  const server = await startServer(context);
  const path = `${STATEFULSETS}/db`;
  const nobody = await apply(server, path, statefulSet('db'), '');
  assert.equal(nobody.status, 422);
  assert.match(nobody.body.message, /fieldManager: Required value: is required for apply patch/);
  const made = await apply(server, path, statefulSet('db'), 'fieldManager=operator');
  const again = statefulSet('db');
  again.metadata.managedFields = made.body.metadata.managedFields;
  assert.equal((await apply(server, path, again, 'fieldManager=operator')).status, 400);
  const status = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db' },
    status: { replicas: 2 },
  };
  const applied = await apply(server, `${path}/status`, status, 'fieldManager=controller');
  assert.equal(applied.body.status.replicas, 2);
  const entry = applied.body.metadata.managedFields.find(
    (one: Body) => one.manager === 'controller',
  );
  assert.equal(entry.subresource, 'status');
});
