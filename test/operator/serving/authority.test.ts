/** The operator's own authority through the years, in virtual time, on an API server in memory. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import type { KubeClient, KubeObject } from '../../../src/kube/index.ts';
import { createServingAuthority } from '../../../src/operator/serving/authority.ts';
import type { ServingMaterial } from '../../../src/operator/serving/listener.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { eventually } from '../../eventually.ts';
import { createMemoryClient } from '../../kube/memory-client.ts';
import { verifies } from '../../requirements.ts';
import { createVirtualClock, type VirtualClock } from '../../virtual-clock.ts';

const DAY_MS = 86_400_000;
const SECRET = 'secrets/own-authority';

function world() {
  return { clock: createVirtualClock(), objects: new Map<string, KubeObject>() };
}

function operator(
  { clock, objects }: { clock: VirtualClock; objects: Map<string, KubeObject> },
  isLeading: boolean,
  logger = silentLogger,
) {
  const memory = createMemoryClient(objects);
  const authority = createServingAuthority({
    client: memory as unknown as KubeClient,
    ...{ clock, logger, namespace: 'system', name: 'own-authority' },
    hosts: ['operator.system.svc', '127.0.0.1'],
    service: 'operator',
    isLeading: () => isLeading,
  });
  const shown: ServingMaterial[] = [];
  authority.onMaterial((material) => shown.push(material));
  return { authority, memory, shown };
}

const accepts = (authorities: string, { cert }: ServingMaterial): boolean =>
  (authorities.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).some((pem) =>
    new X509Certificate(cert).verify(new X509Certificate(pem).publicKey),
  );

void suite('authority of the operator', () => {
  test(verifies('operator.serving-authority'), async () => {
    const here = world();
    const waiting = operator(here, false);
    const waits = waiting.authority.start();
    await here.clock.advance(2_000);
    assert.equal(waiting.authority.trusted(), undefined);
    const leading = operator(here, true);
    const first = await leading.authority.start();
    const leaf = new X509Certificate(first.cert);
    assert.ok(leaf.checkHost('operator.system.svc') && leaf.checkIP('127.0.0.1'));
    const advance = (ms: number, what: string, holds: () => boolean): Promise<true | undefined> =>
      eventually(what, async () => {
        await here.clock.advance(ms);
        return holds();
      });
    await advance(500, 'the other to read it', () => waiting.authority.trusted() !== undefined);
    const other = await waits;
    assert.notEqual(other.key, first.key, 'each has a key of its own');
    assert.ok(accepts(leading.authority.trusted() ?? '', other));
    assert.deepEqual(waiting.memory.writes, []);

    // Its Secret is lost: who leads makes another one, and shows a certificate of that.
    here.objects.delete(SECRET);
    const count = leading.shown.length;
    await advance(60_000, 'another certificate', () => leading.shown.length > count);
    assert.ok(accepts(leading.authority.trusted() ?? '', leading.shown.at(-1) as ServingMaterial));
    leading.authority.stop();
    waiting.authority.stop();
  });

  test('what replaces it is trusted a day before it is shown', async () => {
    const here = world();
    const { authority, shown, memory } = operator(here, true);
    await authority.start();
    const before = authority.trusted() ?? '';
    here.clock.freeze(3_251 * DAY_MS);
    const step = (what: string, holds: () => boolean): Promise<true | undefined> =>
      eventually(what, async () => {
        await here.clock.advance(60_000);
        return holds();
      });
    await step('the next authority', () => authority.trusted() !== before);
    const both = authority.trusted() ?? '';
    assert.ok(both.endsWith(before));
    await step('a renewed certificate', () => shown.length > 1);
    assert.ok(accepts(before, shown.at(-1) as ServingMaterial), 'who is behind accepts it');
    const certificates = shown.length;
    here.clock.freeze(DAY_MS);
    await step('the next one to sign', () => shown.length > certificates);
    assert.ok(!accepts(before, shown.at(-1) as ServingMaterial));
    here.clock.freeze(DAY_MS);
    await step('the last one to go', () => authority.trusted() !== both);
    assert.ok(accepts(authority.trusted() ?? '', shown.at(-1) as ServingMaterial));
    assert.ok(!JSON.stringify(memory.objects.get(SECRET)).includes('previous'));
    authority.stop();
  });

  test('its Secret goes with the Service that it is for: the one of now, not one of before', async () => {
    const here = world();
    const ownerOf = () =>
      here.objects
        .get(SECRET)
        ?.metadata.ownerReferences?.map(({ kind, name, uid }) => [...[kind, name, uid]]);
    const live = async () => {
      const { authority, memory } = operator(here, true);
      const { cert } = await authority.start();
      assert.ok(accepts(authority.trusted() ?? '', { cert, key: '' }));
      authority.stop();
      return memory.writes;
    };
    const setService = (uid: string) => {
      const metadata = { namespace: 'system', name: 'operator', uid };
      here.objects.set('services/operator', { apiVersion: 'v1', kind: 'Service', metadata });
    };
    await live();
    assert.equal(ownerOf(), undefined, 'outside of a cluster there is no Service');
    const before = JSON.stringify(here.objects.get(SECRET)?.['data']);
    setService('one');
    assert.deepEqual(await live(), [`patch ${SECRET}`]);
    assert.deepEqual(ownerOf(), [['Service', 'operator', 'one']]);
    assert.deepEqual(await live(), []);
    setService('two');
    await live();
    assert.deepEqual(ownerOf(), [['Service', 'operator', 'two']]);
    assert.equal(JSON.stringify(here.objects.get(SECRET)?.['data']), before);
    here.objects.delete(SECRET);
    assert.deepEqual(await live(), [`create ${SECRET}`]);
    assert.deepEqual(ownerOf(), [['Service', 'operator', 'two']]);
  });

  test('a Secret of somebody else is left alone, and that is told once', async () => {
    const here = world();
    const lines: string[] = [];
    const logger = {
      ...silentLogger,
      warn: (_message: string, fields: object = {}) => void lines.push(JSON.stringify(fields)),
    };
    const { authority, memory } = operator(here, true, logger);
    const metadata = { namespace: 'system', name: 'own-authority' };
    here.objects.set(SECRET, { apiVersion: 'v1', kind: 'Secret', metadata });
    const started = authority.start();
    await here.clock.advance(5_000);
    assert.equal(lines.length, 1);
    assert.match(
      lines[0] ?? '',
      /Secret own-authority is not the operator's: delete it, or name another/,
    );
    assert.deepEqual(memory.writes, []);
    authority.stop();
    await assert.rejects(started, /stopped/);
  });
});
