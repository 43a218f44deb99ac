/** A laptop cluster as an arena, on one of the two backends, with the operator as a process beside it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { readManifest } from '../../src/cli/manifests.ts';
import { startOperatorProcess, type OperatorProcess } from '../../src/cli/operator-process.ts';
import { bundlePath, projectRoot } from '../../src/cli/project.ts';
import { startDevCluster, twinOf, type DevCluster } from '../../src/devcluster/index.ts';
import { freePorts, systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import { createKubeClient, loadKubeConnection, type KubeObject } from '../../src/kube/index.ts';
import { createLogger, createMetrics } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { makeNamespace, resourceHelpers, type Arena } from './arena.ts';
import { createKubectl, findKubectl } from './kubectl.ts';
import { NAMESPACE } from './manifests.ts';
import { createPlugin } from './plugin.ts';
import { previousFolder, previousProgram } from './previous.ts';

/** What pods of the commit before are made of. */
export const PREVIOUS_IMAGE = 'ghcr.io/mcp-cluster/mcp-cluster:previous';

export type Backend = 'embedded' | 'kubebuilder';

export interface LaptopArena extends Arena {
  readonly backend: Backend;
  readonly cluster: DevCluster;
  /** `host:port` of the operator's health and metrics, while it runs. */
  readonly operatorAddress: string;
  /** Folder with the logs of cluster and operator. */
  readonly logFolder: string;
  /** SIGKILL; resolves when it is gone. */
  killOperator(): Promise<void>;
  startOperator(): void;
}

/** Starts everything but the operator. `keepLogs` leaves the folder with the logs behind. */
export async function startLaptop(
  backend: Backend,
  options: { readonly keepLogs: boolean },
): Promise<LaptopArena> {
  const root = projectRoot();
  const program = bundlePath(root);
  const logFolder = await mkdtemp(join(tmpdir(), `e2e-${backend}-`));
  const cluster = await startDevCluster({
    backend,
    nodes: ['a', 'b', 'c'].map((zone) => ({ name: `node-${zone}`, zone })),
    localImages: join(root, 'deploy', 'local-images.yaml'),
    program,
    extraImages: [
      {
        image: PREVIOUS_IMAGE,
        entrypoint: [process.execPath, previousProgram(previousFolder(logFolder))],
      },
    ],
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
    kubectl: path === undefined ? undefined : createKubectl(path, cluster.kubeconfig, NAMESPACE),
    mcp: createPlugin({
      root,
      kubeconfig: cluster.kubeconfig,
      namespace: NAMESPACE,
      folder: join(logFolder, 'plugins'),
    }),
    startOperator: operator.start,
    killOperator: operator.kill,
    killPod: async (name) => void cluster.killPod(NAMESPACE, name),
    isRunning: async (name) =>
      cluster.podProcesses(NAMESPACE, name).filter(({ pids }) => pids.length > 0).length === 2,
    addressOf: twinOf,
    ...resourceHelpers(client, {
      reach: (service, port) => cluster.serviceAddress(NAMESPACE, service, port),
    }),
    lastWords: () => lastLogLines(logFolder),
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
  { logFolder, operatorAddress }: Pick<LaptopArena, 'logFolder' | 'operatorAddress'>,
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

/** The resource definitions of the build whose source is in `root`. */
export function readDefinitions(root: string): Promise<KubeObject[]> {
  return readManifest(join(root, 'crds', 'mcpcluster.io_mcpclusters.yaml'));
}

/** Makes the namespace, installs the resource definitions and waits until the API serves them. */
export async function installDefinitions(arena: LaptopArena): Promise<void> {
  await makeNamespace(arena.client, NAMESPACE);
  await arena.apply(...(await readDefinitions(arena.root)));
  await eventually('mcpclusters to be served', async () => arena.client.list(MCP_CLUSTERS), 20_000);
}

/** The last lines of the logs. */
async function lastLogLines(folder: string, lines = 15): Promise<string> {
  const texts = ['operator.log', 'cluster.log'].map(async (name) => {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '');
    return `--- ${name}\n${text.trimEnd().split('\n').slice(-lines).join('\n')}`;
  });
  return (await Promise.all(texts)).join('\n');
}
