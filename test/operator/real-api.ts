/** A real API server with our definition installed, for the tests of `api` and `operator`. */
import { startControlPlane, type ControlPlane } from '../../src/devcluster/control-plane/index.ts';
import { mcpClusterCrd, type McpCluster } from '../../src/api/index.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  RESOURCES,
  type KubeClient,
  type KubeObject,
  type KubeResource,
} from '../../src/kube/index.ts';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { createMetrics, silentLogger as logger } from '../../src/telemetry/index.ts';
import { assets, skip } from '../control-plane.ts';
import { eventually } from '../eventually.ts';

export { skip };

export interface RealApi {
  readonly plane: ControlPlane;
  readonly client: KubeClient;
  /** A namespace of its own. */
  namespace(name: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startRealApi(controllers: boolean): Promise<RealApi> {
  const plane = await startControlPlane({ assets, logger, clock, random, controllers });
  const connection = await loadKubeConnection({ kubeconfig: plane.kubeconfig });
  const client = createKubeClient(connection, {
    clock,
    random,
    metrics: createMetrics(),
    requestsPerSecond: 1000,
    requestBurst: 1000,
  });
  const definition = mcpClusterCrd() as unknown as KubeObject;
  await client.apply(RESOURCES.customResourceDefinitions, definition, { fieldManager: 'test' });
  await eventually('the definition to be served', async () => {
    await client.list(MCP_CLUSTERS);
    return true;
  });
  return {
    plane,
    client,
    async namespace(name) {
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      await client.create(RESOURCES.namespaces, namespace);
      return name;
    },
    async stop() {
      await client.close();
      await plane.stop();
    },
  };
}

/** A McpCluster as a user writes it; `spec` is merged over the least that is allowed. */
export function userCluster(
  namespace: string,
  name: string,
  spec: Record<string, unknown> = {},
): KubeObject {
  return {
    apiVersion: 'mcpcluster.io/v1alpha1',
    kind: 'McpCluster',
    metadata: { namespace, name },
    spec: { server: { image: 'docker.io/mcp/everything', port: 3001 }, ...spec },
  };
}

export async function readCluster(
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<McpCluster> {
  const cluster = await client.get<KubeResource & McpCluster>(MCP_CLUSTERS, { namespace, name });
  if (cluster === undefined) throw new Error(`no McpCluster ${namespace}/${name}`);
  return cluster;
}
