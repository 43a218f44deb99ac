/** Certificates from an issuer, at a real API server with a stand-in for cert-manager. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { MCP_CLUSTERS, type McpCluster } from '../../src/api/index.ts';
import { systemClock, systemRandom as random } from '../../src/host/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  RESOURCES,
  type KubeObject,
} from '../../src/kube/index.ts';
import type { CertificateSigner, SigningOutcome } from '../../src/operator/identity/signer.ts';
import { createOwnSigner } from '../../src/operator/identity/own-signer.ts';
import { createClusterSigner } from '../../src/operator/issuer/cluster-signer.ts';
import { issuerFacts } from '../../src/operator/issuer/facts.ts';
import { CERTIFICATE_REQUESTS } from '../../src/operator/issuer/resources.ts';
import { createSigningRequest, readSigningRequest } from '../../src/security/index.ts';
import type { Clock } from '../../src/std/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { condition, is, NAME, openBench } from './bench.ts';
import { readCluster, skip, startRealApi, userCluster, type RealApi } from './real-api.ts';
import { installDefinitions, startStandIn, type Fault, type StandIn } from './stand-in-issuer.ts';

const NAMESPACE = 'issued';
const HOUR_MS = 3_600_000;

/** Whoever waits for an issuer waits a tenth of the time; `shift` moves the wall. */
const clock: Clock & { shift: number } = {
  shift: 0,
  wall() {
    return systemClock.wall() + this.shift;
  },
  monotonic: () => systemClock.monotonic() * 10,
  schedule: (delayMs, callback) => systemClock.schedule(delayMs / 10, callback),
};
const NEVER: CertificateSigner = {
  trusted: () => Promise.reject(new Error('the own authority is not asked')),
  sign: () => Promise.reject(new Error('the own authority is not asked')),
};

