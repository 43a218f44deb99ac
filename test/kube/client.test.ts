/** The client on the wire: paths, content types, strictness, retries, errors, connections (W12 to W15). */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createKubeClient,
  createKubeConnection,
  isAlreadyExists,
  isConflict,
  KubeError,
  loadKubeConnection,
  RESOURCES,
  type KubeObject,
} from '../../src/kube/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import {
  configMap,
  json,
  refuse,
  startScriptedServer,
  status,
  type Handler,
} from './scripted-server.ts';
import { script, succeed, withServer, withTlsServer } from './setup.ts';

const REF = { namespace: 'default', name: 'a' };
const { configMaps } = RESOURCES;

test(verifies('kube.strict-writes'), async () => {
  await withServer(async ({ server, client }) => {
    script(server, succeed);
    const object = configMap('a', 1);
    await client.create(configMaps, object);
    await client.replace(configMaps, object, { subresource: 'status' });
    await client.patch(configMaps, REF, { type: 'merge', body: {} });
    await client.patch(configMaps, REF, { type: 'strategic', body: {} });
    await client.patch(configMaps, REF, { type: 'json', body: [] });
    await client.apply(configMaps, object, { fieldManager: 'me', force: true });
    const seen = server.requests.map(({ method, url, headers }) => [
      `${method} ${url.pathname}`,
      headers['content-type'],
    ]);
    const base = '/api/v1/namespaces/default/configmaps';
    assert.deepEqual(seen, [
      [`POST ${base}`, 'application/json'],
      [`PUT ${base}/a/status`, 'application/json'],
      [`PATCH ${base}/a`, 'application/merge-patch+json'],
      [`PATCH ${base}/a`, 'application/strategic-merge-patch+json'],
      [`PATCH ${base}/a`, 'application/json-patch+json'],
      [`PATCH ${base}/a`, 'application/apply-patch+yaml'],
    ]);
    for (const { url } of server.requests) {
      assert.equal(url.searchParams.get('fieldValidation'), 'Strict', url.href);
    }
    const apply = server.requests.at(-1)?.url.searchParams;
    assert.deepEqual([apply?.get('fieldManager'), apply?.get('force')], ['me', 'true']);
  });
});

test('get answers undefined for 404, delete is content with it, and paths follow the scope', async () => {
  await withServer(async ({ server, client }) => {
    script(server, refuse(404));
    assert.equal(await client.get(configMaps, REF), undefined);
    await client.delete(configMaps, REF, { propagationPolicy: 'Foreground' });
    assert.equal(JSON.parse(server.requests[1]?.body ?? '').propagationPolicy, 'Foreground');
    script(server, (response) => json(response, 200, { items: null, metadata: {} }));
    await client.list(RESOURCES.nodes, { labelSelector: 'a=b,c!=d' });
    await client.list(RESOURCES.statefulSets, { namespace: 'x' });
    const [nodes, sets] = server.requests.slice(2).map(({ url }) => url);
    assert.equal(nodes?.pathname, '/api/v1/nodes');
    assert.equal(nodes?.searchParams.get('labelSelector'), 'a=b,c!=d');
    assert.equal(sets?.pathname, '/apis/apps/v1/namespaces/x/statefulsets');
  });
});

test(verifies('kube.safe-retries'), async () => {
  await withServer(async ({ server, client }) => {
    const object = configMap('a', 1);
    script(server, refuse(429, { 'retry-after': '1' }), succeed);
    const startedAt = performance.now();
    await client.create(configMaps, object);
    assert.ok(performance.now() - startedAt >= 990, 'Retry-After was not honoured');
    assert.equal(server.requests.length, 2);

    script(server, refuse(503), refuse(502), (response) => response.destroy(), succeed);
    await client.get(configMaps, REF);
    assert.equal(server.requests.length, 6, 'a read is tried again');

    script(server, refuse(503), succeed);
    await assert.rejects(client.create(configMaps, object), { status: 503 });
    script(server, (response) => response.destroy(), succeed);
    await assert.rejects(client.create(configMaps, object), { status: 0 });
    script(server, refuse(500), succeed);
    await assert.rejects(client.patch(configMaps, REF, { type: 'json', body: [] }), {
      status: 500,
    });
    assert.equal(server.requests.length, 9, 'a write that may have had its effect is not');
  });
});

