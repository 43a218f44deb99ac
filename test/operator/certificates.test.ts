/** Authorities and what they sign through the years, in virtual time, on an API server in memory. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { RESOURCES, type KubeClient, type KubeObject } from '../../src/kube/index.ts';
import { OVERLAP_MS } from '../../src/operator/identity/authority.ts';
import { createOperatorLeaf } from '../../src/operator/identity/operator-leaf.ts';
import { createOwnSigner } from '../../src/operator/identity/own-signer.ts';
import { podSubject, requestFor } from '../../src/operator/identity/subjects.ts';
import { trustMap } from '../../src/operator/core/index.ts';
import { createMemoryClient } from '../kube/memory-client.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { cluster } from './core/fixtures.ts';

const DAY_MS = 86_400_000;
const AUTHORITY = 'secrets/tools-ca';
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const random = { next: () => 0.5, bytes: (length: number) => new Uint8Array(length) };

/** Whether one who trusts these authorities accepts the certificate. */
const accepts = (authorities: string, cert: string): boolean =>
  (authorities.match(PEM) ?? []).some((pem) =>
    new X509Certificate(cert).verify(new X509Certificate(pem).publicKey),
  );

async function open() {
  const clock = createVirtualClock();
  const memory = createMemoryClient();
  const client = memory as unknown as KubeClient;
  const signer = createOwnSigner({ client, clock, random });
  const subject = podSubject(cluster(), { role: 'member', name: 'tools-2', uid: 'pod-uid' });
  const { request } = await requestFor(subject);
  return {
    ...{ clock, memory, signer, subject, request },
    leaf: createOperatorLeaf({ signer, clock }),
    trusted: () => signer.trusted(cluster()),
    async sign() {
      const outcome = await signer.sign(request, subject);
      assert.ok(outcome.kind === 'signed');
      return outcome;
    },
    /** As the reconciler does it with what `trusted` told. */
    publish(members: string): void {
      const map = trustMap(cluster(), { members, operator: undefined });
      memory.objects.set('configmaps/tools-trust', map as unknown as KubeObject);
    },
  };
}

