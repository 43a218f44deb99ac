/** What every scenario runs in: a laptop cluster on one of the two backends, the operator beside it, a client, kubectl. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { McpCluster } from '../../src/api/index.ts';
import { applyManifest, readManifest } from '../../src/cli/manifests.ts';
import { startOperatorProcess, type OperatorProcess } from '../../src/cli/operator-process.ts';
import { bundlePath, projectRoot } from '../../src/cli/project.ts';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { startDevCluster, type DevCluster } from '../../src/devcluster/index.ts';
import { freePorts, systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  type KubeClient,
  type KubeObject,
} from '../../src/kube/index.ts';
import { createLogger, createMetrics } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { createKubectl, findKubectl, type Kubectl } from './kubectl.ts';
import { NAMESPACE } from './manifests.ts';

export type Backend = 'embedded' | 'kubebuilder';

export interface Arena {
  readonly backend: Backend;
  readonly cluster: DevCluster;
  readonly client: KubeClient;
  readonly kubectl: Kubectl | undefined;
  readonly root: string;
  /** `host:port` of the operator's health and metrics, while it runs. */
  readonly operatorAddress: string;
  /** Folder with the logs of cluster and operator. */
  readonly logFolder: string;
  /** SIGKILL; resolves when it is gone. */
  killOperator(): Promise<void>;
  startOperator(): void;
  apply(...objects: readonly KubeObject[]): Promise<void>;
  /** The McpCluster as it is now; fails when there is none. */
  get(name: string): Promise<McpCluster>;
  /** Resolves with the McpCluster as soon as `condition` has `status` for its present generation. */
  condition(name: string, type: string, status?: string, timeoutMs?: number): Promise<McpCluster>;
  /** URL of the client Service as a program on this machine reaches it. */
  url(name: string): Promise<string>;
  /** Deletes the McpCluster and waits until it and its pods are gone. */
  remove(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts everything but the operator. `keepLogs` leaves the folder with the logs behind. */
export async function startArena(
  backend: Backend,
  options: { readonly keepLogs: boolean },
): Promise<Arena> {
  const root = projectRoot();
  const program = bundlePath(root);
  const logFolder = await mkdtemp(join(tmpdir(), `e2e-${backend}-`));
  const cluster = await startDevCluster({
    backend,
    nodes: ['a', 'b', 'c'].map((zone) => ({ name: `node-${zone}`, zone })),
    localImages: join(root, 'deploy', 'local-images.yaml'),
    program,
    networkModuleUrl: pathToFileURL(join(root, 'dist', 'pod-network.mjs')).href,
    logger: createLogger({ name: 'devcluster', file: join(logFolder, 'cluster.log') }),
  });
  const client = createKubeClient(await loadKubeConnection({ kubeconfig: cluster.kubeconfig }), {
    clock,
    random,
    metrics: createMetrics(),
  });
  const path = findKubectl();
  const operatorAddress = `127.0.0.1:${(await freePorts(1))[0]}`;
  const operator = operatorControl(program, cluster, { logFolder, operatorAddress });
  return {
    backend,
    cluster,
    client,
    root,
    logFolder,
    operatorAddress,
    kubectl: path === undefined ? undefined : createKubectl(path, cluster.kubeconfig),
    startOperator: operator.start,
    killOperator: operator.kill,
    ...resourceHelpers(client, cluster),
    async stop() {
      await operator.stop();
      await client.close();
      await cluster.stop();
      if (!options.keepLogs) await rm(logFolder, { recursive: true, force: true });
    },
  };
}

interface OperatorControl {
  start(): void;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

function operatorControl(
  program: string,
  cluster: DevCluster,
  { logFolder, operatorAddress }: Pick<Arena, 'logFolder' | 'operatorAddress'>,
): OperatorControl {
  let running: OperatorProcess | undefined;
  return {
    start() {
      running ??= startOperatorProcess({
        program,
        environment: cluster.networkVariables(),
        kubeconfig: cluster.kubeconfig,
        logFile: join(logFolder, 'operator.log'),
        healthAddress: operatorAddress,
      });
    },
    async kill() {
      const operator = running;
      running = undefined;
      if (operator === undefined) return;
      process.kill(operator.pid, 'SIGKILL');
      await operator.ended;
      await operator.stop();
    },
    async stop() {
      await running?.stop();
      running = undefined;
    },
  };
}

type ResourceHelpers = Pick<Arena, 'apply' | 'get' | 'condition' | 'url' | 'remove'>;

function resourceHelpers(client: KubeClient, cluster: DevCluster): ResourceHelpers {
  const get = async (name: string): Promise<McpCluster> => {
    const ref = { namespace: NAMESPACE, name };
    const found = await client.get<McpCluster>(MCP_CLUSTERS, ref);
    if (found === undefined) throw new Error(`there is no McpCluster ${name}`);
    return found;
  };
  return {
    get,
    apply: (...objects) => applyManifest(client, objects, NAMESPACE),
    async condition(name, type, status = 'True', timeoutMs = 60_000) {
      let last: unknown = 'no conditions';
      const probe = async (): Promise<McpCluster | false> => {
        const found = await get(name);
        last = found.status?.conditions ?? last;
        const isSeen = found.status?.observedGeneration === found.metadata.generation;
        const condition = found.status?.conditions?.find((each) => each.type === type);
        return isSeen && condition?.status === status && found;
      };
      return eventually(`${type}=${status} of ${name}`, probe, timeoutMs).catch(
        (error: unknown) => {
          throw new Error(`${String(error)}; it has ${JSON.stringify(last)}`);
        },
      );
    },
    async url(name) {
      const { spec } = await get(name);
      const { port, path } = spec.gateway;
      const address = await eventually(`the Service ${name} to listen`, () =>
        cluster.serviceAddress(NAMESPACE, name, port),
      );
      return `http://${address.host}:${address.port}${path}`;
    },
    async remove(name) {
      const ref = { namespace: NAMESPACE, name };
      await client.delete(MCP_CLUSTERS, ref, { propagationPolicy: 'Foreground' });
      const isGone = async (): Promise<boolean> =>
        (await client.get(MCP_CLUSTERS, ref)) === undefined;
      await eventually(`${name} to be gone`, isGone, 60_000);
    },
  };
}

/** Installs the resource definitions and waits until the API serves them. */
export async function installDefinitions(arena: Arena): Promise<void> {
  const file = join(arena.root, 'crds', 'mcpcluster.io_mcpclusters.yaml');
  await arena.apply(...(await readManifest(file)));
  await eventually('mcpclusters to be served', async () => arena.client.list(MCP_CLUSTERS), 20_000);
}

/** The sample of `deploy/samples`, the same that the demo applies. */
export function readSample(arena: Arena, file = 'everything.yaml'): Promise<KubeObject[]> {
  return readManifest(join(arena.root, 'deploy', 'samples', file));
}

/** The last lines of the logs, for a failure's report. */
export async function lastLogLines(arena: Arena, lines = 15): Promise<string> {
  const texts = ['operator.log', 'cluster.log'].map(async (name) => {
    const text = await readFile(join(arena.logFolder, name), 'utf8').catch(() => '');
    return `--- ${name}\n${text.trimEnd().split('\n').slice(-lines).join('\n')}`;
  });
  return (await Promise.all(texts)).join('\n');
}