test('W12: a request that is not answered ends with its time-out, one whose caller left at once', async () => {
  await withServer(
    async ({ server, client }) => {
      script(server, () => undefined);
      await assert.rejects(client.create(configMaps, configMap('a', 1)), {
        status: 0,
        reason: 'Timeout',
      });
      const signal = AbortSignal.timeout(20);
      await assert.rejects(client.get(configMaps, REF, { signal }), { name: 'TimeoutError' });
    },
    { requestTimeoutMs: 100, retriesMax: 0 },
  );
});

test(verifies('kube.no-write-without-lease'), async () => {
  let isLeading = true;
  await withServer(
    async ({ server, client }) => {
      script(server, (response, request) => {
        isLeading = false;
        refuse(429, { 'retry-after': '1' })(response, request);
      });
      const refusal = { status: 0, reason: 'NotLeading' };
      await assert.rejects(client.create(configMaps, configMap('a', 1)), refusal);
      assert.equal(
        server.requests.length,
        1,
        'it led when it began, and not any more after the wait',
      );
      await assert.rejects(client.delete(configMaps, REF), refusal);
      assert.equal(server.requests.length, 1);
      script(server, succeed);
      await client.get(configMaps, REF);
      assert.equal(server.requests.length, 2, 'who does not lead may read');
    },
    { mayWrite: () => isLeading },
  );
});

test('W12: no more requests a second than allowed', async () => {
  await withServer(
    async ({ server, client }) => {
      script(server, succeed);
      const startedAt = performance.now();
      await Promise.all(Array.from({ length: 25 }, () => client.get(configMaps, REF)));
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs >= 190, `25 requests at 100 a second with a burst of 5 took ${tookMs} ms`);
    },
    { requestsPerSecond: 100, requestBurst: 5 },
  );
});

test('a server that is not there is an error with status 0 and its cause', async () => {
  const server = await startScriptedServer();
  await server.stop();
  const client = createKubeClient(createKubeConnection({ server: server.url }), {
    clock,
    random,
    metrics: createMetrics(),
    retriesMax: 1,
  });
  await assert.rejects(client.create(configMaps, configMap('a', 1)), {
    status: 0,
    reason: 'Unreachable',
    message: 'connection to the API server failed: ECONNREFUSED',
  });
  await client.close();
});

test(verifies('kube.errors-hold-no-secrets'), async () => {
  const server = await startScriptedServer();
  const metrics = createMetrics();
  const connection = createKubeConnection({ server: server.url, token: 'hush-token' });
  const client = createKubeClient(connection, { clock, random, metrics, retriesMax: 0 });
  try {
    const secret = { ...configMap('a', 1), data: { password: 'hush-body' } };
    const echo: Handler = (response, request) => {
      response.writeHead(500, { 'x-echo': request.headers.authorization });
      response.end(request.body);
    };
    const cut: Handler = (response) => response.destroy();
    for (const handler of [echo, cut]) {
      script(server, handler);
      const error: unknown = await client.create(configMaps, secret).catch((e: unknown) => e);
      assert.ok(error instanceof KubeError);
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /hush/);
    }
    assert.equal(server.requests[0]?.headers.authorization, 'Bearer hush-token');
  } finally {
    await client.close();
    await server.stop();
  }
});

test('refusals carry reason and causes; conflict and existence are told apart', async () => {
  await withServer(async ({ server, client }) => {
    const details = {
      causes: [{ reason: 'FieldValueInvalid', field: 'spec.voters', message: 'odd' }],
    };
    script(
      server,
      (response) => json(response, 422, { ...status(422, 'Invalid', 'spec.voters: odd'), details }),
      (response) => json(response, 409, status(409, 'Conflict', 'changed')),
      (response) => json(response, 409, status(409, 'AlreadyExists', 'there')),
      (response) => json(response, 200, 'oops'),
    );
    const failure = async (): Promise<unknown> =>
      client.create(configMaps, configMap('a', 1)).catch((error: unknown) => error);
    const invalid = await failure();
    assert.ok(invalid instanceof KubeError);
    assert.deepEqual(invalid.details, details);
    const conflict = await failure();
    assert.ok(isConflict(conflict) && !isAlreadyExists(conflict));
    const exists = await failure();
    assert.ok(isAlreadyExists(exists) && !isConflict(exists));
  });
});

test('metrics count requests by code and method', async () => {
  await withServer(async ({ server, client, metrics }) => {
    script(server, succeed);
    await client.get(configMaps, REF);
    await client.create(configMaps, configMap('a', 1));
    const text = await metrics.exposition();
    assert.match(text, /rest_client_requests_total\{code="200",method="GET",host="[^"]+"\} 1/);
    assert.match(text, /rest_client_request_duration_seconds_count\{verb="POST",[^}]*\} 1/);
  });
});

