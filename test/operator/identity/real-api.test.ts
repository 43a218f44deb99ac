/** Who gets a certificate and who does not, at a real API server: its tokens, its reviews of them, its pods. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, suite, test, type TestContext } from 'node:test';
import { createPrivateKey } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { systemClock, systemRandom as random } from '../../../src/host/index.ts';
import { RESOURCES, type KubeObject } from '../../../src/kube/index.ts';
import { IDENTITY_AUDIENCE } from '../../../src/operator/core/index.ts';
import { createOwnSigner } from '../../../src/operator/identity/own-signer.ts';
import { podSubject, requestFor } from '../../../src/operator/identity/subjects.ts';
import { createSigningRequest, identityUri } from '../../../src/security/index.ts';
import { askOperator, type Answer } from '../../../src/sidecar/identity/asking.ts';
import type { LogFields } from '../../../src/telemetry/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import { createVirtualClock } from '../../virtual-clock.ts';
import { condition, is, isCalm, openBench, type Bench } from '../bench.ts';
import { readCluster, skip, startRealApi, type RealApi } from '../real-api.ts';

const DAY_MS = 86_400_000;

interface TokenWish {
  readonly account?: string;
  readonly audience?: string;
  readonly pod?: { readonly name: string; readonly uid: string } | undefined;
}

void suite('identity at a real API server', { skip }, () => {
  let api: RealApi;
  let folder: string;
  before(async () => {
    api = await startRealApi(true);
    folder = await mkdtemp(join(tmpdir(), 'identity-'));
  });
  after(async () => {
    await api?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const podOf = async (namespace: string, name: string) => {
    const pod = await api.client.get(RESOURCES.pods, { namespace, name });
    return pod && { name, uid: pod.metadata.uid ?? '' };
  };
  const tokenOf = async (namespace: string, wish: TokenWish): Promise<string> => {
    const { account = 'tools', audience = IDENTITY_AUDIENCE, pod } = wish;
    const bound = pod && { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod } };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [audience], expirationSeconds: 600, ...bound },
    };
    const answer = JSON.parse(await api.client.raw('POST', path, { body })) as {
      status: { token: string };
    };
    return answer.status.token;
  };
  /** The same token as it is when its time is over: signed by the API server's own key. */
  const expired = async (token: string): Promise<string> => {
    const key = await readFile(
      join(dirname(api.plane.kubeconfig), 'certificates', 'service-account.key'),
      'utf8',
    );
    const header = decodeProtectedHeader(token) as { alg: string };
    const then = Math.floor(Date.now() / 1_000) - 3_600;
    return new SignJWT({ ...decodeJwt(token), iat: then - 600, nbf: then - 600, exp: then })
      .setProtectedHeader(header)
      .sign(createPrivateKey(key));
  };

  /** A cluster whose operator answers, and how a pod of it asks. */
  async function open(t: TestContext) {
    const lines: (LogFields & { readonly message: string })[] = [];
    const note = (message: string, fields: LogFields = {}) =>
      void lines.push({ message, ...fields });
    const b = await openBench(api, t, api.client, {
      serving: { port: 0, authority: 'own-authority' },
      leaseNamespace: 'default',
      logger: { ...silentLogger, info: note, warn: note },
    });
    await b.create();
    const map = await eventually('the trust of the pods', async () => {
      const found = await b.read(RESOURCES.configMaps, 'tools-trust');
      return (found?.['data'] as Record<string, string> | undefined)?.['operator-url'] === undefined
        ? undefined
        : (found?.['data'] as Record<string, string>);
    });
    await eventually('the pods', () => podOf(b.namespace, 'tools-2'));
    const directory = await mkdtemp(join(folder, 'mounted-'));
    for (const [name, text] of Object.entries(map)) await writeFile(join(directory, name), text);
    const { uid } = (await readCluster(api.client, b.namespace, 'tools')).metadata;
    const ask = async (
      token: string,
      pod: string,
      wish: { pem?: string; uris?: string[]; dnsNames?: string[] } = {},
    ): Promise<Answer> => {
      await writeFile(join(directory, 'token'), token);
      const peers = `tools-peers.${b.namespace}.svc`;
      const host = `${pod}.${peers}`;
      const { request } = await createSigningRequest({
        dnsNames: wish.dnsNames ?? [host, `${host}.cluster.local`, peers],
        uris: wish.uris ?? [identityUri({ clusterId: uid, role: 'member', name: pod })],
      });
      const { signal } = new AbortController();
      return askOperator(directory, wish.pem ?? request, { clock: systemClock, signal });
    };
    return { b, uid, map, lines, ask };
  }
  const codeOf = (answer: Answer): string => (answer.kind === 'issued' ? 'issued' : answer.code);

  test(verifies('identity.who-gets-a-certificate'), { timeout: 60_000 }, async (t) => {
    const { b, uid, map, lines, ask } = await open(t);
    const { namespace } = b;
    const [zero, one] = [await podOf(namespace, 'tools-0'), await podOf(namespace, 'tools-1')];
    const token = await tokenOf(namespace, { pod: zero });
    const right = await ask(token, 'tools-0');
    assert.ok(right.kind === 'issued', JSON.stringify(right));
    const leaf = new X509Certificate(right.issued.certificate);
    assert.ok(leaf.verify(new X509Certificate(map['ca.crt'] ?? '').publicKey));
    assert.match(leaf.subjectAltName ?? '', new RegExp(`URI:mcpcluster://${uid}/member/tools-0$`));
    const audit = lines.find(({ message }) => message === 'certificate issued');
    assert.deepEqual(
      [audit?.['audit'], audit?.['cluster'], audit?.['pod'], audit?.['podUid'], audit?.['serial']],
      [true, 'tools', 'tools-0', zero?.uid, leaf.serialNumber],
    );

    // A pod that only looks like one of the cluster's: its labels, its account, no controller.
    const stranger = await api.client.create<KubeObject>(RESOURCES.pods, strangerPod(namespace));
    const strangerPodRef = { name: 'tools-9', uid: stranger.metadata.uid ?? '' };
    const other = await otherCluster(b);
    const asOne = { uris: [identityUri({ clusterId: uid, role: 'member', name: 'tools-1' })] };
    const asOperator = { uris: [identityUri({ clusterId: uid, role: 'operator' })] };
    const rows: readonly [what: string, code: string, () => Promise<Answer>][] = [
      ['garbage', 'token-refused', () => ask('not-a-token', 'tools-0')],
      ['no token', 'token-missing', () => ask(' ', 'tools-0')],
      [
        'wrong audience',
        'token-refused',
        async () => ask(await tokenOf(namespace, { pod: zero, audience: 'vault' }), 'tools-0'),
      ],
      ['expired', 'token-refused', async () => ask(await expired(token), 'tools-0')],
      ['no pod', 'token-without-pod', async () => ask(await tokenOf(namespace, {}), 'tools-0')],
      [
        'token of another pod',
        'names-refused',
        async () => ask(await tokenOf(namespace, { pod: one }), 'tools-0'),
      ],
      ['names of another pod', 'names-refused', () => ask(token, 'tools-0', asOne)],
      ['the name of the operator', 'names-refused', () => ask(token, 'tools-0', asOperator)],
      ['one name more', 'names-refused', () => ask(token, 'tools-0', { dnsNames: ['a.test'] })],
      ['no request', 'request-malformed', () => ask(token, 'tools-0', { pem: 'hello' })],
      [
        'foreign pod',
        'pod-foreign',
        async () => ask(await tokenOf(namespace, { pod: strangerPodRef }), 'tools-9'),
      ],
      [
        'pod of another cluster',
        'names-refused',
        async () => ask(await tokenOf(namespace, { pod: other, account: 'other' }), 'tools-0'),
      ],
    ];
    for (const [what, code, asking] of rows) {
      const answer = await asking();
      assert.equal(codeOf(answer), code, `${what}: ${JSON.stringify(answer)}`);
      assert.ok(answer.kind === 'refused' && answer.message.length > 20, what);
    }
    const refusals = lines.filter(({ message }) => message === 'certificate not issued');
    assert.deepEqual(
      refusals.map((line) => [line['audit'], line['code']]),
      rows.map(([, code]) => [true, code]),
      'each request ends in the log',
    );

    // The pod goes, one of the same name follows: its token is worth nothing any more.
    await api.client.delete(
      RESOURCES.pods,
      { namespace, name: 'tools-0' },
      { gracePeriodSeconds: 0 },
    );
    await eventually('the next pod', async () => {
      const next = await podOf(namespace, 'tools-0');
      return next !== undefined && next.uid !== zero?.uid;
    });
    // For some seconds the API server remembers that it accepted the token.
    assert.match(codeOf(await ask(token, 'tools-0')), /^(pod-gone|token-refused)$/);
    const again = await tokenOf(namespace, { pod: await podOf(namespace, 'tools-0') });
    assert.equal(codeOf(await ask(again, 'tools-0')), 'issued');
    const text = JSON.stringify(lines);
    assert.ok(!text.includes(token) && !text.includes('PRIVATE'), 'the log quotes no secret');
  });

  test(verifies('identity.refusal-is-seen'), { timeout: 60_000 }, async (t) => {
    const { b, ask } = await open(t);
    const token = await tokenOf(b.namespace, { pod: await podOf(b.namespace, 'tools-1') });
    await b.until('a calm cluster', isCalm);
    assert.equal(codeOf(await ask(token, 'tools-1', { dnsNames: ['a.test'] })), 'names-refused');
    const degraded = await b.until('the refusal in the status', is('Degraded'));
    const { reason, message = '' } = condition(degraded, 'Degraded') ?? {};
    assert.equal(reason, 'CertificateRefused');
    assert.match(message, /^tools-1: .* names-refused: .* ask for exactly these names \(/);
    const event = await eventually('the event', async () => {
      const { items } = await api.client.list(RESOURCES.events, { namespace: b.namespace });
      return items.find((each) => each['reason'] === 'CertificateRefused');
    });
    assert.equal(event['note'], message);
    assert.equal(codeOf(await ask(token, 'tools-1')), 'issued');
    await b.until('it is over', isCalm);
  });

  test(verifies('identity.no-key-in-a-secret'), async (t) => {
    const { b } = await open(t);
    const { items } = await api.client.list(RESOURCES.secrets, { namespace: b.namespace });
    const keys = items.filter((secret) =>
      Object.values((secret['data'] ?? {}) as Record<string, string>).some((value) =>
        Buffer.from(value, 'base64').toString().includes('PRIVATE KEY'),
      ),
    );
    assert.deepEqual(
      keys.map(({ metadata }) => metadata.name),
      ['tools-ca'],
    );
    const set = await b.read(RESOURCES.statefulSets, 'tools');
    assert.ok(!JSON.stringify(set).includes('tools-ca'), 'no pod mounts it');
  });

  test(verifies('identity.rotation'), async (t) => {
    const { b } = await open(t);
    const cluster = await readCluster(api.client, b.namespace, 'tools');
    await b.operator.stop();
    const clock = createVirtualClock();
    const signer = createOwnSigner({ client: api.client, clock, random });
    const subject = podSubject(cluster, { role: 'member', name: 'tools-0', uid: 'uid' });
    const { request } = await requestFor(subject);
    const signed = async () => {
      const trusted = await signer.trusted(cluster);
      const outcome = await signer.sign(request, subject);
      assert.ok(outcome.kind === 'signed');
      return { trusted, leaf: new X509Certificate(outcome.certificate) };
    };
    const isFrom = (leaf: X509Certificate, authorities: string): boolean =>
      leaf.verify(new X509Certificate(authorities).publicKey);
    // The authority was made on this machine's clock; one of the future would be made again.
    clock.freeze(Date.now() - clock.wall());
    const first = await signed();
    // To the year before it ends.
    const end = Date.parse(new X509Certificate(first.trusted).validTo);
    clock.freeze(end - 399 * DAY_MS - clock.wall());
    const second = await signed();
    assert.ok(second.trusted.endsWith(first.trusted) && isFrom(second.leaf, first.trusted));
    clock.freeze(DAY_MS);
    const third = await signed();
    assert.equal(third.trusted, second.trusted);
    assert.ok(!isFrom(third.leaf, first.trusted) && isFrom(third.leaf, third.trusted));
    clock.freeze(DAY_MS);
    const fourth = await signed();
    assert.ok(!fourth.trusted.includes(first.trusted) && isFrom(third.leaf, fourth.trusted));

    // The Secret is lost: what the pods were told to trust stays trusted beside the next authority.
    const ref = { namespace: b.namespace, name: 'tools-trust' };
    const body = { data: { 'ca.crt': fourth.trusted } };
    await api.client.patch(RESOURCES.configMaps, ref, { type: 'merge', body });
    await api.client.delete(RESOURCES.secrets, { namespace: b.namespace, name: 'tools-ca' });
    const fifth = await signed();
    assert.ok(fifth.trusted.endsWith(fourth.trusted) && isFrom(fifth.leaf, fifth.trusted));
  });

  /** A second cluster in the same namespace; its first pod. */
  async function otherCluster({ namespace }: Bench) {
    const server = { image: 'docker.io/mcp/everything', port: 3001 };
    await api.client.create(MCP_CLUSTERS, {
      apiVersion: 'mcpcluster.io/v1alpha1',
      kind: 'McpCluster',
      metadata: { namespace, name: 'other' },
      spec: { server, replicas: 1 },
    });
    return eventually('a pod of the other cluster', () => podOf(namespace, 'other-0'));
  }
});

function strangerPod(namespace: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace,
      name: 'tools-9',
      labels: {
        'app.kubernetes.io/name': 'mcp-cluster',
        'app.kubernetes.io/managed-by': 'mcp-cluster-operator',
      },
    },
    spec: {
      serviceAccountName: 'tools',
      automountServiceAccountToken: false,
      containers: [{ name: 'server', image: 'docker.io/mcp/everything' }],
    },
  };
}
