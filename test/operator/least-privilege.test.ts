/** The operator as its own ServiceAccount, with only the rights of the install manifests, at a real API server. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { operatorManifests } from '../../deploy/manifests.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createKubeClient,
  KubeError,
  loadKubeConnection,
  RESOURCES,
  type KubeClient,
  type KubeObject,
} from '../../src/kube/index.ts';
import { runOperator } from '../../src/operator/index.ts';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { createMetrics, silentLogger as logger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { startFakePods } from './fake-pods.ts';
import { readCluster, skip, startRealApi, userCluster, type RealApi } from './real-api.ts';

const NAMESPACE = 'privilege';
const USER = 'system:serviceaccount:mcp-cluster-system:mcp-cluster-operator';

void suite('operator with the rights it is installed with', { skip }, () => {
  let api: RealApi;
  let client: KubeClient;
  const refusals: string[] = [];
  before(async () => {
    api = await startRealApi(true);
    for (const manifest of operatorManifests() as readonly KubeObject[]) {
      const type = Object.values(RESOURCES).find(({ kind }) => kind === manifest.kind);
      assert.ok(type, manifest.kind);
      await api.client.apply(type, manifest, { fieldManager: 'test' });
    }
    const { kubeconfig } = api.plane;
    const connection = await loadKubeConnection({ kubeconfig, impersonateUser: USER });
    const metrics = createMetrics();
    client = noting(createKubeClient(connection, { clock, random, metrics }), refusals);
    await api.namespace(NAMESPACE);
  });
  after(async () => {
    await client?.close();
    await api?.stop();
  });

  test(verifies('operator.least-privilege'), async () => {
    const pods = startFakePods(api.client, NAMESPACE);
    const operator = await runOperator({
      client,
      leaseNamespace: 'mcp-cluster-system',
      logger,
      sidecars: pods.sidecars,
    });
    try {
      const ref = { namespace: NAMESPACE, name: 'tools' };
      const patch = (spec: Record<string, unknown>) =>
        api.client.patch(MCP_CLUSTERS, ref, { type: 'merge', body: { spec } });
      const until = (what: string, holds: (phase: string | undefined) => boolean) =>
        eventually(what, async () =>
          holds((await readCluster(api.client, NAMESPACE, 'tools')).status?.phase),
        );
      const providers = [{ name: 'pods', tokenReview: { audiences: ['tools'] } }];
      const spec = { gateway: { auth: { providers } } };
      await api.client.create(MCP_CLUSTERS, userCluster(NAMESPACE, 'tools', spec));
      await until('Running', (phase) => phase === 'Running');
      await eventually('what the sidecars may not do to be asked for', async () => {
        const { status } = await readCluster(api.client, NAMESPACE, 'tools');
        return status?.conditions?.some(({ reason }) => reason === 'TokenReviewForbidden');
      });
      pods.started.splice(0);
      await patch({ server: { image: 'docker.io/mcp/everything:2', port: 3001 } });
      await eventually('the rollout', () => pods.started.length === 3);
      await until('Running again', (phase) => phase === 'Running');
      await eventually('an event', async () => {
        const { items } = await api.client.list(RESOURCES.events, { namespace: NAMESPACE });
        return items.some((event) => event['reason'] === 'ReplacingPod');
      });
      assert.deepEqual(refusals, []);
    } finally {
      await operator.stop();
      await pods.stop();
    }
  });

  test('it may neither list Secrets nor enter pods nor touch what it does not manage', async () => {
    await assert.rejects(client.list(RESOURCES.secrets), { status: 403 });
    await assert.rejects(client.list(RESOURCES.nodes), { status: 403 });
    const ref = { namespace: NAMESPACE, name: 'tools' };
    await assert.rejects(client.delete(RESOURCES.services, ref), { status: 403 });
    const exec = `/api/v1/namespaces/${NAMESPACE}/pods/tools-0/exec?command=id`;
    await assert.rejects(client.raw('POST', exec), { status: 403 });
  });
});

test('the install manifests use no wildcard', () => {
  assert.ok(!JSON.stringify(operatorManifests()).includes('"*"'));
});

/** `client` that writes down what it was forbidden. */
function noting(client: KubeClient, refusals: string[]): KubeClient {
  return new Proxy(client, {
    get(target, name: keyof KubeClient) {
      return (...args: unknown[]): unknown => {
        const result = (target[name] as (...all: unknown[]) => unknown)(...args);
        return result instanceof Promise
          ? result.catch((error: unknown) => {
              if (error instanceof KubeError && error.status === 403) refusals.push(error.message);
              throw error;
            })
          : result;
      };
    },
  });
}
