/** Deletion: finalizers, grace periods, propagation, preconditions, namespaces, collections. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifies } from '../../requirements.ts';
import { configMap, pod, startServer, statefulSet, STATEFULSETS } from './fixture.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';
const MERGE = { contentType: 'application/merge-patch+json' };

test(verifies('devcluster.api-finalizers'), async (context) => {
  const server = await startServer(context);
  const finalizers = ['example.com/one', 'example.com/two'];
  await server.call('POST', MAPS, { metadata: { name: 'a', finalizers } });
  const marked = await server.call('DELETE', `${MAPS}/a`);
  assert.equal(marked.status, 200);
  assert.notEqual(marked.body.metadata.deletionTimestamp, undefined);
  assert.equal(marked.body.metadata.deletionGracePeriodSeconds, 0);
  const late = await server.call(
    'PATCH',
    `${MAPS}/a`,
    { metadata: { finalizers: [...finalizers, 'example.com/three'] } },
    MERGE,
  );
  assert.equal(late.status, 422);
  assert.match(late.body.message, /no new finalizers can be added/);
  await server.call('PATCH', `${MAPS}/a`, { metadata: { finalizers: ['example.com/two'] } }, MERGE);
  assert.equal((await server.call('GET', `${MAPS}/a`)).status, 200);
  const last = await server.call('PATCH', `${MAPS}/a`, { metadata: { finalizers: null } }, MERGE);
  assert.equal(last.status, 200);
  assert.equal((await server.call('GET', `${MAPS}/a`)).status, 404);
});

test('a deleted object answers with a Status that names it; a second deletion is 404', async (context) => {
  const server = await startServer(context);
  const made = await server.call('POST', MAPS, configMap('a'));
  const gone = await server.call('DELETE', `${MAPS}/a`);
  assert.deepEqual(gone.body.details, {
    name: 'a',
    kind: 'configmaps',
    uid: made.body.metadata.uid,
  });
  assert.equal((await server.call('DELETE', `${MAPS}/a`)).status, 404);
});

test('preconditions hold back the wrong deletion', async (context) => {
  const server = await startServer(context);
  const made = await server.call('POST', MAPS, configMap('a'));
  const wrong = await server.call('DELETE', `${MAPS}/a`, { preconditions: { uid: 'other' } });
  assert.equal(wrong.status, 409);
  const { uid, resourceVersion } = made.body.metadata;
  const right = await server.call('DELETE', `${MAPS}/a`, {
    preconditions: { uid, resourceVersion },
  });
  assert.equal(right.status, 200);
});

test('a bound pod is given its grace period, an unbound one is gone at once', async (context) => {
  const server = await startServer(context);
  await server.call('POST', PODS, pod('bound', { terminationGracePeriodSeconds: 17 }));
  const binding = { target: { kind: 'Node', name: 'n1' }, metadata: { name: 'bound' } };
  assert.equal((await server.call('POST', `${PODS}/bound/binding`, binding)).status, 201);
  assert.equal((await server.call('POST', `${PODS}/bound/binding`, binding)).status, 409);
  const read = await server.call('GET', `${PODS}/bound`);
  assert.equal(read.body.spec.nodeName, 'n1');
  const leaving = await server.call('DELETE', `${PODS}/bound`);
  assert.equal(leaving.body.metadata.deletionGracePeriodSeconds, 17);
  assert.equal((await server.call('GET', `${PODS}/bound`)).status, 200);
  const shorter = await server.call('DELETE', `${PODS}/bound`, { gracePeriodSeconds: 5 });
  assert.equal(shorter.body.metadata.deletionGracePeriodSeconds, 5);
  await server.call('DELETE', `${PODS}/bound`, { gracePeriodSeconds: 0 });
  assert.equal((await server.call('GET', `${PODS}/bound`)).status, 404);
  await server.call('POST', PODS, pod('unbound'));
  await server.call('DELETE', `${PODS}/unbound`);
  assert.equal((await server.call('GET', `${PODS}/unbound`)).status, 404);
});

test('propagation policies leave the finalizer that the garbage collector works by', async (context) => {
  const server = await startServer(context);
  for (const [policy, finalizer] of [
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ] as const) {
    await server.call('POST', STATEFULSETS, statefulSet('db'));
    await server.call('DELETE', `${STATEFULSETS}/db`, { propagationPolicy: policy });
    const held = await server.call('GET', `${STATEFULSETS}/db`);
    assert.deepEqual(held.body.metadata.finalizers, [finalizer]);
    await server.call('PATCH', `${STATEFULSETS}/db`, { metadata: { finalizers: null } }, MERGE);
    assert.equal((await server.call('GET', `${STATEFULSETS}/db`)).status, 404);
  }
  const wrong = await server.call('DELETE', `${STATEFULSETS}/db`, {
    propagationPolicy: 'Sideways',
  });
  assert.equal(wrong.status, 422);
});

test('a collection is deleted by selector', async (context) => {
  const server = await startServer(context);
  await server.call('POST', MAPS, { metadata: { name: 'a', labels: { app: 'x' } } });
  await server.call('POST', MAPS, { metadata: { name: 'b' } });
  await server.call('DELETE', `${MAPS}?labelSelector=app%3Dx`);
  const left = await server.call('GET', MAPS);
  assert.deepEqual(
    left.body.items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['b'],
  );
});

test('a namespace stays, closed to new objects, until it is finalized', async (context) => {
  const server = await startServer(context);
  const path = '/api/v1/namespaces/team';
  await server.call('POST', '/api/v1/namespaces', { metadata: { name: 'team' } });
  const leaving = await server.call('DELETE', path);
  assert.equal(leaving.body.status.phase, 'Terminating');
  const refused = await server.call('POST', `${path}/configmaps`, configMap('a'));
  assert.equal(refused.status, 403);
  assert.equal(refused.body.details.causes[0].reason, 'NamespaceTerminating');
  const live = await server.call('GET', path);
  const finalized = await server.call('PUT', `${path}/finalize`, {
    ...live.body,
    spec: { finalizers: [] },
  });
  assert.equal(finalized.status, 200);
  assert.equal((await server.call('GET', path)).status, 404);
});

test('an eviction respects the disruption budget and spends it', async (context) => {
  const server = await startServer(context);
  const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
  for (const name of ['p1', 'p2']) {
    const made = pod(name);
    made.metadata.labels = { app: 'db' };
    await server.call('POST', PODS, made);
    await server.call('POST', `${PODS}/${name}/binding`, { target: { kind: 'Node', name: 'n1' } });
    await server.call('PATCH', `${PODS}/${name}/status`, { status: { phase: 'Running' } }, MERGE);
  }
  const budget = {
    metadata: { name: 'db' },
    spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'db' } } },
  };
  await server.call('POST', budgets, budget);
  const status = {
    observedGeneration: 1,
    disruptionsAllowed: 1,
    currentHealthy: 2,
    desiredHealthy: 1,
    expectedPods: 2,
  };
  await server.call('PATCH', `${budgets}/db/status`, { status }, MERGE);
  const evict = (name: string): ReturnType<typeof server.call> =>
    server.call('POST', `${PODS}/${name}/eviction`, { metadata: { name } });
  assert.equal((await evict('p1')).status, 201);
  const refused = await evict('p2');
  assert.equal(refused.status, 429);
  assert.equal(refused.body.details.causes[0].reason, 'DisruptionBudget');
});
