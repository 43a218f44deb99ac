/** What is particular to the built-in kinds: allocation, immutability, refused values, reviews, events, logs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pod, startServer, statefulSet, STATEFULSETS, type Body } from './fixture.ts';

const DEFAULT = '/api/v1/namespaces/default';
const MERGE = { contentType: 'application/merge-patch+json' };

test('a Service is given an address that stays; a headless one has none', async (context) => {
  const server = await startServer(context);
  const services = `${DEFAULT}/services`;
  const made = await server.call('POST', services, {
    metadata: { name: 'web' },
    spec: { ports: [{ port: 80 }] },
  });
  assert.match(made.body.spec.clusterIP, /^10\.96\.\d+\.\d+$/);
  assert.deepEqual(made.body.spec.clusterIPs, [made.body.spec.clusterIP]);
  const replaced = await server.call('PUT', `${services}/web`, {
    metadata: { name: 'web' },
    spec: { ports: [{ port: 81 }] },
  });
  assert.equal(replaced.body.spec.clusterIP, made.body.spec.clusterIP);
  const moved = await server.call(
    'PATCH',
    `${services}/web`,
    { spec: { clusterIP: '10.96.9.9', clusterIPs: ['10.96.9.9'] } },
    MERGE,
  );
  assert.equal(moved.status, 422);
  const headless = await server.call('POST', services, {
    metadata: { name: 'peers' },
    spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ port: 1, name: 'a' }] },
  });
  assert.deepEqual(headless.body.spec.clusterIPs, ['None']);
  const unnamed = await server.call('POST', services, {
    metadata: { name: 'two' },
    spec: { ports: [{ port: 80 }, { port: 81 }] },
  });
  assert.equal(unnamed.status, 422);
});

test('an EndpointSlice may not point back at the node', async (context) => {
  const server = await startServer(context);
  const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  const slice = (address: string): Body => ({
    metadata: { name: 'web-1' },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address] }],
    ports: [{ port: 80, name: 'http' }],
  });
  const refused = await server.call('POST', slices, slice('127.0.0.1'));
  assert.equal(refused.status, 422);
  assert.match(refused.body.message, /may not be in the loopback range/);
  assert.equal((await server.call('POST', slices, slice('10.244.0.7'))).status, 201);
});

test('most of a StatefulSet, a claim and a pod cannot be changed', async (context) => {
  const server = await startServer(context);
  await server.call('POST', STATEFULSETS, statefulSet('db'));
  const set = await server.call(
    'PATCH',
    `${STATEFULSETS}/db`,
    { spec: { serviceName: 'other' } },
    MERGE,
  );
  assert.equal(set.status, 422);
  assert.match(set.body.message, /updates to statefulset spec for fields other than/);
  const claims = `${DEFAULT}/persistentvolumeclaims`;
  const claim = {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
  assert.equal((await server.call('POST', claims, claim)).status, 201);
  const other = await server.call(
    'PATCH',
    `${claims}/data`,
    { spec: { storageClassName: 'fast' } },
    MERGE,
  );
  assert.equal(other.status, 422);
  await server.call('POST', `${DEFAULT}/pods`, pod('p'));
  const moved = await server.call('PATCH', `${DEFAULT}/pods/p`, { spec: { nodeName: 'n' } }, MERGE);
  assert.equal(moved.status, 422);
  const image = { spec: { containers: [{ name: 'main', image: 'example.com/app:2' }] } };
  const upgraded = await server.call('PATCH', `${DEFAULT}/pods/p`, image, {
    contentType: 'application/strategic-merge-patch+json',
  });
  assert.equal(upgraded.status, 200, JSON.stringify(upgraded.body));
});

test('a selector must find the template, and containers need names and images', async (context) => {
  const server = await startServer(context);
  const lost = statefulSet('db');
  lost.spec.template.metadata.labels = { app: 'other' };
  const reply = await server.call('POST', STATEFULSETS, lost);
  assert.match(reply.body.message, /`selector` does not match template `labels`/);
  const bad = pod('p', { containers: [{ name: 'A b' }] });
  const refused = await server.call('POST', `${DEFAULT}/pods`, bad);
  assert.deepEqual(
    refused.body.details.causes.map((one: Body) => one.field),
    ['spec.containers[0].name', 'spec.containers[0].image'],
  );
});

test('an event is one object with two faces', async (context) => {
  const server = await startServer(context);
  const made = await server.call('POST', '/apis/events.k8s.io/v1/namespaces/default/events', {
    metadata: { name: 'e1' },
    regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
    reason: 'Started',
    note: 'it began',
    type: 'Normal',
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'test',
    reportingInstance: 'test-1',
    action: 'Start',
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const selector = encodeURIComponent('involvedObject.name=p,involvedObject.kind=Pod');
  const core = await server.call('GET', `${DEFAULT}/events?fieldSelector=${selector}`);
  assert.equal(core.body.items[0].message, 'it began');
  assert.equal(core.body.items[0].reportingComponent, 'test');
  const modern = await server.call('GET', '/apis/events.k8s.io/v1/namespaces/default/events/e1');
  assert.equal(modern.body.note, 'it began');
});

test('Secrets take text and keep bytes; their type stays', async (context) => {
  const server = await startServer(context);
  const made = await server.call('POST', `${DEFAULT}/secrets`, {
    metadata: { name: 's' },
    stringData: { a: 'b' },
  });
  assert.deepEqual(
    [made.body.data, made.body.type, made.body.stringData],
    [{ a: 'Yg==' }, 'Opaque', undefined],
  );
  const typed = await server.call('PATCH', `${DEFAULT}/secrets/s`, { type: 'other' }, MERGE);
  assert.equal(typed.status, 422);
  const tls = await server.call('POST', `${DEFAULT}/secrets`, {
    metadata: { name: 't' },
    type: 'kubernetes.io/tls',
  });
  assert.equal(tls.status, 422);
});

test('an administrator may do everything, and is told so', async (context) => {
  const server = await startServer(context);
  const review = await server.call(
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    {
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    },
  );
  assert.equal(review.body.status.allowed, true);
  const self = await server.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
  assert.equal(self.body.status.userInfo.username, 'admin');
});

test('logs come from the kubelet, of a container that exists', async (context) => {
  const asked: unknown[] = [];
  const server = await startServer(context, {
    async *logs(_pod, container, options) {
      asked.push([container, options.tailLines, options.follow]);
      yield `hello from ${container}\n`;
    },
  });
  const sidecar = { name: 'sidecar', image: 'example.com/sidecar:1', restartPolicy: 'Always' };
  await server.call('POST', `${DEFAULT}/pods`, pod('p', { initContainers: [sidecar] }));
  assert.equal((await server.call('GET', `${DEFAULT}/pods/p/log`)).status, 204);
  await server.call('POST', `${DEFAULT}/pods/p/binding`, { target: { name: 'n1' } });
  const log = await server.call(
    'GET',
    `${DEFAULT}/pods/p/log?container=sidecar&tailLines=5&follow=true`,
  );
  assert.equal(log.body, 'hello from sidecar\n');
  assert.deepEqual(asked, [['sidecar', 5, true]]);
  assert.equal((await server.call('GET', `${DEFAULT}/pods/p/log`)).body, 'hello from main\n');
  const wrong = await server.call('GET', `${DEFAULT}/pods/p/log?container=nope`);
  assert.equal(wrong.body.message, 'container nope is not valid for pod p');
});
