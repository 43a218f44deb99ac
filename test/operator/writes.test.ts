/** What the operator writes while a cluster starts, is drained and is meddled with, at a real API server. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { RESOURCES, type KubeClient, type KubeResource } from '../../src/kube/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { isCalm, NAME, openBench } from './bench.ts';
import { skip, startRealApi, type RealApi } from './real-api.ts';

const FOLLOWING_THE_TRUTH = ['EndpointSlice', 'PodDisruptionBudget'];

/** `client` that writes down each apply of an object, with what it changed of it. */
function tellingChanges(client: KubeClient, lines: string[]): KubeClient {
  return {
    ...client,
    async apply<T extends KubeResource>(...args: Parameters<KubeClient['apply']>): Promise<T> {
      const [type, { metadata }] = args;
      const { namespace = '', name = '' } = metadata;
      const found = await client.get(type, { namespace, name });
      const made = await client.apply(...args);
      const isSame = found?.metadata.resourceVersion === made.metadata.resourceVersion;
      if (type.kind !== 'McpCluster')
        lines.push(`${type.kind} ${isSame ? 'as it was' : 'changed'}`);
      return made as T;
    },
  };
}

void suite('writes of the operator', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(true);
  });
  after(() => api?.stop());

  test(verifies('operator.writes-have-a-reason'), async (t) => {
    const writes: string[] = [];
    const said: string[] = [];
    const logger = {
      ...silentLogger,
      child: () => silentLogger,
      info: (message: string, fields?: Readonly<Record<string, unknown>>) =>
        void said.push(`${message}: ${String(fields?.['kind'])}`),
    };
    const b = await openBench(api, t, tellingChanges(api.client, writes), { logger });
    await b.create();
    await b.until('calm', isCalm);
    for (const name of ['tools-2', 'tools-1', 'tools-0']) {
      const pods = b.pods.started.length;
      await eventually('the eviction', () => evict(api.client, b.namespace, name));
      await eventually('its successor', () => b.pods.started.length > pods);
      await b.until('calm', isCalm);
    }
    assert.deepEqual(
      writes.filter((line) => line.endsWith('as it was')),
      [],
      'each write changes something',
    );
    const repaired = (): string[] => said.filter((line) => line.startsWith('object repaired'));
    assert.deepEqual(repaired(), [], 'nobody else changes what is written');
    for (const kind of FOLLOWING_THE_TRUTH) {
      const count = writes.filter((line) => line.startsWith(kind)).length;
      // Made; three pods are there, then ready; three more leave, are gone, are back, then ready. A slow machine shows each of these.
      assert.ok(count <= 1 + 3 * 2 + 3 * 4, `${count} writes of ${kind}`);
      assert.ok(said.includes(`object updated: ${kind}`));
    }
    const ref = { namespace: b.namespace, name: NAME };
    const body = { spec: { maxUnavailable: 3 } };
    await api.client.patch(RESOURCES.podDisruptionBudgets, ref, { type: 'merge', body });
    await eventually('the repair', () => repaired().length === 1);
    assert.deepEqual(repaired(), ['object repaired: PodDisruptionBudget']);
  });
});

async function evict(client: KubeClient, namespace: string, name: string): Promise<boolean> {
  const metadata = { name, namespace };
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata };
  await client.raw('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, { body });
  return true;
}
