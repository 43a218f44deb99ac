/** Many clusters under one operator at a real API server: what it takes to make them, to keep them, and to start again. */
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import { MCP_CLUSTERS, type McpCluster } from '../../src/api/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  type KubeConnection,
  type KubeResource,
} from '../../src/kube/index.ts';
import { runOperator, type RunningOperator } from '../../src/operator/index.ts';
import { createMetrics, silentLogger as logger, type Metrics } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { isCalm } from './bench.ts';
import { startFakeFleet } from './fake-fleet.ts';
import { startFaultyApi, PASS, type FaultyApi } from './faulty-api.ts';
import { userCluster, type RealApi } from './real-api.ts';

/** Until 200 clusters are made on a slow machine. */
const MADE_WITHIN_MS = 240_000;

export interface Fleet {
  readonly namespace: string;
  readonly faulty: FaultyApi;
  /** Of the operator that runs now. */
  metrics: Metrics;
  /** From the first creation until all were Available, in ms. */
  readonly madeMs: number;
  clusters(): Promise<readonly McpCluster[]>;
  /** Watches `ms` long: requests and writes the operator made meanwhile, as `METHOD path`. */
  observe(ms: number): Promise<{ readonly requests: number; readonly writes: readonly string[] }>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Makes `count` clusters of three pods and returns when all are Available. */
export async function startFleet(api: RealApi, count: number): Promise<Fleet> {
  const namespace = await api.namespace(`fleet-${count}`);
  const upstream: KubeConnection = await loadKubeConnection({ kubeconfig: api.plane.kubeconfig });
  let requests = 0;
  const faulty = await startFaultyApi(upstream, () => {
    requests += 1;
    return PASS;
  });
  const pods = startFakeFleet(api.client, namespace);
  const start = async (): Promise<{ operator: RunningOperator; metrics: Metrics }> => {
    const metrics = createMetrics();
    // The limits of production: what is measured must not depend on looser ones.
    const client = createKubeClient(faulty.connection, { clock, random, metrics });
    const operator = await runOperator({
      client,
      metrics,
      watchNamespaces: [namespace],
      leaderElect: false,
      logger,
      sidecars: pods.sidecars,
    });
    return { operator, metrics };
  };
  let running = await start();
  const startedAt = performance.now();
  const names = Array.from({ length: count }, (_, index) => `c${index}`);
  for (const name of names) await api.client.create(MCP_CLUSTERS, userCluster(namespace, name));
  const clusters = async (): Promise<readonly McpCluster[]> =>
    (await api.client.list<KubeResource & McpCluster>(MCP_CLUSTERS, { namespace })).items;
  const fleet: Fleet = {
    namespace,
    faulty,
    metrics: running.metrics,
    madeMs: 0,
    clusters,
    async observe(ms) {
      const [before, written] = [requests, faulty.writes.length];
      const { promise, resolve } = Promise.withResolvers<void>();
      setTimeout(resolve, ms);
      await promise;
      return { requests: requests - before, writes: faulty.writes.slice(written) };
    },
    async restart() {
      await running.operator.stop();
      running = await start();
      fleet.metrics = running.metrics;
    },
    async stop() {
      await running.operator.stop();
      await pods.stop();
      await faulty.stop();
      await upstream.close();
    },
  };
  await eventually(
    'all clusters to be calm',
    async () => (await clusters()).every(isCalm),
    MADE_WITHIN_MS,
  );
  return Object.assign(fleet, { madeMs: performance.now() - startedAt });
}
