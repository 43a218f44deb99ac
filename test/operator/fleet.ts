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
import { delay } from '../../src/std/index.ts';
import { createMetrics, silentLogger as logger, type Metrics } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { isCalm } from './bench.ts';
import { createFastClock } from './fast-clock.ts';
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
  /**
   * Lets the operator's clock go 40 times as fast for `seconds` of it. Its requests to the API server, by
   * `METHOD path`; watches are renewed by the server's clock, so these are not among them.
   */
  rest(seconds: number): Promise<readonly string[]>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const REST_SPEED = 40;
/** The operator's, each of which the server ends after this, at the earliest. */
const WATCHES = 11;
const WATCH_SECONDS_MIN = 300;

/** On average over so many seconds of rest, watches that are begun again included. */
export function requestsASecond(requests: readonly string[], seconds: number): number {
  return requests.length / seconds + WATCHES / WATCH_SECONDS_MIN;
}

/** Makes `count` clusters of three pods and returns when all are Available. */
export async function startFleet(api: RealApi, count: number): Promise<Fleet> {
  const namespace = await api.namespace(`fleet-${count}`);
  const upstream: KubeConnection = await loadKubeConnection({ kubeconfig: api.plane.kubeconfig });
  const asked: string[] = [];
  const faulty = await startFaultyApi(upstream, ({ method, path }) => {
    asked.push(`${method} ${path}`);
    return PASS;
  });
  const operatorClock = createFastClock();
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
      clock: operatorClock,
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
      const [before, written] = [asked.length, faulty.writes.length];
      await delay(clock, ms);
      return { requests: asked.length - before, writes: faulty.writes.slice(written) };
    },
    async rest(seconds) {
      const before = asked.length;
      operatorClock.setSpeed(REST_SPEED);
      await delay(operatorClock, seconds * 1_000);
      operatorClock.setSpeed(1);
      return asked.slice(before);
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
