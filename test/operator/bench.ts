/** An operator at a real API server with fake kubelet and sidecars, in a namespace of its own. */
import type { TestContext } from 'node:test';
import type { McpCluster } from '../../src/api/index.ts';
import {
  RESOURCES,
  type KubeClient,
  type KubeObject,
  type ResourceType,
} from '../../src/kube/index.ts';
import { runOperator, type RunningOperator, type SidecarClient } from '../../src/operator/index.ts';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { silentLogger as logger, type Logger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { startFakePods, type FakePods } from './fake-pods.ts';
import { readCluster, userCluster, type RealApi } from './real-api.ts';

export const NAME = 'tools';

export interface Bench {
  readonly api: RealApi;
  readonly namespace: string;
  readonly pods: FakePods;
  operator: RunningOperator;
  start(
    client: KubeClient,
    sidecars?: SidecarClient,
    options?: Pick<
      Parameters<typeof runOperator>[0],
      'sidecarImage' | 'clock' | 'serving' | 'leaseNamespace'
    > & {
      readonly logger?: Logger;
    },
  ): Promise<RunningOperator>;
  cluster(): Promise<McpCluster>;
  create(spec?: Record<string, unknown>): Promise<unknown>;
  read(type: ResourceType, name: string): Promise<KubeObject | undefined>;
  patch(spec: Record<string, unknown>): Promise<unknown>;
  /** Waits 10 s unless told otherwise. */
  until(
    what: string,
    holds: (cluster: McpCluster) => boolean,
    timeoutMs?: number,
  ): Promise<McpCluster>;
}

export function condition(cluster: McpCluster, type: string) {
  return cluster.status?.conditions?.find((each) => each.type === type);
}
/** True when the status speaks of the present spec and has the condition in this state. */
export const is =
  (type: string, status = 'True') =>
  (cluster: McpCluster) =>
    condition(cluster, type)?.status === status &&
    cluster.status?.observedGeneration === cluster.metadata.generation;

/** True when nothing moves and nothing is wrong. */
export function isCalm(cluster: McpCluster): boolean {
  return (
    is('Available')(cluster) &&
    is('Progressing', 'False')(cluster) &&
    is('Degraded', 'False')(cluster)
  );
}

let count = 0;

/** An operator that watches a namespace of its own; it ends with the test. */
export async function openBench(
  api: RealApi,
  t: TestContext,
  client: KubeClient = api.client,
  own: Parameters<Bench['start']>[2] = {},
): Promise<Bench> {
  const namespace = await api.namespace(`test-${(count += 1)}`);
  const pods = startFakePods(api.client, namespace);
  const cluster = (): Promise<McpCluster> => readCluster(api.client, namespace, NAME);
  const start: Bench['start'] = (by, sidecars = pods.sidecars, options = {}) =>
    runOperator({
      logger,
      ...options,
      client: by,
      watchNamespaces: [namespace],
      leaderElect: false,
      sidecars,
    });
  const made: Bench = {
    api,
    namespace,
    pods,
    operator: await start(client, pods.sidecars, own),
    start,
    cluster,
    create: (spec) => api.client.create(MCP_CLUSTERS, userCluster(namespace, NAME, spec)),
    patch: (spec) =>
      api.client.patch(MCP_CLUSTERS, { namespace, name: NAME }, { type: 'merge', body: { spec } }),
    read: (type, name) => api.client.get(type, { namespace, name }),
    async until(what, holds, timeoutMs = 60_000) {
      let last: McpCluster | undefined;
      try {
        return await eventually(
          what,
          async () => {
            last = await cluster();
            return holds(last) ? last : undefined;
          },
          timeoutMs,
        );
      } catch (error) {
        throw new Error(`${what}: ${JSON.stringify(last?.status, null, 1)}`, { cause: error });
      }
    },
  };
  t.after(async () => {
    await made.operator.stop();
    await pods.stop();
  });
  return made;
}

/** Whether clients are sent to each pod. */
export async function endpoints(b: Bench): Promise<Record<string, boolean>> {
  const slice = await b.read(RESOURCES.endpointSlices, `${NAME}-clients-ipv4`);
  const list = (slice?.['endpoints'] ?? []) as {
    hostname: string;
    conditions: { ready: boolean };
  }[];
  return Object.fromEntries(list.map(({ hostname, conditions }) => [hostname, conditions.ready]));
}
/** Reasons of the events about the cluster, of one type or of both. */
export async function events(b: Bench, type?: 'Normal' | 'Warning'): Promise<string[]> {
  const { items } = await b.api.client.list(RESOURCES.events, { namespace: b.namespace });
  return items
    .filter((event) => (event['regarding'] as { kind?: string }).kind === 'McpCluster')
    .filter((event) => type === undefined || event['type'] === type)
    .map((event) => String(event['reason']));
}

const WRITES = new Set(['create', 'replace', 'patch', 'apply', 'delete']);

/** `client` that tells of every write but events before it is sent. */
export function countWrites(client: KubeClient, onWrite: () => void): KubeClient {
  return interposed(client, (perform) => {
    onWrite();
    return perform();
  });
}

/** `client` whose writes, but those of events, are performed by `act`. */
export function interposed(
  client: KubeClient,
  act: <T>(perform: () => Promise<T>) => Promise<T>,
): KubeClient {
  return new Proxy(client, {
    get(target, name: keyof KubeClient) {
      const method = target[name] as (...args: unknown[]) => Promise<unknown>;
      if (!WRITES.has(name)) return method;
      return async (...args: [{ plural: string }, ...unknown[]]): Promise<unknown> =>
        args[0].plural === 'events' ? method(...args) : act(() => method(...args));
    },
  });
}
