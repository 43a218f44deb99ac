/** Client, informer, leader election and events against a real kube-apiserver; skipped unless KUBEBUILDER_ASSETS is set. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { startControlPlane, type ControlPlane } from '../../src/devcluster/control-plane/index.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createEventRecorder,
  createInformer,
  createKubeClient,
  createLeaderElection,
  isConflict,
  KubeError,
  loadKubeConnection,
  RESOURCES,
  type KubeClient,
  type KubeObject,
} from '../../src/kube/index.ts';
import { createMetrics, silentLogger as logger } from '../../src/telemetry/index.ts';
import { assets, skip } from '../control-plane.ts';
import { eventually } from '../eventually.ts';

const { configMaps } = RESOURCES;
const metrics = createMetrics();

const configMap = (name: string, data: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'default', name, labels: { test: 'real-api' } },
  data,
});

void suite('real API server', { skip }, () => {
  let plane: ControlPlane;
  let client: KubeClient;

  before(async () => {
    plane = await startControlPlane({ assets, logger, clock, random, controllers: false });
    const connection = await loadKubeConnection({ kubeconfig: plane.kubeconfig });
    client = createKubeClient(connection, { clock, random, metrics, pageSizeMax: 3 });
  });
  after(async () => {
    await client?.close();
    await plane?.stop();
  });

  test('create, get, replace, patch, apply and delete do what they say', async () => {
    const ref = { namespace: 'default', name: 'crud' };
    const created = await client.create(configMaps, configMap('crud', { a: '1' }));
    const replaced = await client.replace(configMaps, { ...created, data: { a: '2' } });
    await assert.rejects(client.replace(configMaps, created), (error) => isConflict(error));
    await client.patch(configMaps, ref, { type: 'merge', body: { data: { b: '3' } } });
    await client.patch(configMaps, ref, {
      type: 'json',
      body: [{ op: 'remove', path: '/data/a' }],
    });
    const applied = { ...configMap('crud', { b: '4' }) };
    const apply = client.apply(configMaps, applied, { fieldManager: 'test' });
    await assert.rejects(apply, { status: 409, reason: 'Conflict' });
    await client.apply(configMaps, applied, { fieldManager: 'test', force: true });
    const stored = await client.get(configMaps, ref);
    assert.deepEqual(stored?.['data'], { b: '4' });
    assert.equal(stored?.metadata.uid, replaced.metadata.uid);
    const preconditions = { uid: 'another' };
    await assert.rejects(client.delete(configMaps, ref, { preconditions }), { status: 409 });
    await client.delete(configMaps, ref);
    await client.delete(configMaps, ref);
    assert.equal(await client.get(configMaps, ref), undefined);
  });

  test('a field that the server does not know is refused by name', async () => {
    const wrong = { ...configMap('strict'), datta: {} };
    const error: unknown = await client.create(configMaps, wrong).catch((e: unknown) => e);
    assert.ok(error instanceof KubeError);
    assert.match(error.message, /unknown field "datta"/);
    const invalid = { ...configMap('Not A Name') };
    await assert.rejects(client.create(configMaps, invalid), { status: 422, reason: 'Invalid' });
  });

  test('an informer pages, follows, and continues after the server closed the watch', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `paged-${index}`);
    await Promise.all(names.map((name) => client.create(configMaps, configMap(name))));
    const shortWatches: Pick<KubeClient, 'list' | 'watch'> = {
      list: client.list,
      watch: (type, options, onEvent) =>
        client.watch(type, { ...options, timeoutSeconds: 1 }, onEvent),
    };
    const informer = createInformer({
      client: shortWatches,
      resource: configMaps,
      labelSelector: 'test=real-api',
      clock,
      random,
      logger,
      metrics,
    });
    const heard: string[] = [];
    informer.onChange(({ type, object }) => heard.push(`${type} ${object.metadata.name}`));
    informer.start();
    await informer.waitForSync(AbortSignal.timeout(5000));
    assert.deepEqual(
      informer.list().map(({ metadata }) => metadata.name),
      names,
    );
    assert.equal(informer.list()[0]?.kind, 'ConfigMap');
    await eventually('a watch to be closed by the server', async () =>
      /watch_ends_total\{resource="configmaps",reason="closed"\}/.test(await metrics.exposition()),
    );
    await client.delete(configMaps, { namespace: 'default', name: 'paged-3' });
    await eventually('the deletion', () => heard.includes('deleted paged-3'));
    assert.equal(heard.filter((entry) => entry.startsWith('added')).length, 8);
    await informer.stop();
  });

  test('leadership passes on when the leader stops', async () => {
    const elected: string[] = [];
    const candidate = (identity: string) =>
      createLeaderElection({
        client,
        namespace: 'default',
        name: 'lock',
        identity,
        retryPeriodMs: 100,
        clock,
        random,
        logger,
        metrics,
        onElected: () => elected.push(identity),
        onLost: () => undefined,
      });
    const [first, second] = [candidate('first'), candidate('second')];
    first.start();
    await eventually('the first leader', () => first.isLeader());
    second.start();
    await eventually('the other to notice', () => second.leader() === 'first');
    await first.stop();
    await eventually('the second leader', () => second.isLeader());
    assert.deepEqual(elected, ['first', 'second']);
    await second.stop();
  });

  test('events are accepted and counted up', async () => {
    const regarding = await client.create(configMaps, configMap('eventful'));
    const controller = 'mcpcluster.io/test';
    const parts = { client, controller, instance: 'i', clock, random, logger, metrics };
    const recorder = createEventRecorder(parts);
    const note = 'something happened';
    const event = { regarding, type: 'Warning', reason: 'Tested', action: 'Test', note } as const;
    recorder.record(event);
    recorder.record(event);
    await recorder.flush();
    const { items } = await client.list(RESOURCES.events, { namespace: 'default' });
    const found = items.filter((item) => item['reason'] === 'Tested');
    const counts = found.map((item) => (item['series'] as { count: number } | undefined)?.count);
    assert.deepEqual(counts, [2]);
  });
});

test('a control plane without its programs says which are missing', async () => {
  await assert.rejects(startControlPlane({ assets: '/nonexistent', logger, clock, random }), {
    name: 'UsageError',
    message: /\/nonexistent has no etcd, kube-apiserver, kube-controller-manager, kube-scheduler/,
  });
});
