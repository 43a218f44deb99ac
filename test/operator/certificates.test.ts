/** Certificates through the years, in virtual time, on an API server in memory. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import {
  RESOURCES,
  type KubeClient,
  type KubeObject,
  type KubeResource,
  type ResourceType,
} from '../../src/kube/index.ts';
import { createApplier } from '../../src/operator/applier.ts';
import { ensureCertificates } from '../../src/operator/certificates.ts';
import type { TlsMaterial } from '../../src/security/index.ts';
import { silentLogger as logger } from '../../src/telemetry/index.ts';
import { createMemoryClient } from '../kube/memory-client.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { cluster } from './core/fixtures.ts';

const DAY_MS = 86_400_000;
const AUTHORITY = 'secrets/tools-ca';
const CERTIFICATE = 'secrets/tools-tls';

/** Whether one who trusts these authorities accepts the certificate. */
function accepts(authorities: string, cert: string): boolean {
  const leaf = new X509Certificate(cert);
  const pems = authorities.split(/(?<=-----END CERTIFICATE-----)\n/).filter((pem) => pem !== '');
  return pems.some((pem) => leaf.verify(new X509Certificate(pem).publicKey));
}

function open() {
  const clock = createVirtualClock();
  const memory = createMemoryClient();
  /** One field manager: an apply is the object itself. */
  const apply = async <T extends KubeResource>(type: ResourceType, object: T): Promise<T> => {
    memory.writes.push(`apply ${type.plural}/${object.metadata.name}`);
    memory.objects.set(`${type.plural}/${object.metadata.name}`, object as unknown as KubeObject);
    return object;
  };
  const client = { ...memory, apply } as unknown as KubeClient;
  const options = { client, clock, applier: createApplier({ client, logger }) };
  return { clock, memory, ensure: () => ensureCertificates(cluster(), options) };
}

void suite('certificates', () => {
  test('one authority, one certificate for every peer name and the cluster id', async () => {
    const { memory, ensure } = open();
    const material = await ensure();
    const leaf = new X509Certificate(material.cert);
    assert.ok(leaf.verify(new X509Certificate(material.ca).publicKey));
    assert.ok(leaf.checkHost('tools-2.tools-peers.team.svc'));
    assert.match(leaf.subjectAltName ?? '', /URI:mcpcluster:\/\/uid-1/);
    assert.deepEqual(memory.writes, [`create ${AUTHORITY}`, `apply ${CERTIFICATE}`]);
    assert.deepEqual(await ensure(), material);
    assert.equal(memory.writes.length, 2);
    assert.equal(JSON.stringify(memory.objects.get(CERTIFICATE)).includes('ca.key'), false);
  });

  test(verifies('operator.certificates'), async () => {
    const { clock, ensure } = open();
    const first = await ensure();
    clock.freeze(59 * DAY_MS);
    assert.equal((await ensure()).cert, first.cert);
    clock.freeze(2 * DAY_MS);
    const second = await ensure();
    assert.notEqual(second.cert, first.cert);
    assert.equal(second.ca, first.ca);
    assert.ok(Date.parse(new X509Certificate(first.cert).validTo) > clock.wall());
  });

  test(verifies('operator.authority-overlaps'), async () => {
    const { clock, memory, ensure } = open();
    const first = await ensure();
    const states = [first];
    clock.freeze(3_455 * DAY_MS);
    for (let quarter = 0; quarter < 100; quarter += 1) {
      clock.freeze(DAY_MS / 4);
      states.push(await ensure());
    }
    for (const [i, state] of states.entries()) {
      const before = states[i - 1] ?? state;
      assert.ok(accepts(state.ca, before.cert), `step ${i}: who is behind is accepted`);
      // The first step took ten years.
      if (i > 1) assert.ok(accepts(before.ca, state.cert), `step ${i}: who is behind accepts`);
    }
    const last = states.at(-1) as TlsMaterial;
    assert.ok(!accepts(last.ca, first.cert), 'the first authority is retired');
    const counts = states.map(({ ca }) => ca.split('BEGIN').length - 1);
    assert.deepEqual([...new Set(counts)], [1, 2]);
    assert.equal(counts.at(-1), 1);
    // What is kept of the old one is its certificate, never its key.
    assert.equal(Object.keys(memory.objects.get(AUTHORITY)?.['data'] as object).length, 2);
  });

  test('a lost authority is replaced as a rotation is: nobody who runs is refused', async () => {
    const { clock, memory, ensure } = open();
    const first = await ensure();
    memory.objects.delete(AUTHORITY);
    const second = await ensure();
    assert.equal(second.cert, first.cert, 'nobody trusts the new authority yet');
    assert.ok(accepts(second.ca, first.cert));
    clock.freeze(1.5 * DAY_MS);
    const third = await ensure();
    assert.notEqual(third.cert, first.cert);
    assert.ok(accepts(second.ca, third.cert) && accepts(third.ca, first.cert));
    clock.freeze(DAY_MS);
    const fourth = await ensure();
    assert.equal(fourth.cert, third.cert);
    assert.ok(!accepts(fourth.ca, first.cert));
  });

  test('what a clock that was ahead has made is made again when the clock is right', async () => {
    const { clock, memory, ensure } = open();
    const isValid = ({ cert, ca }: TlsMaterial): boolean =>
      [cert, ca].every((pem) => {
        const { validFrom, validTo } = new X509Certificate(pem);
        return Date.parse(validFrom) <= clock.wall() && clock.wall() < Date.parse(validTo);
      });
    const first = await ensure();
    clock.freeze(4_000 * DAY_MS);
    await ensure();
    clock.freeze(-4_000 * DAY_MS);
    const second = await ensure();
    assert.ok(accepts(second.ca, second.cert) && accepts(first.ca, second.cert));
    assert.ok(Date.parse(new X509Certificate(second.cert).validFrom) <= clock.wall());
    // A cluster that was made while the clock was ahead has no authority to go back to.
    for (const name of [AUTHORITY, CERTIFICATE]) memory.objects.delete(name);
    clock.freeze(4_000 * DAY_MS);
    const ahead = await ensure();
    clock.freeze(-4_000 * DAY_MS);
    const right = await ensure();
    assert.ok(isValid(right));
    assert.ok(accepts(right.ca, ahead.cert), 'who has the old one is accepted');
  });

  test('a Secret that is deleted or damaged is made again', async () => {
    const { memory, ensure } = open();
    const first = await ensure();
    memory.objects.delete(CERTIFICATE);
    assert.equal((await ensure()).ca, first.ca);
    const damaged = memory.objects.get(CERTIFICATE) as KubeObject;
    memory.objects.set(CERTIFICATE, { ...damaged, data: { 'tls.crt': 'bm9uc2Vuc2U=' } });
    const repaired = await ensure();
    assert.ok(new X509Certificate(repaired.cert).checkHost('tools-0.tools-peers.team.svc'));
    memory.objects.delete(AUTHORITY);
    assert.notEqual((await ensure()).ca, first.ca, 'a lost key means a new authority');
  });

  test('an authority that is not ours is not used', async () => {
    const { memory, ensure } = open();
    const metadata = { namespace: 'team', name: 'tools-ca' };
    const foreign = { apiVersion: 'v1', kind: 'Secret', metadata, data: {} };
    await memory.create(RESOURCES.secrets, foreign);
    await assert.rejects(ensure(), /Secret tools-ca belongs to/);
    assert.equal(memory.objects.has(CERTIFICATE), false);
  });
});
