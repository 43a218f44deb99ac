/** Tokens of Kubernetes, judged by a stand-in for the API server and, where its programs are, by a real one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTokenReviewProvider } from '../../src/gateway/auth/token-review.ts';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import { createCertificateAuthority, issueCertificate } from '../../src/security/index.ts';
import { startControlPlane, type ControlPlane } from '../../src/devcluster/control-plane/index.ts';
import { clusterTokenReviewer, createTokenReviewer } from '../../src/sidecar/token-review.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { assets, skip } from '../control-plane.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { INITIALIZE, post } from './client.ts';
import { createLogSink } from './log-sink.ts';
import { startStub } from './stub-server.ts';
import { startWorld } from './world.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'auth-kube-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** An API server of our own that answers TokenReviews as it is told. */
interface StandIn {
  readonly port: number;
  readonly asked: { readonly body: unknown; readonly authorization: string | undefined }[];
  answer(status: number, body: string): void;
  stop(): void;
}

async function startStandIn(): Promise<StandIn> {
  const now = new Date();
  const authority = await createCertificateAuthority({ commonName: 'kube', validityDays: 1, now });
  const leaf = await issueCertificate(authority, {
    commonName: 'kube-apiserver',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    uris: [],
    validityDays: 1,
    now,
  });
  await writeFile(join(folder, 'ca.crt'), authority.certificate);
  const asked: StandIn['asked'] = [];
  let answer = { status: 201, body: '{}' };
  const server = createServer({ cert: leaf.certificate, key: leaf.key }, (incoming, response) => {
    let text = '';
    incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
    incoming.on('end', () => {
      asked.push({ body: JSON.parse(text), authorization: incoming.headers.authorization });
      response.writeHead(answer.status).end(answer.body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    answer: (status, body) => void (answer = { status, body }),
    stop: () => void server.close(),
  };
}

test('the question is that of the API, asked as the service account of the pod', async (t) => {
  const kube = await startStandIn();
  t.after(() => kube.stop());
  const review = createTokenReviewer({
    host: '127.0.0.1',
    port: kube.port,
    directory: folder,
    clock,
  });
  const user = { username: 'system:serviceaccount:ns:sa', uid: 'u', groups: ['g'] };
  const status = {
    authenticated: true,
    audiences: ['mcp'],
    user: { ...user, extra: { a: ['b'] } },
  };
  kube.answer(201, JSON.stringify({ status }));
  assert.deepEqual(await review('secret-1', ['mcp']), {
    authenticated: true,
    audiences: ['mcp'],
    user,
  });
  await writeFile(join(folder, 'token'), 'own-token\n');
  await review('secret-2', ['mcp', 'other']);
  assert.deepEqual(kube.asked, [
    { authorization: undefined, body: question('secret-1', ['mcp']) },
    { authorization: 'Bearer own-token', body: question('secret-2', ['mcp', 'other']) },
  ]);
  const bad: [number, string, RegExp][] = [
    [403, '{"message":"secret-3"}', /answered 403/],
    [200, '{}', /answered 200/],
    [201, 'x'.repeat(2 ** 20 + 1), /too long/],
    [201, 'secret-3 own-token', /not JSON/],
  ];
  for (const [code, body, expected] of bad) {
    kube.answer(code, body);
    await assert.rejects(review('secret-3', ['mcp']), (error: Error) => {
      assert.match(error.message, expected);
      assert.doesNotMatch(error.message, /secret-3|own-token/);
      return true;
    });
  }
  kube.answer(201, '{"status":{"authenticated":false,"error":"no"}}');
  assert.deepEqual(await review('secret-4', ['mcp']), { authenticated: false, audiences: [] });
  await assert.rejects(
    createTokenReviewer({ host: 'localhost', port: 1, directory: folder, clock })('secret-5', []),
    /ECONNREFUSED/,
  );
});

function question(token: string, audiences: readonly string[]): object {
  const spec = { token, audiences };
  return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec };
}

test('outside of Kubernetes there is nobody to ask', () => {
  assert.equal(clusterTokenReviewer({}, clock), undefined);
  assert.equal(
    typeof clusterTokenReviewer({ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, clock),
    'function',
  );
});

/** Creates something as the administrator. */
function asAdmin(
  plane: ControlPlane,
  path: string,
  body: object,
): Promise<{ status?: { token?: string } }> {
  const { authority, admin } = plane.tls;
  const { promise, resolve, reject } = Promise.withResolvers<{ status?: { token?: string } }>();
  const sent = request(new URL(path, plane.url), {
    ...{ ca: authority.certificate, cert: admin.certificate, key: admin.key },
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  sent.on('response', (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => (text += chunk.toString()));
    response.on('end', () => {
      if (response.statusCode === 201) resolve(JSON.parse(text) as { status?: { token?: string } });
      else reject(new Error(text));
    });
  });
  sent.on('error', reject);
  sent.end(JSON.stringify(body));
  return promise;
}

test(verifies('auth.token-review'), { skip }, async (t) => {
  const plane = await startControlPlane({
    assets,
    logger: silentLogger,
    clock,
    random,
    controllers: false,
  });
  t.after(() => plane.stop());
  const account = (name: string) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name },
  });
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  await asAdmin(plane, accounts, account('gateway'));
  await asAdmin(plane, accounts, account('agent'));
  const tokenOf = async (name: string, audiences: readonly string[]): Promise<string> => {
    const ask = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences, expirationSeconds: 600 },
    };
    const { status } = await asAdmin(plane, `${accounts}/${name}/token`, ask);
    return status?.token ?? '';
  };
  const directory = join(folder, 'real');
  await mkdir(directory);
  await writeFile(join(directory, 'ca.crt'), plane.tls.authority.certificate);
  const { hostname, port } = new URL(plane.url);
  const review = createTokenReviewer({ host: hostname, port: Number(port), directory, clock });
  const agent = await tokenOf('agent', ['mcp-cluster']);

  const provider = () => createTokenReviewProvider({ audiences: ['mcp-cluster'], review, clock });
  assert.equal(
    (await provider().check(agent)).type,
    'unavailable',
    'nobody may ask without a token',
  );
  await writeFile(join(directory, 'token'), await tokenOf('gateway', []));
  assert.equal((await provider().check(agent)).type, 'unavailable', 'nor without the role');
  await asAdmin(plane, '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'gateway' },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: 'system:auth-delegator',
    },
    subjects: [{ kind: 'ServiceAccount', name: 'gateway', namespace: 'default' }],
  });
  const verdict = await eventually('the role is in force', async () => {
    const found = await provider().check(agent);
    return found.type === 'known' && found;
  });
  assert.equal(verdict.principal.tenant, 'default');
  assert.ok(verdict.principal.groups.includes('system:serviceaccounts:default'));
  assert.ok((verdict.expiresAt ?? 0) > Date.now());
  assert.equal(
    (await provider().check(await tokenOf('agent', []))).type,
    'unknown',
    'for the API server, not for us',
  );
  assert.equal((await provider().check(await tokenOf('agent', ['other']))).type, 'unknown');
  assert.equal((await provider().check(`${agent.slice(0, -4)}AAAA`)).type, 'unknown', 'forged');

  const stub = await startStub();
  const logs = createLogSink();
  const auth = {
    providers: [{ type: 'TokenReview', audiences: ['mcp-cluster'] } as const],
    rules: [],
  };
  const world = await startWorld({
    backends: [stub.port],
    logger: logs.logger,
    reviewToken: review,
    config: { policies: { ...DEFAULT_POLICIES, auth } },
  });
  t.after(async () => {
    await world.stop();
    await stub.stop();
  });
  const statusOf = async (token: string): Promise<number> =>
    (await post(world.pod(0).url, INITIALIZE, { authorization: `Bearer ${token}` })).status;
  assert.equal(await statusOf(agent), 200);
  assert.equal(await statusOf(await tokenOf('agent', ['other'])), 401);
  await plane.stop();
  assert.equal(await statusOf(agent), 200, 'known a moment ago');
  assert.equal(
    await statusOf('never-seen-0123456789'),
    503,
    'nobody is told that a good token is bad',
  );
  assert.ok(!logs.text().includes(agent));
});