void suite('certificates of a cluster', () => {
  test('a pod gets its own names and nothing else, for as long as the spec says', async () => {
    const { clock, memory, signer, sign, subject, request, trusted } = await open();
    const early = await signer.sign(request, subject);
    assert.equal(early.kind, 'pending', 'the authority is made by who leads');
    const members = await trusted();
    const signed = await sign();
    assert.equal(signed.trusted, members);
    const leaf = new X509Certificate(signed.certificate);
    assert.ok(accepts(members, signed.certificate));
    const host = 'tools-2.tools-peers.team.svc';
    assert.equal(
      leaf.subjectAltName,
      `DNS:${host}, DNS:${host}.cluster.local, DNS:tools-peers.team.svc, URI:mcpcluster://uid-1/member/tools-2`,
    );
    assert.equal(Date.parse(leaf.validTo) - clock.wall(), 90 * DAY_MS);
    assert.equal(signed.renewAfter - clock.wall(), 60 * DAY_MS);
    assert.deepEqual(memory.writes, [`create ${AUTHORITY}`]);
    assert.doesNotMatch(JSON.stringify(signed), /PRIVATE KEY/);
  });

  test(verifies('operator.certificates'), async () => {
    const { clock, leaf, trusted } = await open();
    const ensure = async () => {
      const made = await leaf.ensure(cluster(), await trusted());
      assert.ok('material' in made);
      return made.material;
    };
    const first = await ensure();
    assert.match(new X509Certificate(first.cert).subjectAltName ?? '', /^URI:.*uid-1\/operator$/);
    clock.freeze(59 * DAY_MS);
    assert.deepEqual(await ensure(), first);
    clock.freeze(2 * DAY_MS);
    const second = await ensure();
    assert.notEqual(second.cert, first.cert);
    assert.equal(second.ca, first.ca);
    assert.ok(Date.parse(new X509Certificate(first.cert).validTo) > clock.wall());
  });

  test(verifies('operator.authority-overlaps'), async () => {
    const { clock, memory, sign, trusted } = await open();
    const first = await trusted();
    const states = [{ ca: first, cert: (await sign()).certificate, keys: 1 }];
    clock.freeze(3_235 * DAY_MS);
    for (let quarter = 0; quarter < 100; quarter += 1) {
      clock.freeze(DAY_MS / 4);
      const ca = await trusted();
      const { certificate: cert, renewAfter } = await sign();
      const keys = Object.keys(memory.objects.get(AUTHORITY)?.['data'] as object).length;
      states.push({ ca, cert, keys });
      if (keys === 2 || new X509Certificate(cert).verify(newest(ca))) continue;
      // Signed by the one that goes: it is renewed after everybody trusts the next one, before it is retired.
      const waitMs = renewAfter - clock.wall();
      assert.ok(waitMs > OVERLAP_MS / 4 && waitMs < 2 * OVERLAP_MS, String(waitMs));
    }
    for (const [i, state] of states.entries()) {
      const before = states[i - 1] ?? state;
      assert.ok(accepts(state.ca, before.cert), `step ${i}: who is behind is accepted`);
      // The first step took nine years.
      if (i > 1) assert.ok(accepts(before.ca, state.cert), `step ${i}: who is behind accepts`);
    }
    const last = states.at(-1);
    assert.ok(!accepts(last?.ca ?? '', states[0]?.cert ?? ''), 'the first authority is retired');
    // Certificate and key; those of the one before it for two days, then neither.
    assert.deepEqual([...new Set(states.slice(1).map(({ keys }) => keys))], [2, 4]);
    assert.equal(last?.keys, 2);
  });

  test('a lost authority is replaced, and what it had signed stays accepted for two days', async () => {
    const { clock, memory, sign, trusted, publish, leaf } = await open();
    const first = await trusted();
    publish(first);
    const before = (await sign()).certificate;
    const own = await leaf.ensure(cluster(), first);
    memory.objects.delete(AUTHORITY);
    const second = await trusted();
    publish(second);
    assert.ok(accepts(second, before) && second.endsWith(first));
    const kept = await leaf.ensure(cluster(), second);
    assert.ok('material' in own && 'material' in kept);
    assert.equal(kept.material.cert, own.material.cert, 'not everybody trusts the new one yet');
    // A pod that starts now can have nothing else than what the new one signs.
    assert.ok(accepts(second, (await sign()).certificate));
    clock.freeze(2 * DAY_MS + 1);
    const third = await trusted();
    assert.ok(!accepts(third, before));
    const renewed = await leaf.ensure(cluster(), third);
    assert.ok('material' in renewed && accepts(third, renewed.material.cert));
  });

  test('what a clock that was ahead has made is made again when the clock is right', async () => {
    const { clock, memory, leaf, trusted } = await open();
    const ensure = async () => {
      const made = await leaf.ensure(cluster(), await trusted());
      assert.ok('material' in made);
      return made.material;
    };
    const isValid = (pem: string): boolean => {
      const { validFrom, validTo } = new X509Certificate(pem);
      return Date.parse(validFrom) <= clock.wall() && clock.wall() < Date.parse(validTo);
    };
    const first = await ensure();
    clock.freeze(4_000 * DAY_MS);
    await ensure();
    clock.freeze(-4_000 * DAY_MS);
    const second = await ensure();
    assert.ok(accepts(second.ca, second.cert) && accepts(first.ca, second.cert));
    assert.ok(isValid(second.cert));
    // A cluster that was made while the clock was ahead has no authority to go back to.
    memory.objects.delete(AUTHORITY);
    clock.freeze(4_000 * DAY_MS);
    const ahead = await ensure();
    clock.freeze(-4_000 * DAY_MS);
    const right = await ensure();
    assert.ok(isValid(right.cert) && isValid(right.ca));
    assert.ok(accepts(right.ca, ahead.cert), 'who has the old one is accepted');
  });

  test('an authority that is not ours, or that somebody damaged, is not used', async () => {
    const { memory, trusted } = await open();
    const metadata = { namespace: 'team', name: 'tools-ca' };
    const foreign = { apiVersion: 'v1', kind: 'Secret', metadata, data: {} };
    await memory.create(RESOURCES.secrets, foreign);
    await assert.rejects(trusted(), /Secret tools-ca belongs to/);
    memory.objects.delete(AUTHORITY);
    await trusted();
    const ours = memory.objects.get(AUTHORITY) as KubeObject & { data: Record<string, string> };
    memory.objects.set(AUTHORITY, { ...ours, data: { 'ca.crt': ours.data['ca.crt'] } });
    await assert.rejects(trusted(), /removed ca.crt or ca.key/);
  });
});

const newest = (authorities: string) => new X509Certificate(authorities).publicKey;
