/** Lists and watches: selectors, pages of one moment, missed changes, bookmarks, the end of history. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../eventually.ts';
import { systemClock } from '../../../src/host/index.ts';
import type { Clock } from '../../../src/std/index.ts';
import { verifies } from '../../requirements.ts';
import { configMap, pod, startServer, type Body, type Endpoint } from './fixture.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';
const MERGE = { contentType: 'application/merge-patch+json' };
const names = (list: Body): string[] => list.items.map((item: Body) => item.metadata.name);

async function fill(server: Endpoint, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await server.call('POST', MAPS, configMap(`m${String(i).padStart(3, '0')}`));
  }
}

test(verifies('devcluster.api-pages'), async (context) => {
  const server = await startServer(context);
  await fill(server, 10);
  const first = await server.call('GET', `${MAPS}?limit=4`);
  assert.equal(first.body.items.length, 4);
  assert.equal(first.body.metadata.remainingItemCount, 6);
  await server.call('DELETE', `${MAPS}/m005`);
  await server.call('POST', MAPS, configMap('m0055'));
  const token = encodeURIComponent(first.body.metadata.continue);
  const second = await server.call('GET', `${MAPS}?limit=4&continue=${token}`);
  const last = encodeURIComponent(second.body.metadata.continue);
  const third = await server.call('GET', `${MAPS}?limit=4&continue=${last}`);
  assert.equal(third.body.metadata.continue, undefined);
  assert.equal(third.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
  assert.deepEqual(
    [first, second, third].flatMap((page) => names(page.body)),
    Array.from({ length: 10 }, (_, i) => `m00${i}`),
  );
});

test('a page of a forgotten moment is 410, with a token for the rest as it is now', async (context) => {
  const server = await startServer(context, { historyMax: 5 });
  await fill(server, 6);
  const first = await server.call('GET', `${MAPS}?limit=2`);
  for (let i = 0; i < 20; i += 1) {
    await server.call('PATCH', `${MAPS}/m005`, { data: { a: String(i) } }, MERGE);
  }
  const token = encodeURIComponent(first.body.metadata.continue);
  const gone = await server.call('GET', `${MAPS}?limit=2&continue=${token}`);
  assert.equal(gone.status, 410);
  assert.equal(gone.body.reason, 'Expired');
  const fresh = encodeURIComponent(gone.body.metadata.continue);
  const rest = await server.call('GET', `${MAPS}?continue=${fresh}`);
  assert.deepEqual(names(rest.body), ['m002', 'm003', 'm004', 'm005']);
});

test('labels and fields select', async (context) => {
  const server = await startServer(context);
  const make = (name: string, labels: Record<string, string>): Body => ({
    metadata: { name, labels },
  });
  await server.call('POST', MAPS, make('a', { app: 'x', tier: 'web' }));
  await server.call('POST', MAPS, make('b', { app: 'y', tier: 'web' }));
  await server.call('POST', MAPS, make('c', { app: 'z' }));
  const expected: Record<string, string[]> = {
    'labelSelector=app=x': ['a'],
    'labelSelector=app!=x': ['b', 'c'],
    'labelSelector=app in (x,y),tier': ['a', 'b'],
    'labelSelector=app notin (x),!tier': ['c'],
    'fieldSelector=metadata.name=b': ['b'],
    'fieldSelector=metadata.name!=b,metadata.namespace=default': ['a', 'c'],
  };
  for (const [query, wanted] of Object.entries(expected)) {
    const [key = '', ...value] = query.split('=');
    const reply = await server.call('GET', `${MAPS}?${key}=${encodeURIComponent(value.join('='))}`);
    assert.deepEqual(names(reply.body), wanted, query);
  }
  await server.call('POST', PODS, pod('p'));
  const unbound = await server.call('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3D');
  assert.deepEqual(names(unbound.body), ['p']);
  const running = await server.call('GET', '/api/v1/pods?fieldSelector=status.phase%3DRunning');
  assert.deepEqual(names(running.body), []);
});

test(verifies('devcluster.api-watch-expired'), async (context) => {
  const server = await startServer(context, { historyMax: 20 });
  await fill(server, 3);
  const list = await server.call('GET', MAPS);
  const from = list.body.metadata.resourceVersion;
  await server.call('PATCH', `${MAPS}/m000`, { data: { a: 'c' } }, MERGE);
  const watch = await server.watch(`${MAPS}?watch=1&resourceVersion=${from}`);
  const missed = await watch.next();
  assert.deepEqual([missed.type, missed.object.data.a], ['MODIFIED', 'c']);
  await server.call('DELETE', `${MAPS}/m001`);
  const gone = await watch.next();
  assert.deepEqual([gone.type, gone.object.metadata.name], ['DELETED', 'm001']);
  assert.ok(
    Number(gone.object.metadata.resourceVersion) > Number(missed.object.metadata.resourceVersion),
  );
  await watch.close();
  for (let i = 0; i < 60; i += 1) {
    await server.call('PATCH', `${MAPS}/m000`, { data: { a: String(i) } }, MERGE);
  }
  const old = await server.watch(`${MAPS}?watch=1&resourceVersion=${from}`);
  const frame = await old.next();
  assert.equal(frame.type, 'ERROR');
  assert.equal(frame.object.code, 410);
  assert.equal(frame.object.reason, 'Expired');
  assert.match(frame.object.message, /^too old resource version: \d+ \(\d+\)$/);
  assert.equal(await old.next(), undefined);
});

test('a watch from a version of an earlier life is told to list again', async (context) => {
  const server = await startServer(context);
  const watch = await server.watch(`${MAPS}?watch=1&resourceVersion=999999`);
  const frame = await watch.next();
  assert.deepEqual([frame.type, frame.object.code], ['ERROR', 410]);
});

test('events are forgotten after an hour', async (context) => {
  const due: (() => void)[] = [];
  let ahead = 0;
  const clock: Clock = {
    monotonic: systemClock.monotonic,
    wall: () => systemClock.wall() + ahead,
    schedule: (_delayMs, callback) => {
      due.push(callback);
      return () => undefined;
    },
  };
  const server = await startServer(context, { clock });
  const events = '/api/v1/namespaces/default/events';
  const involvedObject = { kind: 'Pod', name: 'p', namespace: 'default' };
  await server.call('POST', events, { metadata: { name: 'e' }, involvedObject });
  for (const callback of due.splice(0)) callback();
  assert.equal((await server.call('GET', `${events}/e`)).status, 200);
  ahead = 61 * 60_000;
  for (const callback of due.splice(0)) callback();
  assert.equal((await server.call('GET', `${events}/e`)).status, 404);
});

test('a watch without a version begins with what exists', async (context) => {
  const server = await startServer(context);
  await fill(server, 2);
  const watch = await server.watch(`${MAPS}?watch=true&timeoutSeconds=1`);
  assert.equal((await watch.next()).object.metadata.name, 'm000');
  assert.equal((await watch.next()).type, 'ADDED');
  assert.equal(await watch.next(), undefined);
});

test('initial events end with a marked bookmark when the client asks for them', async (context) => {
  const server = await startServer(context);
  await fill(server, 1);
  const query =
    'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const watch = await server.watch(`${MAPS}?${query}`);
  assert.equal((await watch.next()).type, 'ADDED');
  const mark = await watch.next();
  assert.equal(mark.type, 'BOOKMARK');
  assert.equal(mark.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  await server.call('POST', MAPS, configMap('later'));
  assert.equal((await watch.next()).object.metadata.name, 'later');
  await watch.close();
  const refused = await server.call('GET', `${MAPS}?watch=1&sendInitialEvents=true`);
  assert.equal(refused.status, 422);
});

test('an ending watch leaves a bookmark with the latest version', async (context) => {
  const server = await startServer(context);
  const from = (await server.call('GET', MAPS)).body.metadata.resourceVersion;
  const path = `${MAPS}?watch=1&resourceVersion=${from}&allowWatchBookmarks=true&timeoutSeconds=1`;
  const watch = await server.watch(path);
  await server.call('POST', PODS, pod('elsewhere'));
  const mark = await watch.next();
  assert.equal(mark.type, 'BOOKMARK');
  assert.ok(Number(mark.object.metadata.resourceVersion) > Number(from));
  assert.equal(await watch.next(), undefined);
});

test('an object that stops matching the selector is gone for that watch', async (context) => {
  const server = await startServer(context);
  await server.call('POST', MAPS, { metadata: { name: 'a', labels: { app: 'x' } } });
  const from = (await server.call('GET', MAPS)).body.metadata.resourceVersion;
  const watch = await server.watch(`${MAPS}?watch=1&resourceVersion=${from}&labelSelector=app%3Dx`);
  await server.call('PATCH', `${MAPS}/a`, { metadata: { labels: { app: 'y' } } }, MERGE);
  const out = await watch.next();
  assert.deepEqual([out.type, out.object.metadata.labels.app], ['DELETED', 'x']);
  await server.call('PATCH', `${MAPS}/a`, { metadata: { labels: { app: 'x' } } }, MERGE);
  assert.equal((await watch.next()).type, 'ADDED');
  await watch.close();
});

test('lists and watches come as Tables to those who ask', async (context) => {
  const server = await startServer(context);
  await server.call('POST', PODS, pod('p'));
  const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
  const list = await server.call('GET', PODS, undefined, { headers });
  assert.equal(list.body.kind, 'Table');
  assert.deepEqual(
    list.body.columnDefinitions.slice(0, 5).map((column: Body) => column.name),
    ['Name', 'Ready', 'Status', 'Restarts', 'Age'],
  );
  assert.deepEqual(list.body.rows[0].cells.slice(0, 4), ['p', '0/1', 'Pending', '0']);
  const from = list.body.metadata.resourceVersion;
  const watch = await server.watch(`${PODS}?watch=1&resourceVersion=${from}`, { headers });
  await server.call('POST', PODS, pod('q'));
  await server.call('POST', PODS, pod('r'));
  const first = await watch.next();
  assert.equal(first.object.kind, 'Table');
  assert.ok(first.object.columnDefinitions.length > 0);
  const second = await watch.next();
  assert.deepEqual(second.object.columnDefinitions ?? [], []);
  assert.equal(second.object.rows[0].cells[0], 'r');
  await watch.close();
});

test('a client that leaves frees its watch', async (context) => {
  const server = await startServer(context);
  let cancelled = 0;
  const { store } = server;
  const { watch } = store;
  store.watch = (...args: Parameters<typeof watch>): ReturnType<typeof watch> => {
    const started = watch.apply(store, args);
    if (!started.ok) return started;
    return {
      ok: true,
      value: () => {
        cancelled += 1;
        started.value();
      },
    };
  };
  const stream = await server.watch(`${MAPS}?watch=1`);
  await stream.close();
  await eventually('the watch to be cancelled', () => cancelled === 1);
});
