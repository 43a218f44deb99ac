/** What a real API server answers to good and bad McpClusters; skipped unless KUBEBUILDER_ASSETS is set. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { loadAll } from 'js-yaml';
import { KubeError, type KubeObject } from '../../src/kube/index.ts';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import {
  readCluster,
  skip,
  startRealApi,
  userCluster,
  type RealApi,
} from '../operator/real-api.ts';
import { verifies } from '../requirements.ts';
import { REFUSED } from './refused.ts';

const NAMESPACE = 'default';
void suite('McpCluster at a real API server', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(false);
  });
  after(() => api?.stop());

  const refusal = async (object: KubeObject): Promise<string> => {
    const refused = await api.client.create(MCP_CLUSTERS, object, { dryRun: true }).then(
      () => assert.fail(`accepted: ${JSON.stringify(object['spec'])}`),
      (error: unknown) => error,
    );
    assert.ok(refused instanceof KubeError, String(refused));
    assert.ok([400, 422].includes(refused.status), refused.message);
    return refused.message;
  };

  test(verifies('api.bad-input'), async (t) => {
    for (const [spec, path, says] of REFUSED) {
      await t.test(`${path}: ${JSON.stringify(spec)}`, async () => {
        const message = await refusal(userCluster(NAMESPACE, 'bad', spec));
        assert.ok(message.includes(path), message);
        assert.match(message, says);
      });
    }
  });

  test('a name that no Service can have is refused', async () => {
    assert.match(
      await refusal(userCluster(NAMESPACE, '1abc')),
      /metadata.name.*start with a letter/,
    );
    assert.match(await refusal(userCluster(NAMESPACE, 'a'.repeat(53))), /metadata.name/);
    const backup = { schedule: '0 * * * *', volume: { size: '1Gi' } };
    assert.match(
      await refusal(userCluster(NAMESPACE, 'a'.repeat(46), { backup })),
      /spec.backup.*at most 45 characters/,
    );
  });

  test(verifies('api.defaults'), async () => {
    const { client } = api;
    await client.create(
      MCP_CLUSTERS,
      userCluster(NAMESPACE, 'defaults', { server: { image: 'x' } }),
    );
    const { spec } = await readCluster(client, NAMESPACE, 'defaults');
    assert.equal(spec.replicas, 3);
    assert.equal(spec.voters, undefined);
    assert.equal(spec.server.port, 3000);
    assert.equal(spec.server.path, '/mcp');
    assert.deepEqual(spec.consensus, {
      heartbeatInterval: '50ms',
      electionTimeout: { min: '200ms', max: '400ms' },
    });
    assert.equal(spec.gateway.limits.streamsPerSession, 16);
    assert.equal(spec.sessions.resume.events, 256);
    assert.equal(spec.storage.size, '1Gi');
    assert.equal(spec.podTemplate.antiAffinity, 'Preferred');
    assert.deepEqual(spec.update, { mode: 'Automatic', maxUnavailable: 1 });
    assert.deepEqual(spec.storage.retention, { whenDeleted: 'Delete', whenScaled: 'Delete' });
  });

  test(verifies('api.immutable'), async () => {
    const { client } = api;
    const name = 'fixed';
    const patch = (spec: Record<string, unknown>) =>
      client.patch(MCP_CLUSTERS, { namespace: NAMESPACE, name }, { type: 'merge', body: { spec } });
    await client.create(
      MCP_CLUSTERS,
      userCluster(NAMESPACE, name, {
        replicas: 5,
        voters: 3,
        storage: { storageClassName: 'fast' },
        backup: { schedule: '*/5 1-3,22 * JAN-MAR,dec mon-FRI', volume: { size: '1Gi' } },
        bootstrap: { restore: { claimName: 'old-backup' } },
      }),
    );
    const table: readonly [Record<string, unknown>, RegExp][] = [
      [
        { storage: { size: '1023Mi' } },
        /spec.storage.size.*cannot be made smaller, from 1Gi to 1023Mi/,
      ],
      [
        { storage: { storageClassName: 'slow' } },
        /spec.storage.storageClassName.*cannot be changed/,
      ],
      [{ storage: { storageClassName: null } }, /spec.storage.storageClassName.*cannot be changed/],
      [
        { backup: { volume: { size: '1Mi' } } },
        /spec.backup.volume.size.*cannot be made smaller, from 1Gi to 1Mi/,
      ],
      [
        { backup: { volume: { storageClassName: 'slow' } } },
        /spec.backup.volume.storageClassName.*cannot be changed/,
      ],
      [{ bootstrap: null }, /spec.bootstrap.*cannot be changed/],
      [{ bootstrap: { restore: { claimName: 'newer' } } }, /spec.bootstrap.*cannot be changed/],
    ];
    for (const [spec, says] of table) {
      await assert.rejects(patch(spec), (error: unknown) => says.test((error as Error).message));
    }
    await patch({ voters: 5 });
    await patch({ backup: { volume: { claimName: 'own', size: null } } });
    await patch({ backup: null });
    await patch({ voters: null, replicas: 3, server: { image: 'y' } });
    const later = userCluster(NAMESPACE, 'later');
    await client.create(MCP_CLUSTERS, later);
    const body = { spec: { bootstrap: { restore: { claimName: 'old-backup' } } } };
    await assert.rejects(
      client.patch(MCP_CLUSTERS, { namespace: NAMESPACE, name: 'later' }, { type: 'merge', body }),
      /spec.bootstrap.*cannot be changed/,
    );
  });

  test('the scale subresource reads and writes replicas, within the rules', async () => {
    const { client } = api;
    const ref = { namespace: NAMESPACE, name: 'scaled' };
    await client.create(MCP_CLUSTERS, userCluster(NAMESPACE, ref.name, { replicas: 3, voters: 3 }));
    const scale = (replicas: number) =>
      client.patch(MCP_CLUSTERS, ref, {
        type: 'merge',
        body: { spec: { replicas } },
        subresource: 'scale',
      });
    await scale(5);
    assert.equal((await readCluster(client, NAMESPACE, ref.name)).spec.replicas, 5);
    await assert.rejects(scale(1), /3 voters need at least as many replicas/);
  });

  test('a weight of a pod that scaling takes away stands in no way, but a new one of no pod does', async () => {
    const { client } = api;
    const ref = { namespace: NAMESPACE, name: 'weighted' };
    const weights = [{ pod: 'weighted-4', weight: 3 }];
    const spec = { replicas: 5, voters: 3, loadBalancing: { weights } };
    await client.create(MCP_CLUSTERS, userCluster(NAMESPACE, ref.name, spec));
    const patch = (body: object, subresource?: 'status' | 'scale') =>
      client.patch(MCP_CLUSTERS, ref, {
        type: 'merge',
        body,
        ...(subresource === undefined ? {} : { subresource }),
      });
    await patch({ status: { voters: 3 } }, 'status');
    await patch({ spec: { replicas: 3 } }, 'scale');
    await patch({ spec: { paused: true } });
    const more = [...weights, { pod: 'weighted-3', weight: 1 }];
    await assert.rejects(
      patch({ spec: { loadBalancing: { weights: more } } }),
      /spec.loadBalancing.weights.*must name pods of this cluster/,
    );
    const zeros = [0, 1, 2].map((ordinal) => ({ pod: `weighted-${ordinal}`, weight: 0 }));
    await assert.rejects(
      patch({ spec: { loadBalancing: { weights: [...weights, ...zeros] } } }),
      /sum to 0/,
    );
  });

  test(verifies('api.samples'), async (t) => {
    const folder = new URL('../../deploy/samples/', import.meta.url);
    const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
    assert.ok(files.length > 5);
    for (const file of files) {
      await t.test(file, async () => {
        const objects = loadAll(await readFile(new URL(file, folder), 'utf8')) as KubeObject[];
        const clusters = objects.filter(({ kind }) => kind === 'McpCluster');
        assert.ok(clusters.length > 0, 'a sample without a McpCluster');
        for (const object of clusters) {
          const metadata = { ...object.metadata, namespace: NAMESPACE };
          await api.client.create(MCP_CLUSTERS, { ...object, metadata }, { dryRun: true });
        }
        for (const object of objects.filter(({ kind }) => kind === 'HorizontalPodAutoscaler')) {
          const { metadata } = object;
          const path = `/apis/autoscaling/v2/namespaces/${NAMESPACE}/horizontalpodautoscalers`;
          await api.client.raw('POST', `${path}?dryRun=All&fieldValidation=Strict`, {
            body: { ...object, metadata: { ...metadata, namespace: NAMESPACE } },
          });
        }
      });
    }
  });
});
