/** An operator that watches some namespaces only, and one that waits for the Lease of another, at a real API server. */
import assert from 'node:assert/strict';
import { after, before, suite, test, type TestContext } from 'node:test';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { systemClock as clock, systemRandom as random, UsageError } from '../../src/host/index.ts';
import {
  createKubeClient,
  createKubeConnection,
  loadKubeConnection,
  RESOURCES,
  type KubeObject,
} from '../../src/kube/index.ts';
import { runOperator, type RunningOperator } from '../../src/operator/index.ts';
import { createMetrics, silentLogger as logger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../free-ports.ts';
import { verifies } from '../requirements.ts';
import { skip, startRealApi, userCluster, type RealApi } from './real-api.ts';

void suite('operator for some namespaces, and one that waits', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(false);
  });
  after(() => api?.stop());

  test(verifies('operator.watch-namespaces'), async (t) => {
    const watched = [await api.namespace('team-a'), await api.namespace('team-b')];
    const other = await api.namespace('team-c');
    const { client } = api;
    const operator = await runOperator({
      client,
      watchNamespaces: watched,
      leaderElect: false,
      logger,
    });
    t.after(() => operator.stop());
    await client.create(MCP_CLUSTERS, userCluster(other, 'tools'));
    const hasSet = async (namespace: string): Promise<boolean> =>
      (await client.get(RESOURCES.statefulSets, { namespace, name: 'tools' })) !== undefined;
    for (const namespace of watched) {
      await client.create(MCP_CLUSTERS, userCluster(namespace, 'tools'));
      await eventually(`the StatefulSet in ${namespace}`, () => hasSet(namespace));
    }
    assert.equal(await hasSet(other), false);
  });

  test(verifies('operator.start-problems'), async (t) => {
    const connections = {
      'McpClusters may not be listed: install the roles': await loadKubeConnection({
        kubeconfig: api.plane.kubeconfig,
        impersonateUser: 'system:serviceaccount:default:nobody',
      }),
      'the API server cannot be reached: check the kubeconfig': createKubeConnection({
        server: `https://127.0.0.1:${await freePort()}`,
      }),
    };
    for (const [says, connection] of Object.entries(connections)) {
      const client = createKubeClient(connection, { clock, random, metrics: createMetrics() });
      t.after(() => client.close());
      const start = runOperator({ client, watchNamespaces: ['default'], logger });
      await assert.rejects(start, (error) => {
        assert.ok(error instanceof UsageError);
        assert.ok(error.message.startsWith(says), error.message);
        return true;
      });
    }
  });

  test(verifies('operator.standby-ready'), async (t) => {
    const namespace = await api.namespace('system');
    const first = await contender(t, api, namespace);
    const holder = () =>
      api.client.get(RESOURCES.leases, { namespace, name: 'tested' }).then(leaseHolder);
    const before = await eventually('a holder', holder);
    const second = await contender(t, api, namespace);
    assert.equal(await readiness(second), 200);
    assert.equal(await holder(), before);
    await first.stop();
    await eventually('the other to hold it', async () => {
      const now = await holder();
      return now !== undefined && now !== before;
    });
  });
});

async function contender(
  t: TestContext,
  { client }: RealApi,
  leaseNamespace: string,
): Promise<RunningOperator> {
  const healthAddress = '127.0.0.1:0';
  const operator = await runOperator({
    client,
    watchNamespaces: [leaseNamespace],
    leaseNamespace,
    leaseName: 'tested',
    healthAddress,
    logger,
  });
  t.after(() => operator.stop());
  return operator;
}

/** Status of `/readyz` once it is not 503 any more. */
function readiness({ healthAddress }: RunningOperator): Promise<number> {
  assert.ok(healthAddress);
  const url = `http://${healthAddress.host}:${healthAddress.port}/readyz`;
  return eventually('readiness', async () => {
    const { status } = await fetch(url);
    return status === 503 ? undefined : status;
  });
}

const leaseHolder = (lease: KubeObject | undefined): string | undefined =>
  (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity || undefined;
