/** Create, read, replace, patch: versions, names, refusals, dry run, field validation. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { verifies } from '../../requirements.ts';
import {
  configMap,
  connect,
  pod,
  startServer,
  statefulSet,
  STATEFULSETS,
  testMaterial,
} from './fixture.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const MERGE = { contentType: 'application/merge-patch+json' };

test('a created object has uid, version, creation time, and is read back as it was answered', async (context) => {
  const server = await startServer(context);
  const made = await server.call('POST', MAPS, configMap('a'));
  assert.equal(made.status, 201);
  assert.match(made.body.metadata.uid, /^[0-9a-f-]{36}$/);
  assert.match(made.body.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(made.body.metadata.namespace, 'default');
  const [entry] = made.body.metadata.managedFields;
  assert.equal(entry.manager, 'tester');
  assert.equal(entry.operation, 'Update');
  const read = await server.call('GET', `${MAPS}/a`);
  assert.deepEqual(read.body, made.body);
});

test(verifies('devcluster.api-conflict'), async (context) => {
  const server = await startServer(context);
  const made = await server.call('POST', MAPS, configMap('a'));
  const changed = await server.call('PUT', `${MAPS}/a`, { ...made.body, data: { a: 'c' } });
  assert.equal(changed.status, 200);
  const stale = await server.call('PUT', `${MAPS}/a`, { ...made.body, data: { a: 'd' } });
  assert.equal(stale.status, 409);
  assert.deepEqual(stale.body, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message:
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    reason: 'Conflict',
    details: { name: 'a', kind: 'configmaps' },
    code: 409,
  });
  const patched = await server.call(
    'PATCH',
    `${MAPS}/a`,
    { metadata: { resourceVersion: made.body.metadata.resourceVersion }, data: { a: 'e' } },
    MERGE,
  );
  assert.equal(patched.status, 409);
  assert.equal((await server.call('GET', `${MAPS}/a`)).body.data.a, 'c');
  const again = await server.call('POST', MAPS, configMap('a'));
  assert.equal(again.body.reason, 'AlreadyExists');
});

test('two writers with one version: exactly one wins', async (context) => {
  const server = await startServer(context);
  const { body } = await server.call('POST', MAPS, configMap('a'));
  const writes = ['x', 'y', 'z'].map((a) =>
    server.call('PUT', `${MAPS}/a`, { ...body, data: { a } }),
  );
  const codes = (await Promise.all(writes)).map((reply) => reply.status).toSorted((a, b) => a - b);
  assert.deepEqual(codes, [200, 409, 409]);
});

test('writing what is already there changes nothing, not even the version', async (context) => {
  const server = await startServer(context);
  const { body } = await server.call('POST', MAPS, configMap('a'));
  const same = await server.call('PUT', `${MAPS}/a`, body);
  assert.deepEqual(same.body, body);
  const merged = await server.call('PATCH', `${MAPS}/a`, { data: { a: 'b' } }, MERGE);
  assert.equal(merged.body.metadata.resourceVersion, body.metadata.resourceVersion);
});

test(verifies('devcluster.api-generation'), async (context) => {
  const server = await startServer(context);
  const set = await server.call('POST', STATEFULSETS, statefulSet('db'));
  assert.equal(set.body.metadata.generation, 1);
  assert.deepEqual(set.body.status, { replicas: 0, availableReplicas: 0 });
  const path = `${STATEFULSETS}/db`;
  const spec = await server.call(
    'PATCH',
    path,
    { spec: { replicas: 3 }, status: { replicas: 9 } },
    MERGE,
  );
  assert.equal(spec.body.metadata.generation, 2);
  assert.equal(spec.body.status.replicas, 0);
  const status = await server.call(
    'PATCH',
    `${path}/status`,
    { spec: { replicas: 7 }, status: { replicas: 3, observedGeneration: 2 } },
    MERGE,
  );
  assert.equal(status.body.metadata.generation, 2);
  assert.equal(status.body.spec.replicas, 3);
  assert.equal(status.body.status.replicas, 3);
  const label = await server.call('PATCH', path, { metadata: { labels: { x: 'y' } } }, MERGE);
  assert.equal(label.body.metadata.generation, 2);
});

test('names are generated, checked, and must agree with the path', async (context) => {
  const server = await startServer(context);
  const generated = await server.call('POST', MAPS, { metadata: { generateName: 'job-' } });
  assert.match(generated.body.metadata.name, /^job-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  const bad = await server.call('POST', MAPS, { metadata: { name: 'Bad_Name' } });
  assert.equal(bad.status, 422);
  assert.equal(bad.body.reason, 'Invalid');
  assert.equal(bad.body.details.causes[0].field, 'metadata.name');
  const label = await server.call('POST', MAPS, {
    metadata: { name: 'a', labels: { 'a b': 'c', d: '-' } },
  });
  assert.deepEqual(
    label.body.details.causes.map((cause: { field: string }) => cause.field),
    ['metadata.labels', 'metadata.labels'],
  );
  const elsewhere = await server.call('POST', MAPS, {
    metadata: { name: 'a', namespace: 'other' },
  });
  assert.equal(elsewhere.status, 400);
  const missing = await server.call(
    'POST',
    '/api/v1/namespaces/nowhere/configmaps',
    configMap('a'),
  );
  assert.equal(missing.body.message, 'namespaces "nowhere" not found');
  const other = await server.call('PUT', `${MAPS}/b`, configMap('a'));
  assert.equal(other.status, 400);
});

test('dry run answers as if and stores nothing', async (context) => {
  const server = await startServer(context);
  const made = await server.call('POST', `${MAPS}?dryRun=All`, configMap('a'));
  assert.equal(made.status, 201);
  assert.equal((await server.call('GET', `${MAPS}/a`)).status, 404);
  await server.call('POST', MAPS, configMap('a'));
  const patched = await server.call('PATCH', `${MAPS}/a?dryRun=All`, { data: { a: 'c' } }, MERGE);
  assert.equal(patched.body.data.a, 'c');
  await server.call('DELETE', `${MAPS}/a?dryRun=All`);
  assert.equal((await server.call('GET', `${MAPS}/a`)).body.data.a, 'b');
  assert.equal((await server.call('POST', `${MAPS}?dryRun=Some`, configMap('c'))).status, 422);
});

test('unknown fields are refused, warned of or dropped, as fieldValidation says', async (context) => {
  const server = await startServer(context);
  const strange = (name: string): unknown => pod(name, { colour: 'blue' });
  const pods = '/api/v1/namespaces/default/pods';
  const strict = await server.call('POST', `${pods}?fieldValidation=Strict`, strange('a'));
  assert.equal(strict.status, 400);
  assert.match(strict.body.message, /unknown field "spec.colour"/);
  const warned = await server.call('POST', pods, strange('b'));
  assert.equal(warned.status, 201);
  assert.match(String(warned.headers['warning']), /299 - "unknown field \\"spec.colour\\""/);
  assert.equal(warned.body.spec.colour, undefined);
  const ignored = await server.call('POST', `${pods}?fieldValidation=Ignore`, strange('c'));
  assert.equal(ignored.headers['warning'], undefined);
});

test('the four kinds of patch', async (context) => {
  const server = await startServer(context);
  await server.call('POST', STATEFULSETS, statefulSet('db'));
  const path = `${STATEFULSETS}/db`;
  const json = await server.call(
    'PATCH',
    path,
    [{ op: 'replace', path: '/spec/replicas', value: 5 }],
    { contentType: 'application/json-patch+json' },
  );
  assert.equal(json.body.spec.replicas, 5);
  const containers = [{ name: 'sidecar', image: 'example.com/sidecar:1' }];
  const strategic = await server.call(
    'PATCH',
    path,
    { spec: { template: { spec: { containers } } } },
    { contentType: 'application/strategic-merge-patch+json' },
  );
  assert.deepEqual(
    strategic.body.spec.template.spec.containers
      .map((one: { name: string }) => one.name)
      .toSorted(),
    ['main', 'sidecar'],
  );
  const merge = await server.call(
    'PATCH',
    path,
    { spec: { template: { spec: { containers } } } },
    MERGE,
  );
  assert.equal(merge.body.spec.template.spec.containers.length, 1);
  const failed = await server.call(
    'PATCH',
    path,
    [{ op: 'test', path: '/spec/replicas', value: 1 }],
    {
      contentType: 'application/json-patch+json',
    },
  );
  assert.equal(failed.status, 422);
  const unknown = await server.call('PATCH', path, {}, { contentType: 'text/plain' });
  assert.equal(unknown.status, 415);
});

test(verifies('devcluster.api-errors'), async (context) => {
  const server = await startServer(context);
  const tls = await testMaterial();
  const cases: readonly [string, string, unknown, Record<string, string>, number, string][] = [
    ['GET', '/api/v1/namespaces/default/pods/x', undefined, {}, 404, 'NotFound'],
    ['GET', '/apis/apps/v1/namespaces/default/nonsense', undefined, {}, 404, 'NotFound'],
    ['POST', MAPS, '{bad', {}, 400, 'BadRequest'],
    ['POST', MAPS, '[]', {}, 400, 'BadRequest'],
    ['POST', MAPS, '"text"', {}, 400, 'BadRequest'],
    ['POST', MAPS, '{"metadata": 3}', {}, 400, 'BadRequest'],
    ['POST', MAPS, '{"kind": "Pod", "apiVersion": "v1"}', {}, 400, 'BadRequest'],
    ['POST', MAPS, '{}', { 'content-type': 'text/plain' }, 415, 'UnsupportedMediaType'],
    ['POST', `${MAPS}/a`, '{}', {}, 405, 'MethodNotAllowed'],
    ['GET', MAPS, undefined, { accept: 'text/html' }, 406, 'NotAcceptable'],
    ['GET', `${MAPS}?labelSelector=,,`, undefined, {}, 400, 'BadRequest'],
    ['GET', `${MAPS}?fieldSelector=spec.x%3D1`, undefined, {}, 400, 'BadRequest'],
    ['GET', `${MAPS}?continue=abc`, undefined, {}, 400, 'BadRequest'],
    ['GET', `${MAPS}?resourceVersion=abc`, undefined, {}, 400, 'BadRequest'],
    ['POST', MAPS, configMap('a', { data: { '/': 'x' } }), {}, 422, 'Invalid'],
    [
      'POST',
      MAPS,
      configMap('a', { data: { a: 'x'.repeat(4_000_000) } }),
      {},
      413,
      'RequestEntityTooLarge',
    ],
  ];
  for (const [method, path, body, headers, status, reason] of cases) {
    const reply = await server.call(method, path, body, { headers });
    const what = `${method} ${path}`;
    assert.equal(reply.status, status, what);
    assert.equal(reply.body.kind, 'Status', what);
    assert.equal(reply.body.reason, reason, what);
    assert.equal(reply.body.code, status, what);
    assert.doesNotMatch(JSON.stringify(reply.body), /\.ts:\d|at \w+ \(/, what);
  }
  const nobody = connect(server.url, { ca: tls.ca, ...tls.nobody });
  const anonymous = connect(server.url, { ca: tls.ca });
  context.after(() => Promise.all([nobody.close(), anonymous.close()]));
  const refused = await nobody.call('GET', '/api/v1/pods');
  assert.equal(
    refused.body.message,
    'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" at the cluster scope',
  );
  assert.equal((await anonymous.call('GET', '/api/v1/pods')).status, 403);
  assert.equal((await anonymous.call('GET', '/readyz')).body, 'ok');
  const wrong = await anonymous.call('GET', '/api/v1/pods', undefined, {
    headers: { authorization: 'Bearer wrong' },
  });
  assert.equal(wrong.status, 401);
});

test('YAML goes in and out', async (context) => {
  const server = await startServer(context);
  const yaml = 'metadata:\n  name: a\ndata:\n  on: "y"\n  when: "2026-01-01"\n';
  const made = await server.call('POST', MAPS, yaml, { contentType: 'application/yaml' });
  assert.deepEqual(made.body.data, { on: 'y', when: '2026-01-01' });
  const read = await server.call('GET', `${MAPS}/a`, undefined, {
    headers: { accept: 'application/yaml' },
  });
  assert.match(read.body, /^kind: ConfigMap$/m);
});

test('a server that is started again on the same folder goes on where the other stopped', async (context) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'apiserver-data-'));
  context.after(() => rm(dataDir, { recursive: true, force: true }));
  const first = await startServer(context, { dataDir });
  const made = await first.call('POST', MAPS, configMap('a'));
  // The first is not closed: it is as good as killed.
  const second = await startServer(context, { dataDir });
  const read = await second.call('GET', `${MAPS}/a`);
  assert.deepEqual(read.body, made.body);
  const next = await second.call('POST', MAPS, configMap('b'));
  assert.ok(
    Number(next.body.metadata.resourceVersion) > Number(made.body.metadata.resourceVersion),
  );
});

test('a client that leaves in the middle of its request does no harm', async (context) => {
  const server = await startServer(context);
  const { ca, admin } = await testMaterial();
  const socket = connectTls({
    ...admin,
    ca,
    port: Number(new URL(server.url).port),
    host: '127.0.0.1',
  });
  await once(socket, 'secureConnect');
  socket.write(
    `POST ${MAPS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`,
  );
  socket.destroy();
  assert.equal((await server.call('GET', MAPS)).status, 200);
});
