/** Starts and stops a whole laptop cluster: control plane, nodes, network, controllers where the control plane has none. */
import { access, constants, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import {
  createLifecycle,
  makeDirectory,
  systemClock,
  systemRandom,
  UsageError,
  type Lifecycle,
} from '../host/index.ts';
import {
  createInformer,
  createKubeClient,
  loadKubeConnection,
  RESOURCES,
  type Informer,
  type KubeClient,
  type KubeResource,
  type ResourceType,
} from '../kube/index.ts';
import { issueCertificate } from '../security/index.ts';
import type { Clock, Random } from '../std/index.ts';
import { createMetrics, type Logger, type Metrics } from '../telemetry/index.ts';
import { startEmbeddedBackend, startKubebuilderBackend, type Backend } from './backends.ts';
import { startControllers } from './controllers/index.ts';
import type {
  ConfigMap,
  EndpointSlice,
  LocalImage,
  Node,
  PersistentVolumeClaim,
  Pod,
  Secret,
  Service,
} from './core/index.ts';
import {
  createImageTable,
  createKubelet,
  createVolumeBinder,
  readImageFile,
  noSuchPod,
  startLogEndpoint,
  startReaper,
  type ImageTable,
  type Kubelet,
  type NodeSpec,
  type Reaper,
} from './kubelet/index.ts';
import {
  claimNodeNumbers,
  createClusterNetwork,
  networkVariables,
  podNetworkModuleUrl,
  type ClusterNetwork,
} from './network/index.ts';
import { createScheduler } from './scheduler/index.ts';

export interface DevClusterOptions {
  readonly backend: 'embedded' | 'kubebuilder';
  /** Default: node-a, node-b, node-c in zones a, b, c. */
  readonly nodes?: readonly NodeSpec[];
  /** Keeps objects, volumes and the kubeconfig here; without it a temporary folder goes with the cluster. */
  readonly dataDir?: string;
  /** Port of the API server on 127.0.0.1 (embedded only); 0, the default: any. */
  readonly port?: number;
  /** Path of the table of local images (`deploy/local-images.yaml`). */
  readonly localImages: string;
  /** Rows that win over the file's. */
  readonly extraImages?: readonly LocalImage[];
  /** This program's entry file, `${program}` in the table; default: the file this process was started with. */
  readonly program?: string;
  /** URL of the pod network module, when it does not lie beside this source file (in a bundle). */
  readonly networkModuleUrl?: string;
  /** Folder of the real control plane; default: `KUBEBUILDER_ASSETS`. */
  readonly assets?: string;
  readonly logger: Logger;
  /** Told in a few words before each wait. */
  readonly onProgress?: (step: string) => void;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly metrics?: Metrics;
}

export interface DevCluster {
  /** Path of an administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** URL of the API server. */
  readonly url: string;
  /** Where a program of this machine reaches a Service; undefined until the Service has a listener. */
  serviceAddress(
    namespace: string,
    name: string,
    port: number,
  ): { host: string; port: number } | undefined;
  /** SIGKILL to every process of the pod at once; their ids. The pod's restart policy decides what comes next. */
  killPod(namespace: string, name: string): number[];
  podProcesses(namespace: string, name: string): { container: string; pids: number[] }[];
  /** Environment variables by which a Node program outside every pod reaches pods and Services by address and name. */
  networkVariables(): Record<string, string>;
  /**
   * A process outside every pod that must not outlive the cluster (an operator): it is killed even when this process is
   * killed by SIGKILL. Call the returned function when it has ended, before its id can belong to another one.
   */
  guard(pid: number): Promise<() => void>;
  /** Ends every process and removes every temporary file. */
  stop(): Promise<void>;
}

const DEFAULT_NODES: readonly NodeSpec[] = [
  { name: 'node-a', zone: 'a' },
  { name: 'node-b', zone: 'b' },
  { name: 'node-c', zone: 'c' },
];
const HOST_ADDRESS = '127.0.0.1';

/**
 * Resolves when the nodes are registered and everything runs. Rejects with `UsageError` when a port is taken, a folder
 * cannot be written or a program is missing; nothing is left running then.
 */
export async function startDevCluster(options: DevClusterOptions): Promise<DevCluster> {
  const lifecycle = createLifecycle();
  try {
    return await startAll(options, lifecycle);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

async function startAll(options: DevClusterOptions, lifecycle: Lifecycle): Promise<DevCluster> {
  const { logger, onProgress = () => undefined } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const metrics = options.metrics ?? createMetrics();
  const nodes = options.nodes ?? DEFAULT_NODES;
  await readImageFile(options.localImages);
  const folder = await dataFolder(options.dataDir);
  const reaper = await startReaper(options.dataDir === undefined ? { removeFolder: folder } : {});
  lifecycle.add('reaper', () => reaper.stop());
  const numbers = await claimNodeNumbers(nodes.length);
  lifecycle.add('node numbers', () => numbers.release());

  const parts: { kubelet?: Kubelet } = {};
  const findLog: Parameters<typeof startLogEndpoint>[0]['find'] = (...names) =>
    parts.kubelet?.podLog(...names) ?? noSuchPod(names[1]);
  onProgress(`starting the ${options.backend} control plane`);
  const backend = await startBackend(options, { folder, findLog, clock, random });
  await protectBackend(backend, reaper, lifecycle);

  const connection = await loadKubeConnection({ kubeconfig: backend.kubeconfig });
  const client = createKubeClient(connection, { clock, random, metrics });
  lifecycle.add('client', () => client.close());
  const base = { client, clock, random, logger, metrics };
  onProgress('reading the objects');
  const informers = await startInformers(base, lifecycle);

  const hostsFile = join(folder, 'hosts.json');
  const apiServer = { address: HOST_ADDRESS, port: Number(new URL(backend.url).port) };
  const network = createClusterNetwork({ ...informers, hostsFile, apiServer, logger });
  await network.start();
  lifecycle.add('network', () => network.stop());
  const logs = await startLogEndpoint({
    tls: await kubeletTls(backend, clock),
    address: HOST_ADDRESS,
    find: findLog,
  });
  lifecycle.add('log endpoint', () => logs.stop());
  await startManagers({ base, backend, informers, lifecycle, folder });

  onProgress(`registering ${nodes.length} nodes`);
  const networkModuleUrl = options.networkModuleUrl ?? podNetworkModuleUrl();
  const kubelet = createKubelet({
    ...base,
    informers,
    nodes: nodes.map((node, index) => ({ ...node, number: numbers.numbers[index] as number })),
    images: imageTable(options),
    reaper,
    dataFolder: folder,
    hostsFile,
    networkModuleUrl,
    nodeFolder: dirname(process.execPath),
    hostAddress: HOST_ADDRESS,
    apiService: network.apiService,
    logPort: logs.port,
  });
  parts.kubelet = kubelet;
  lifecycle.add('kubelet', () => kubelet.stop());
  await kubelet.start();
  onProgress('the cluster is up');
  return handles({
    backend,
    network,
    kubelet,
    reaper,
    lifecycle,
    logger,
    hostsFile,
    networkModuleUrl,
  });
}

function imageTable(options: DevClusterOptions): ImageTable {
  const file = resolve(options.localImages);
  return createImageTable({
    file,
    node: process.execPath,
    program: options.program ?? process.argv[1] ?? '',
    packagesFrom: dirname(file),
    ...(options.extraImages === undefined ? {} : { extra: options.extraImages }),
  });
}

interface Handles {
  readonly backend: Backend;
  readonly network: ClusterNetwork;
  readonly kubelet: Kubelet;
  readonly reaper: Reaper;
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
  readonly hostsFile: string;
  readonly networkModuleUrl: string;
}

function handles(parts: Handles): DevCluster {
  const { backend, network, kubelet, reaper, lifecycle, logger } = parts;
  return {
    kubeconfig: backend.kubeconfig,
    url: backend.url,
    serviceAddress: network.serviceAddress,
    killPod: kubelet.killPod,
    podProcesses: kubelet.podProcesses,
    networkVariables: () =>
      networkVariables({ moduleUrl: parts.networkModuleUrl, hostsFile: parts.hostsFile }),
    async guard(pid) {
      await reaper.addProcess(pid);
      return () => reaper.removeProcess(pid);
    },
    async stop() {
      for (const { name, error } of await lifecycle.stop())
        logger.warn('a part did not stop cleanly', { part: name, error: String(error) });
    },
  };
}

/** The data folder, made if need be; a temporary one without a wish. */
async function dataFolder(wanted: string | undefined): Promise<string> {
  if (wanted === undefined) return await mkdtemp(join(tmpdir(), 'laptop-cluster-'));
  const folder = resolve(wanted);
  try {
    await makeDirectory(folder);
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`cannot write to the data folder ${folder} (${code}): choose another one`);
  }
  return folder;
}

type BackendParts = Pick<
  Parameters<typeof startEmbeddedBackend>[0],
  'folder' | 'findLog' | 'clock' | 'random'
>;

function startBackend(options: DevClusterOptions, parts: BackendParts): Promise<Backend> {
  const settings = {
    ...parts,
    isKept: options.dataDir !== undefined,
    port: options.port ?? 0,
    logger: options.logger,
  };
  return options.backend === 'embedded'
    ? startEmbeddedBackend(settings)
    : startKubebuilderBackend(settings, options.assets ?? process.env['KUBEBUILDER_ASSETS']);
}

/** The control plane's programs end with the cluster, whatever ends it. */
async function protectBackend(
  backend: Backend,
  reaper: Reaper,
  lifecycle: Lifecycle,
): Promise<void> {
  lifecycle.add('control plane', async () => {
    await backend.stop();
    for (const pid of backend.pids) reaper.removeProcess(pid);
  });
  for (const pid of backend.pids) await reaper.addProcess(pid);
}

interface Base {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The local copies that several parts share. */
async function startInformers(base: Base, lifecycle: Lifecycle) {
  const started: Informer<KubeResource>[] = [];
  const start = <T extends KubeResource>(resource: ResourceType): Informer<T> => {
    const informer = createInformer<T>({ ...base, resource });
    informer.start();
    lifecycle.add(`informer ${resource.plural}`, () => informer.stop());
    started.push(informer);
    return informer;
  };
  const informers = {
    pods: start<Pod>(RESOURCES.pods),
    nodes: start<Node>(RESOURCES.nodes),
    services: start<Service>(RESOURCES.services),
    slices: start<EndpointSlice>(RESOURCES.endpointSlices),
    configMaps: start<ConfigMap>(RESOURCES.configMaps),
    secrets: start<Secret>(RESOURCES.secrets),
    claims: start<PersistentVolumeClaim>(RESOURCES.persistentVolumeClaims),
  };
  await Promise.all(started.map((informer) => informer.waitForSync()));
  return informers;
}

export type SharedInformers = Awaited<ReturnType<typeof startInformers>>;

/** The volume binder on every control plane; controllers and scheduler where it brings none. */
async function startManagers(parts: {
  readonly base: Base;
  readonly backend: Backend;
  readonly informers: SharedInformers;
  readonly lifecycle: Lifecycle;
  readonly folder: string;
}): Promise<void> {
  const { base, informers, lifecycle, folder } = parts;
  const claimsFolder = join(folder, 'pvc');
  const binder = createVolumeBinder({ ...base, claims: informers.claims, claimsFolder });
  await binder.start();
  lifecycle.add('volume binder', () => binder.stop());
  if (parts.backend.hasControllers) return;
  const controllers = await startControllers({
    ...base,
    informers,
    rootAuthority: parts.backend.authority.certificate,
  });
  lifecycle.add('controllers', () => controllers.stop());
  const scheduler = createScheduler({ ...base, ...informers });
  scheduler.start();
  lifecycle.add('scheduler', () => scheduler.stop());
}

async function kubeletTls(backend: Backend, clock: Clock) {
  const leaf = await issueCertificate(backend.authority, {
    commonName: 'kubelet',
    dnsNames: ['localhost'],
    ipAddresses: [HOST_ADDRESS],
    uris: [],
    validityDays: 365,
    now: new Date(clock.wall()),
  });
  return { ca: backend.authority.certificate, cert: leaf.certificate, key: leaf.key };
}