test(verifies('kube.one-connection'), async () => {
  await withTlsServer(async ({ server, kubeconfig }) => {
    script(server, succeed);
    const connection = await loadKubeConnection({ kubeconfig: await kubeconfig({ token: 't' }) });
    assert.equal(connection.namespace, 'team');
    const options = { clock, random, metrics: createMetrics(), requestBurst: 1000 };
    const client = createKubeClient(connection, options);
    for (let i = 0; i < 200; i++) await client.get(configMaps, REF);
    assert.equal(server.connections().accepted, 1);
    assert.equal(server.requests[0]?.headers.authorization, 'Bearer t');
    await client.close();
  });
});

test(verifies('kube.credentials-rotate'), async () => {
  await withTlsServer(async ({ server, directory, clientPair, kubeconfig }) => {
    script(server, succeed);
    const certPath = join(directory, 'client.crt');
    const keyPath = join(directory, 'client.key');
    const install = async (name: string): Promise<void> => {
      const pair = await clientPair(name);
      await writeFile(certPath, pair.certificate);
      await writeFile(keyPath, pair.key);
    };
    await install('first');
    const user = { 'client-certificate': certPath, 'client-key': keyPath };
    const connection = await loadKubeConnection({ kubeconfig: await kubeconfig(user) });
    const client = createKubeClient(connection, { clock, random, metrics: createMetrics() });
    for (let i = 0; i < 5; i++) await client.get(configMaps, REF);
    assert.ok(server.connections().accepted <= 2);
    await install('second');
    await client.get(configMaps, REF);
    const peers = server.requests.map(({ peer }) => peer);
    assert.deepEqual(peers, [...Array.from({ length: 5 }, () => 'first'), 'second']);
    await client.close();
  });
  await withTlsServer(async ({ server, directory, kubeconfig }) => {
    script(server, succeed);
    const tokenFile = join(directory, 'token');
    await writeFile(tokenFile, 'one');
    const command = { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh' };
    const print = `printf '{"kind":"ExecCredential","status":{"token":"%s","expirationTimestamp":"2020-01-01T00:00:00Z"}}' "$(cat ${tokenFile})"`;
    const user = { exec: { ...command, args: ['-c', print] } };
    const connection = await loadKubeConnection({ kubeconfig: await kubeconfig(user) });
    const client = createKubeClient(connection, { clock, random, metrics: createMetrics() });
    await client.get(configMaps, REF);
    await writeFile(tokenFile, 'two');
    await client.get(configMaps, REF);
    const sent = server.requests.map(({ headers }) => headers.authorization);
    assert.deepEqual(sent, ['Bearer one', 'Bearer two']);
    await client.close();
  });
});

test('a kubeconfig that is missing, unreadable or without context says what to do, without its content', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kube-'));
  const path = join(directory, 'kubeconfig');
  await assert.rejects(loadKubeConnection({ kubeconfig: path }), {
    name: 'UsageError',
    message: `no kubeconfig at ${path}: give --kubeconfig FILE or set KUBECONFIG`,
  });
  await writeFile(path, 'users: [{token: hush');
  const error: unknown = await loadKubeConnection({ kubeconfig: path }).catch((e: unknown) => e);
  assert.match(String(error), /^UsageError: .* is not a kubeconfig/);
  assert.doesNotMatch(inspect(error), /hush/);
  await writeFile(path, '{}');
  await assert.rejects(loadKubeConnection({ kubeconfig: path }), { name: 'UsageError' });
  await rm(directory, { recursive: true });
});

test('an object may be of any interface that has metadata', async () => {
  interface Thing {
    readonly apiVersion: string;
    readonly kind: 'Thing';
    readonly metadata: { readonly name: string; readonly finalizers: readonly string[] };
    readonly spec: { readonly size: number };
  }
  const things = {
    group: 'x.io',
    version: 'v1',
    plural: 'things',
    kind: 'Thing',
    namespaced: false,
  };
  await withServer(async ({ server, client }) => {
    script(server, succeed);
    const thing: Thing = {
      apiVersion: 'x.io/v1',
      kind: 'Thing',
      metadata: { name: 'a', finalizers: [] },
      spec: { size: 1 },
    };
    const stored: Thing = await client.apply(things, thing, { fieldManager: 'me' });
    assert.equal(stored.spec.size, 1);
    assert.equal(server.requests[0]?.url.pathname, '/apis/x.io/v1/things/a');
    const untyped: KubeObject | undefined = await client.get(things, { name: 'a' });
    assert.equal(untyped?.kind, 'ConfigMap');
  });
});
