/** Verbs at the laptop's API server. */
import { test } from 'node:test';
import { MCP_CLUSTERS, mcpClusterCrd } from '../../../src/api/index.ts';
import { systemClock as clock, systemRandom as random } from '../../../src/host/index.ts';
import { createKubeClient, loadKubeConnection } from '../../../src/kube/index.ts';
import { createMetrics } from '../../../src/telemetry/index.ts';
import { startServer } from '../../devcluster/apiserver/fixture.ts';
import { eventually } from '../../eventually.ts';
import { checkReport, checkWrites } from './written.ts';

test('what verbs write and say at the laptop’s API server', async (t) => {
  const server = await startServer(t);
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  await server.call('POST', definitions, mcpClusterCrd());
  const { kubeconfig } = server;
  const client = createKubeClient(await loadKubeConnection({ kubeconfig }), {
    clock,
    random,
    metrics: createMetrics(),
  });
  t.after(() => client.close());
  await eventually('the definition to be served', () => client.list(MCP_CLUSTERS));
  const namespace = 'team';
  await server.call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  const place = { client, kubeconfig, namespace };
  await checkWrites(t, place);
  await t.test('a report', () => checkReport(place));
});