void suite('issuer at a real API server', { skip }, () => {
  let api: RealApi;
  let signer: CertificateSigner;
  before(async () => {
    api = await startRealApi(false);
    await api.namespace(NAMESPACE);
    signer = createClusterSigner({ own: NEVER, client: api.client, clock });
  });
  after(() => api?.stop());

  const clusterOf = async (name: string, tls: object = {}): Promise<McpCluster> => {
    const spec = { tls: { issuerRef: { name: 'corporate' }, ...tls } };
    await api.client.create(MCP_CLUSTERS, userCluster(NAMESPACE, name, spec));
    return readCluster(api.client, NAMESPACE, name);
  };
  const subjectOf = (cluster: McpCluster, ordinal = 0) => {
    const { name, uid } = cluster.metadata;
    const pod = `${name}-${ordinal}`;
    const names = {
      dnsNames: [`${pod}.${name}-peers.${NAMESPACE}.svc`],
      uris: [`mcpcluster://${uid}/member/${pod}`],
    };
    const owner = { apiVersion: 'v1', kind: 'Pod', name: pod, uid: `uid-of-${pod}` };
    return { cluster, role: 'member' as const, name: pod, commonName: pod, ...names, owner };
  };
  const requestOf = async (subject: ReturnType<typeof subjectOf>) => {
    const outcome = await readSigningRequest((await createSigningRequest(subject)).request);
    assert.ok(outcome.kind === 'accepted');
    return outcome.request;
  };
  const requestsOf = async ({ metadata }: McpCluster): Promise<readonly KubeObject[]> => {
    const labelSelector = `mcpcluster.io/cluster=${metadata.name}`;
    const scope = { namespace: NAMESPACE, labelSelector };
    return (await api.client.list(CERTIFICATE_REQUESTS, scope)).items;
  };
  const signed = (outcome: SigningOutcome) => {
    assert.ok(outcome.kind === 'signed', JSON.stringify(outcome));
    return outcome;
  };
  const refused = (outcome: SigningOutcome, reason: string): string => {
    assert.ok(outcome.kind === 'refused', JSON.stringify(outcome));
    assert.equal(outcome.reason, reason);
    assert.match(outcome.message, /^spec\.tls\.issuerRef/);
    return outcome.message;
  };

  test(`${verifies('issuer.refusals')}: no cert-manager, no rights`, async () => {
    const cluster = await clusterOf('early');
    const subject = subjectOf(cluster);
    const request = await requestOf(subject);
    refused(await signer.sign(request, subject), 'IssuerNotInstalled');
    assert.equal(
      (await issuerFacts(cluster, { client: api.client, clock }))?.state,
      'NotInstalled',
    );
    await installDefinitions(api.client);
    assert.equal((await issuerFacts(cluster, { client: api.client, clock }))?.state, 'Missing');
    const connection = await loadKubeConnection({
      kubeconfig: api.plane.kubeconfig,
      impersonateUser: 'system:serviceaccount:default:nobody',
    });
    const client = createKubeClient(connection, { clock, random, metrics: createMetrics() });
    const powerless = createClusterSigner({ own: NEVER, client, clock });
    const message = refused(await powerless.sign(request, subject), 'IssuerForbidden');
    assert.match(message, /install its chart with certManager\.enabled=true$/);
    const facts = await issuerFacts(cluster, { client, clock });
    assert.equal(facts?.state, 'Unknown');
    assert.equal(facts.refused[0]?.reason, 'IssuerForbidden');
    await client.close();
  });

  test(verifies('issuer.cluster'), async (t) => {
    const b = await openBench(api, t);
    await b.create({ tls: { issuerRef: { name: 'corporate' } } });
    const told = await b.until('what is missing', is('Reconciled', 'False'));
    const { reason, message = '' } = condition(told, 'Reconciled') ?? {};
    assert.equal(reason, 'IssuerMissing');
    assert.match(message, /^spec\.tls\.issuerRef\.name: "corporate": there is no Issuer corporate/);
    assert.equal(await b.read(RESOURCES.statefulSets, NAME), undefined, 'pods would only wait');
    const issuer = await startStandIn(api.client, b.namespace, 'corporate');
    t.after(() => issuer.stop());
    await eventually('the StatefulSet', () => b.read(RESOURCES.statefulSets, NAME));
    const trust = (await b.read(RESOURCES.configMaps, `${NAME}-trust`))?.['data'];
    assert.equal((trust as Record<string, string>)['ca.crt'], issuer.authority());
    assert.equal(await b.read(RESOURCES.secrets, `${NAME}-ca`), undefined, 'nobody needs it');
    const { items } = await api.client.list(CERTIFICATE_REQUESTS, { namespace: b.namespace });
    assert.equal(items.length, 1, 'the operator has one of its own');
    assert.match(items[0]?.metadata.name ?? '', /^tools-operator-[0-9a-f]{16}$/);
    assert.equal(items[0]?.metadata.ownerReferences?.[0]?.kind, 'McpCluster');
    await b.until('no trouble', is('Reconciled'));
  });

  void suite('with an issuer', () => {
    let issuer: StandIn;
    before(async () => {
      issuer = await startStandIn(api.client, NAMESPACE, 'corporate');
    });
    after(() => issuer?.stop());

    test(verifies('issuer.signs'), async () => {
      const cluster = await clusterOf('tools', { certificateDuration: '24h', renewBefore: '8h' });
      const subject = subjectOf(cluster);
      const request = await requestOf(subject);
      assert.equal(
        await signer.trusted(cluster),
        '',
        'nothing is trusted before anything is signed',
      );
      const first = signed(await signer.sign(request, subject));
      const leaf = new X509Certificate(first.certificate);
      assert.ok(leaf.verify(new X509Certificate(issuer.authority()).publicKey));
      assert.equal(leaf.subjectAltName, `DNS:${subject.dnsNames[0]}, URI:${subject.uris[0]}`);
      assert.equal(first.trusted, issuer.authority());
      assert.equal(await signer.trusted(cluster), issuer.authority());
      assert.ok(Math.abs(first.renewAfter - Date.now() - 16 * HOUR_MS) < HOUR_MS);
      const [asked, ...others] = await requestsOf(cluster);
      assert.equal(others.length, 0);
      assert.ok(asked);
      assert.deepEqual(asked.metadata.ownerReferences, [subject.owner]);
      const { request: csr, ...spec } = asked['spec'] as Record<string, unknown>;
      assert.deepEqual(spec, {
        issuerRef: { group: 'cert-manager.io', kind: 'Issuer', name: 'corporate' },
        duration: '86400s',
        usages: ['digital signature', 'server auth', 'client auth'],
        isCA: false,
      });
      assert.equal(Buffer.from(String(csr), 'base64').toString(), request.pem);

      // Who asks again gets the same; who asks anew leaves no second request behind.
      assert.equal(signed(await signer.sign(request, subject)).certificate, first.certificate);
      const second = signed(await signer.sign(await requestOf(subject), subject));
      assert.notEqual(second.certificate, first.certificate);
      const other = subjectOf(cluster, 1);
      signed(await signer.sign(await requestOf(other), other));
      assert.equal((await requestsOf(cluster)).length, 2);
    });

    test(verifies('issuer.refusals'), async (t) => {
      const table: Readonly<Record<Fault, readonly [reason: string, says: RegExp]>> = {
        'no-names': ['CertificateUnusable', /asked for the names DNS:.* and gave DNS:nobody/],
        'other-names': ['CertificateUnusable', /and gave .*mcpcluster:\/\/x\/operator/],
        'other-key': ['CertificateUnusable', /it certified another key/],
        'other-authority': ['CertificateUnusable', /did not sign what it issued/],
        'no-authority': ['CertificateUnusable', /does not tell its authority \(status\.ca\)/],
        denies: ['CertificateDenied', /no policy allows it; let the policy of the approver/],
        invalid: ['CertificateRefused', /too long; choose an issuer that signs/],
        fails: ['CertificateRefused', /the vault is sealed; mend the issuer/],
        silent: ['CertificatePending', /waits for Issuer corporate: not approved yet/],
      };
      for (const [fault, [reason, says]] of Object.entries(table) as [Fault, [string, RegExp]][]) {
        await t.test(fault, async () => {
          issuer.fault = fault;
          const cluster = await clusterOf(fault);
          const subject = subjectOf(cluster);
          const request = await requestOf(subject);
          const outcome = await signer.sign(request, subject);
          if (fault === 'silent') assert.equal(outcome.kind, 'pending');
          else assert.match(refused(outcome, reason), says);
          assert.equal(await signer.trusted(cluster), '');
          // The same is what the condition says; of a silent issuer only when it is so for long.
          if (fault === 'silent') clock.shift = 2 * 60_000;
          const facts = await issuerFacts(cluster, { client: api.client, clock });
          assert.equal(facts?.refused[0]?.reason, reason);
          assert.match(facts.refused[0]?.message, says);
          // Once it is mended, the same request is made anew.
          issuer.fault = undefined;
          clock.shift = 2 * 60_000;
          const again = await signer.sign(request, subject);
          signed(again.kind === 'signed' ? again : await signer.sign(request, subject));
          clock.shift = 0;
        });
      }
    });

    test(verifies('issuer.authority-overlaps'), async () => {
      const cluster = await clusterOf('rotated');
      const subject = subjectOf(cluster);
      const old = signed(await signer.sign(await requestOf(subject), subject));
      const before = issuer.authority();
      await issuer.rotate();
      const request = await requestOf(subject);
      const early = await signer.sign(request, subject);
      assert.ok(early.kind === 'pending', JSON.stringify(early));
      assert.match(early.message, /it is used in 300 s, when every pod trusts it/);
      assert.equal(await signer.trusted(cluster), before + issuer.authority());
      clock.shift = 6 * 60_000;
      const next = signed(await signer.sign(request, subject));
      clock.shift = 0;
      assert.equal(next.trusted, before + issuer.authority());
      const leaf = new X509Certificate(next.certificate);
      assert.ok(leaf.verify(new X509Certificate(issuer.authority()).publicKey));
      assert.ok(new X509Certificate(old.certificate).verify(new X509Certificate(before).publicKey));
    });

    test(`${verifies('issuer.authority-overlaps')}: from the own authority, and back`, async () => {
      const own = createOwnSigner({ client: api.client, clock, random });
      const both = createClusterSigner({ own, client: api.client, clock });
      const ref = { namespace: NAMESPACE, name: 'moving' };
      const moved = async (issuerRef: object | null): Promise<McpCluster> => {
        const body = { spec: { tls: { issuerRef } } };
        await api.client.patch(MCP_CLUSTERS, ref, { type: 'merge', body });
        return readCluster(api.client, NAMESPACE, ref.name);
      };
      await clusterOf(ref.name);
      const alone = await moved(null);
      const authority = await both.trusted(alone);
      const by = async (cluster: McpCluster) => {
        const subject = subjectOf(cluster);
        const request = await requestOf(subject);
        return () => both.sign(request, subject);
      };
      assert.equal(signed(await (await by(alone))()).trusted, authority);

      const corporate = await moved({ name: 'corporate' });
      assert.equal(await both.trusted(corporate), authority);
      const ask = await by(corporate);
      assert.equal((await ask()).kind, 'pending', 'the pods do not know the issuer yet');
      assert.equal(await both.trusted(corporate), authority + issuer.authority());
      clock.shift = 6 * 60_000;
      const issued = signed(await ask());
      assert.equal(issued.trusted, authority + issuer.authority());
      const leaf = new X509Certificate(issued.certificate);
      assert.ok(leaf.verify(new X509Certificate(issuer.authority()).publicKey));

      const back = await moved(null);
      const again = signed(await (await by(back))());
      clock.shift = 0;
      assert.ok(again.trusted.includes(issuer.authority()), 'what it signed is still in use');
      const last = new X509Certificate(again.certificate);
      assert.ok(last.verify(new X509Certificate(authority).publicKey));
    });

    test("what pods trust is kept in a ConfigMap, and somebody else's is left alone", async () => {
      const cluster = await clusterOf('kept');
      const map = { namespace: NAMESPACE, name: 'kept-issuer' };
      const foreign = { apiVersion: 'v1', kind: 'ConfigMap', metadata: map, data: { mine: 'yes' } };
      await api.client.create(RESOURCES.configMaps, foreign);
      const subject = subjectOf(cluster);
      const asking = signer.sign(await requestOf(subject), subject);
      await assert.rejects(asking, /ConfigMap kept-issuer belongs to/);
      const found = await api.client.get(RESOURCES.configMaps, map);
      assert.deepEqual(found?.['data'], { mine: 'yes' });
    });
  });
});
