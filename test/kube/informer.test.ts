/** The informer against a server that fails in every way that stops or corrupts client-node's own (W1 to W11). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import {
  configMap,
  json,
  line,
  listAll,
  openWatch,
  refuse,
  watchThatSays,
  type ScriptedServer,
} from './scripted-server.ts';
import { withServer } from './setup.ts';

const watchIsOpen = (server: ScriptedServer): Promise<boolean> =>
  eventually('an open watch', () => server.open.size === 1);

test(verifies('kube.watch-survives'), async () => {
  await withServer(async ({ server, informer, heard }) => {
    server.objects = [configMap('a', 1)];
    server.watchScript.push(
      refuse(500),
      refuse(403),
      (response) => response.destroy(),
      watchThatSays(`${line('MODIFIED', configMap('a', 2))}{"type":"MODI`),
      watchThatSays(`not json\n${line('MODIFIED', configMap('a', 99))}`),
      watchThatSays(line('ERROR', { kind: 'Status', code: 500, reason: 'InternalError' })),
      watchThatSays(line('MODIFIED', { kind: 'ConfigMap' })),
      watchThatSays(line('SURPRISE', configMap('a', 98))),
    );
    informer.start();
    await watchIsOpen(server);
    server.send('MODIFIED', configMap('a', 3));
    await eventually('the last change', () => heard.includes('updated a@3'));
    assert.deepEqual(heard, ['added a@1', 'updated a@2', 'updated a@3']);
    assert.equal(server.lists().length, 1, 'a broken watch is no reason to list again');
    const versions = server.watches().map(({ url }) => url.searchParams.get('resourceVersion'));
    assert.deepEqual(versions, ['1', '1', '1', '1', '2', '2', '2', '2', '2']);
  });
});

test('W1: a watch that is refused for ever is tried again with growing waits, not in a storm', async () => {
  await withServer(async ({ server, informer }) => {
    for (let i = 0; i < 1000; i++) server.watchScript.push(refuse(500));
    informer.start();
    await pause(400);
    const tries = server.watches().length;
    assert.ok(tries >= 5 && tries <= 40, `${tries} watches in 400 ms`);
    assert.equal(server.lists().length, 1);
  });
});

test(verifies('kube.synced-means-listed'), async () => {
  await withServer(async ({ server, informer }) => {
    server.objects = [configMap('a', 1)];
    server.listScript.push(
      refuse(500),
      (response) => response.destroy(),
      (response) => response.end('half an ans'),
    );
    const synced = informer.waitForSync();
    informer.start();
    assert.match(
      (await informer.firstList())?.message ?? '',
      /not JSON/,
      'after retries of its own',
    );
    await eventually('the first failures', () => server.lists().length >= 2);
    assert.equal(informer.hasSynced(), false, 'W2: a failed list is not a sync');
    await synced;
    assert.equal(informer.get('default/a')?.metadata.resourceVersion, '1');
  });
});

test('waitForSync rejects when its signal aborts and when the informer stops first', async () => {
  await withServer(async ({ server, informer }) => {
    server.listScript.push(() => undefined);
    informer.start();
    await assert.rejects(informer.waitForSync(AbortSignal.timeout(10)), { name: 'TimeoutError' });
    const waiting = assert.rejects(informer.waitForSync(), /stopped before its first list/);
    await informer.stop();
    await waiting;
    assert.equal(await informer.firstList(), undefined, 'given up, not failed');
  });
});

test(verifies('kube.stop-is-final'), async () => {
  await withServer(async ({ server, informer, heard }) => {
    server.objects = [configMap('a', 1)];
    informer.start();
    await watchIsOpen(server);
    const [response] = server.open;
    response?.write(line('MODIFIED', configMap('a', 2)));
    await informer.stop();
    await eventually('the watch to be closed', () => server.open.size === 0);
    const heardAtStop = [...heard];
    const requestsAtStop = server.requests.length;
    await pause(60);
    assert.deepEqual(heard, heardAtStop, 'W3: nobody is told anything after stop');
    assert.equal(
      server.requests.length,
      requestsAtStop,
      'W3: stop is not an error to recover from',
    );
  });
});

test('W4: stop during the first list leaves no watch open, and start works again', async () => {
  await withServer(async ({ server, informer, heard }) => {
    let answerLate: (() => void) | undefined;
    server.listScript.push((response, request) => {
      answerLate = () => listAll(server)(response, request);
    });
    informer.start();
    await eventually('the list', () => answerLate !== undefined);
    await informer.stop();
    answerLate?.();
    await pause(40);
    assert.equal(server.watches().length, 0);
    assert.equal(informer.hasSynced(), false);
    server.objects = [configMap('a', 1)];
    informer.start();
    await watchIsOpen(server);
    assert.deepEqual(heard, ['added a@1']);
  });
});

test(verifies('kube.listeners-are-isolated'), async () => {
  await withServer(async ({ server, informer, heard, metrics }) => {
    server.objects = [configMap('a', 1)];
    informer.onChange(() => {
      throw new Error('broken listener');
    });
    informer.onChange(({ object }) => heard.push(`second ${object.metadata.resourceVersion}`));
    informer.start();
    await watchIsOpen(server);
    server.send('MODIFIED', configMap('a', 2));
    server.send('MODIFIED', configMap('a', 3));
    await eventually('both listeners', () => heard.includes('second 3'));
    assert.deepEqual(
      heard.filter((entry) => entry.startsWith('second')),
      ['second 1', 'second 2', 'second 3'],
    );
    assert.equal(server.watches().length, 1, 'W5: the watch goes on');
    assert.match(await metrics.exposition(), /kube_informer_listener_errors_total\{[^}]*\} 3/);
  });
});

test('a listener that joins late hears of everything, one that left hears nothing', async () => {
  await withServer(async ({ server, informer }) => {
    server.objects = [configMap('a', 1)];
    informer.start();
    await watchIsOpen(server);
    const late: string[] = [];
    const cancel = informer.onChange(({ type, object }) => late.push(type + object.metadata.name));
    assert.deepEqual(late, ['addeda']);
    cancel();
    server.send('DELETED', configMap('a', 2));
    await eventually('the deletion', () => informer.list().length === 0);
    assert.deepEqual(late, ['addeda']);
  });
});

test('W6: watches ask for bookmarks and for 300 to 600 seconds', async () => {
  await withServer(async ({ server, informer }) => {
    informer.start();
    await watchIsOpen(server);
    const query = server.watches()[0]?.url.searchParams;
    assert.equal(query?.get('allowWatchBookmarks'), 'true');
    const seconds = Number(query?.get('timeoutSeconds'));
    assert.ok(seconds >= 300 && seconds <= 600, `${seconds} s`);
  });
});

test('W6: a silent watch counts as dead, one with bookmarks does not', async () => {
  await withServer(
    async ({ server, informer }) => {
      informer.start();
      await watchIsOpen(server);
      for (let i = 0; i < 8; i++) {
        await pause(50);
        server.send('BOOKMARK', configMap('', 10 + i));
      }
      assert.equal(server.watches().length, 1, 'bookmarks keep it alive');
      await eventually('a new watch', () => server.watches().length === 2);
      const version = server.watches()[1]?.url.searchParams.get('resourceVersion');
      assert.equal(version, '17', 'W7: bookmarks move the version forward');
    },
    { watchSilenceMaxMs: 200 },
  );
});

test(verifies('kube.expired-version'), async () => {
  await withServer(async ({ server, informer, heard }) => {
    server.objects = [configMap('a', 1), configMap('b', 1), configMap('c', 1)];
    informer.start();
    await watchIsOpen(server);
    server.objects = [configMap('a', 1), configMap('b', 7), configMap('d', 8)];
    server.objects.push({ ...configMap('e', 9) });
    server.resourceVersion = '9';
    server.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
    await eventually('the second list', () => server.watches().length === 2);
    assert.deepEqual(heard.slice(3), ['deleted c@1', 'updated b@7', 'added d@8', 'added e@9']);
    assert.equal(server.watches()[1]?.url.searchParams.get('resourceVersion'), '9');
  });
});

test('an object that was deleted and created again unseen is reported as deleted and added', async () => {
  await withServer(async ({ server, informer, heard }) => {
    server.objects = [configMap('a', 1)];
    server.watchScript.push(refuse(410));
    const again = configMap('a', 5);
    server.listScript.push(listAll(server), (response) =>
      json(response, 200, {
        metadata: { resourceVersion: '5' },
        items: [{ metadata: { ...again.metadata, uid: 'another' } }],
      }),
    );
    informer.start();
    await eventually('both facts', () => heard.length === 3);
    assert.deepEqual(heard, ['added a@1', 'deleted a@1', 'added a@5']);
  });
});

test('W8: a server that answers 410 for ever is not flooded', async () => {
  await withServer(async ({ server, informer }) => {
    for (let i = 0; i < 1000; i++) server.watchScript.push(refuse(410));
    informer.start();
    await pause(400);
    const tries = server.lists().length;
    assert.ok(tries >= 5 && tries <= 40, `${tries} lists in 400 ms`);
  });
});

test('W9: an ERROR event inside the stream is counted', async () => {
  await withServer(async ({ server, informer, metrics }) => {
    server.watchScript.push(watchThatSays(line('ERROR', { code: 500, reason: 'InternalError' })));
    informer.start();
    await watchIsOpen(server);
    assert.match(
      await metrics.exposition(),
      /kube_informer_watch_ends_total\{resource="configmaps",reason="failed"\} 1/,
    );
  });
});

test(verifies('kube.raw-json'), async () => {
  await withServer(async ({ server, client, informer }) => {
    const extra = { ingress: [{ from: [{ futureField: 1 }] }], created: '2026-01-02T03:04:05Z' };
    server.objects = [configMap('a', 1, extra)];
    informer.start();
    await watchIsOpen(server);
    const listed = informer.get('default/a');
    assert.deepEqual(listed, { ...configMap('a', 1), ...extra });
    server.send('MODIFIED', configMap('a', 2, extra));
    const watched = await eventually('the change', () => {
      const object = informer.get('default/a');
      return object?.metadata.resourceVersion === '2' && object;
    });
    assert.deepEqual(watched, { ...configMap('a', 2), ...extra });
    server.other = (response, request) => json(response, 200, JSON.parse(request.body));
    const { RESOURCES } = await import('../../src/kube/index.ts');
    assert.deepEqual(await client.replace(RESOURCES.configMaps, watched), watched);
  });
});

test(verifies('kube.bounded-lists'), async () => {
  await withServer(async ({ server, informer }) => {
    const managed = { ...configMap('a', 1).metadata, managedFields: [{ manager: 'kubectl' }] };
    const page = (items: unknown[], token?: string) => ({
      metadata: { resourceVersion: '4', ...(token === undefined ? {} : { continue: token }) },
      items,
    });
    server.listScript.push(
      (response) => json(response, 200, page([{ metadata: managed }], 'next page')),
      (response) => json(response, 200, page([configMap('b', 2)])),
    );
    informer.start();
    await watchIsOpen(server);
    const [first, second] = server.lists().map(({ url }) => url.searchParams);
    assert.equal(first?.get('limit'), '500');
    assert.equal(second?.get('continue'), 'next page');
    assert.deepEqual(informer.get('default/a'), configMap('a', 1));
    assert.equal(informer.list().length, 2);
    server.send('MODIFIED', {
      ...configMap('a', 5),
      metadata: { ...managed, resourceVersion: '5' },
    });
    await eventually(
      'the change',
      () => informer.get('default/a')?.metadata.resourceVersion === '5',
    );
    assert.equal(informer.get('default/a')?.metadata.managedFields, undefined);
  });
});

test('W11: a continue token that expired between pages leads to one unpaginated list', async () => {
  await withServer(async ({ server, informer }) => {
    server.objects = [configMap('a', 1), configMap('b', 1)];
    server.listScript.push(
      (response) => json(response, 200, { metadata: { continue: 'x' }, items: [] }),
      refuse(410),
    );
    informer.start();
    await watchIsOpen(server);
    assert.equal(server.lists()[2]?.url.searchParams.get('limit'), null);
    assert.equal(informer.list().length, 2);
  });
});

test('a watch that closes in order continues where it was', async () => {
  await withServer(async ({ server, informer, heard }) => {
    server.watchScript.push(watchThatSays(line('ADDED', configMap('a', 5))), openWatch(server));
    informer.start();
    await watchIsOpen(server);
    assert.deepEqual(heard, ['added a@5']);
    assert.equal(server.watches()[1]?.url.searchParams.get('resourceVersion'), '5');
    assert.equal(server.lists().length, 1);
  });
});
