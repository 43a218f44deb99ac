/** A laptop cluster with the operator beside it: what `dev` and `demo` have in common. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { delay, type Clock } from '../std/index.ts';
import { systemClock, systemRandom, UsageError, type Lifecycle } from '../host/index.ts';
import { createLogger, createMetrics } from '../telemetry/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  type KubeClient,
  type KubeObject,
} from '../kube/index.ts';
import { startDevCluster, type DevCluster, type DevClusterOptions } from '../devcluster/index.ts';
import { MCP_CLUSTERS, type McpCluster } from '../api/index.ts';
import { applyManifest, readManifest } from './manifests.ts';
import { startOperatorProcess } from './operator-process.ts';
import { poll } from './poll.ts';
import type { Progress } from './progress.ts';
import { bundlePath, projectRoot } from './project.ts';

export const NAMESPACE = 'default';
/** Between attempts to apply what a definition does not serve yet. */
const RETRY_MS = 50;

export interface LaptopOptions {
  readonly backend: 'embedded' | 'kubebuilder';
  /** Keeps the state; a temporary folder, removed at the end, when absent. */
  readonly dataDir?: string | undefined;
  readonly port?: number | undefined;
  /** Images beside those of deploy/local-images.yaml. */
  readonly extraImages?: DevClusterOptions['extraImages'];
  /** `host:port` of the operator's health and metrics; default: any port of 127.0.0.1. */
  readonly operatorAddress?: string | undefined;
  /** False: an empty cluster, without the definitions, for an operator that somebody installs. Default true. */
  readonly operator?: boolean;
  readonly progress: Progress;
  readonly lifecycle: Lifecycle;
}

export interface Laptop {
  readonly cluster: DevCluster;
  readonly client: KubeClient;
  readonly root: string;
  /** Folder with the logs of the operator and of the cluster itself. */
  readonly logFolder: string;
  /** Resolves with a sentence when the operator's process ends by itself; never without one. */
  readonly operatorEnded: Promise<string>;
}

/** Starts the cluster, installs the resource definitions and starts the operator; everything ends with `lifecycle`. */
export async function startLaptop(options: LaptopOptions): Promise<Laptop> {
  const { progress, lifecycle } = options;
  const root = projectRoot();
  const program = bundlePath(root);
  const logFolder = await mkdtemp(join(tmpdir(), 'mcp-cluster-'));
  if (options.dataDir === undefined) {
    lifecycle.add('temporary folder', () => rm(logFolder, { recursive: true, force: true }));
  }
  const logger = createLogger({ name: 'devcluster', file: join(logFolder, 'cluster.log') });
  const cluster = await progress.wait('laptop cluster: three nodes in zones a, b, c', (detail) =>
    startDevCluster({
      backend: options.backend,
      nodes: ['a', 'b', 'c'].map((zone) => ({ name: `node-${zone}`, zone })),
      ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
      ...(options.port === undefined ? {} : { port: options.port }),
      ...(options.extraImages === undefined ? {} : { extraImages: options.extraImages }),
      localImages: join(root, 'deploy', 'local-images.yaml'),
      program,
      networkModuleUrl: pathToFileURL(join(root, 'dist', 'pod-network.mjs')).href,
      onProgress: detail,
      logger,
    }),
  );
  lifecycle.add('laptop cluster', () => cluster.stop());
  const connection = await loadKubeConnection({ kubeconfig: cluster.kubeconfig });
  const client = createKubeClient(connection, {
    clock: systemClock,
    random: systemRandom,
    metrics: createMetrics(),
  });
  lifecycle.add('API client', () => client.close());
  const laptop = { cluster, client, root, logFolder };
  if (options.operator === false) return { ...laptop, operatorEnded: new Promise(() => {}) };
  await progress.wait('resource definitions', async () => {
    for (const file of (await readdir(join(root, 'crds'))).sort()) {
      await applyManifest(client, await readManifest(join(root, 'crds', file)), NAMESPACE);
    }
  });
  const operator = startOperatorProcess({
    program,
    environment: cluster.networkVariables(),
    kubeconfig: cluster.kubeconfig,
    logFile: join(logFolder, 'operator.log'),
    healthAddress: options.operatorAddress,
  });
  await cluster.guard(operator.pid);
  lifecycle.add('operator', () => operator.stop());
  return { ...laptop, operatorEnded: operator.ended };
}

/** The objects of a file in `deploy/samples`. */
export function readSample(laptop: Laptop, file: string): Promise<KubeObject[]> {
  return readManifest(join(laptop.root, 'deploy', 'samples', file));
}

/** Applies objects and waits until the McpCluster among them is Available; fails early when the operator ends. */
export async function applyAndAwait(
  laptop: Laptop,
  objects: readonly KubeObject[],
  progress: Progress,
  clock: Clock = systemClock,
): Promise<McpCluster> {
  await applyUntilServed(laptop.client, objects, clock);
  const name = objects.find(({ kind }) => kind === MCP_CLUSTERS.kind)?.metadata.name as string;
  return progress.wait(`McpCluster ${name} to be Available`, async (detail) => {
    const ended = laptop.operatorEnded.then((why) => Promise.reject(new UsageError(why)));
    return Promise.race([ended, awaitAvailable(laptop.client, name, detail, clock)]);
  });
}

/** URL at which programs of this machine reach the MCP endpoint of an McpCluster; waits until its Service listens. */
export async function endpointUrl(
  laptop: Laptop,
  { metadata, spec }: McpCluster,
  clock: Clock = systemClock,
): Promise<string> {
  const { host, port } = await poll(clock, () =>
    laptop.cluster.serviceAddress(NAMESPACE, metadata.name, spec.gateway.port),
  );
  return `http://${host}:${port}${spec.gateway.path}`;
}

/** A definition that was just created is served a moment later. */
async function applyUntilServed(
  client: KubeClient,
  objects: readonly KubeObject[],
  clock: Clock,
): Promise<void> {
  const deadline = clock.monotonic() + 10_000;
  for (;;) {
    try {
      return await applyManifest(client, objects, NAMESPACE);
    } catch (error) {
      if ((error as { status?: number }).status !== 404 || clock.monotonic() > deadline)
        throw error;
      await delay(clock, RETRY_MS);
    }
  }
}

function awaitAvailable(
  client: KubeClient,
  name: string,
  detail: (text: string) => void,
  clock: Clock,
): Promise<McpCluster> {
  return poll(clock, async () => {
    const object = await client.get<McpCluster>(MCP_CLUSTERS, { namespace: NAMESPACE, name });
    const available = object?.status?.conditions?.find(({ type }) => type === 'Available');
    if (object !== undefined && available?.status === 'True') return object;
    detail(available?.message ?? 'the operator has not seen it yet');
    return undefined;
  });
}
