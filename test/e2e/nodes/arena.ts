/** A cluster with real nodes, which somebody else runs, as an arena: the operator is installed by the chart, and all is left tidy. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chartFolder,
  findHelm,
  helm,
  NAMESPACE as OPERATOR_NAMESPACE,
} from '../../../deploy/helm.ts';
import { MCP_CLUSTER_KIND, MCP_CLUSTERS } from '../../../src/api/index.ts';
import { projectRoot } from '../../../src/cli/project.ts';
import {
  systemClock as clock,
  systemRandom as random,
  UsageError,
} from '../../../src/host/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  RESOURCES,
  type KubeClient,
  type KubeObject,
} from '../../../src/kube/index.ts';
import { createMetrics } from '../../../src/telemetry/index.ts';
import { eventually } from '../../eventually.ts';
import { makeNamespace, resourceHelpers, type Arena } from '../arena.ts';
import { createKubectl, findKubectl, type Kubectl } from '../kubectl.ts';
import { EVERYTHING, NAMESPACE } from '../manifests.ts';
import { createPlugin } from '../plugin.ts';
import type { PodStatus } from './pods.ts';
import { createTunnel } from './tunnel.ts';
import { createVolumes, STORAGE_CLASSES } from './volumes.ts';

export { OPERATOR_NAMESPACE };
export const RELEASE = 'mcp-cluster-operator';
export const OPERATOR_PODS = `app.kubernetes.io/name=${RELEASE}`;

export interface NodesOptions {
  /** Image of operator and sidecar, as `name:tag`; the nodes must be able to get it. */
  readonly image: string;
  /** The same of another build, for the upgrade. */
  readonly nextImage: string | undefined;
  /** Image of the server of `deploy/samples/everything.yaml`. */
  readonly serverImage: string;
  /** StorageClass of the volumes; the cluster's default when undefined. */
  readonly storageClass: string | undefined;
  /** Folder that all nodes share, for volumes of the suite's own, see `volumes.ts`. */
  readonly volumes: string | undefined;
  /** Commands that cut a node off, heal it, kill it and start it again; `{node}` stands for its name. */
  readonly commands: Readonly<Record<NodeCommand, string | undefined>>;
}

export type NodeCommand = 'cut' | 'heal' | 'kill' | 'start';

export interface NodesArena extends Arena {
  readonly kubectl: Kubectl;
  readonly options: NodesOptions;
  /** A StorageClass whose volumes cannot grow, beside the one that is used; undefined when there is none that is known. */
  readonly rigidStorageClass: string | undefined;
  /** Where the tunnel and the loads run, and no operator: this node is left alone. */
  readonly quietNode: string;
  pods(namespace: string, labelSelector: string): Promise<readonly PodStatus[]>;
  /** Name of the operator's pod that holds the Lease. */
  operatorLeader(): Promise<string>;
  /** What a pod of the operator, or with `port` any other, exports. */
  metricsOf(namespace: string, pod: string, port?: number): Promise<string>;
  /** Installs or upgrades the release with this image and `more` of the chart's values; resolves when its pods are ready. */
  install(image: string, more?: object): Promise<void>;
  run(command: NodeCommand, node: string): Promise<void>;
}

const START_MAX_MS = 90_000;
const METRICS_PORT = 9090;
const GRACE_SECONDS = 15;

/** Installs the operator on a cluster of three nodes or more; rejects with {@link UsageError} when something is not there. */
export async function startNodes(options: NodesOptions): Promise<NodesArena> {
  const [helmProgram, kubectlProgram] = [findHelm(), findKubectl()];
  if (helmProgram === undefined || kubectlProgram === undefined)
    throw new UsageError('helm and kubectl must be in PATH or in KUBEBUILDER_ASSETS');
  const connection = await loadKubeConnection({});
  const client = createKubeClient(connection, { clock, random, metrics: createMetrics() });
  const pods = async (namespace: string, labelSelector: string): Promise<readonly PodStatus[]> =>
    (await client.list<PodStatus>(RESOURCES.pods, { namespace, labelSelector })).items;
  const quietNode = await firstNode(client);
  const kubeconfig = process.env['KUBECONFIG'] ?? join(homedir(), '.kube', 'config');
  const kubectl = createKubectl(kubectlProgram, kubeconfig, NAMESPACE);
  const folder = await mkdtemp(join(tmpdir(), 'e2e-nodes-'));
  const tunnel = createTunnel({
    client,
    kubectl,
    namespace: OPERATOR_NAMESPACE,
    image: options.image,
  });
  const install = async (image: string, more: object = {}): Promise<void> => {
    await helm(helmProgram, [
      ...['upgrade', '--install', RELEASE, chartFolder, '-n', OPERATOR_NAMESPACE, '--wait'],
      ...[
        '--timeout',
        `${START_MAX_MS / 1000}s`,
        '--set-json',
        JSON.stringify({ ...values(image, quietNode), ...more }),
      ],
    ]);
  };

  const { image } = options;
  const volumes =
    options.volumes === undefined
      ? undefined
      : createVolumes({ client, image, node: quietNode, folder: options.volumes });
  const storageClass = volumes === undefined ? options.storageClass : STORAGE_CLASSES.growing;

  await volumes?.create();
  await makeNamespace(client, OPERATOR_NAMESPACE);
  await makeNamespace(client, NAMESPACE);
  await Promise.all([install(image), tunnel.open(quietNode)]);
  await eventually('mcpclusters to be served', async () => client.list(MCP_CLUSTERS), 20_000);

  return {
    client,
    kubectl,
    options,
    quietNode,
    rigidStorageClass: volumes === undefined ? undefined : STORAGE_CLASSES.rigid,
    pods,
    install,
    root: projectRoot(),
    mcp: createPlugin({ root: projectRoot(), kubeconfig, namespace: NAMESPACE, folder }),
    async killPod(name) {
      const ref = { namespace: NAMESPACE, name };
      await client.delete(RESOURCES.pods, ref, { gracePeriodSeconds: 0 });
    },
    async isRunning(name) {
      const pod = await client.get<PodStatus>(RESOURCES.pods, { namespace: NAMESPACE, name });
      const { containerStatuses = [], initContainerStatuses = [] } = pod?.status ?? {};
      const ready = [...containerStatuses, ...initContainerStatuses].filter((each) => each.ready);
      return ready.length === 2 && pod?.metadata.deletionTimestamp === undefined;
    },
    addressOf: tunnel.addressOf,
    ...resourceHelpers(client, {
      reach: (service, port) => tunnel.to(`${service}.${NAMESPACE}.svc`, port),
      adapt: (object) => adapted(object, options.serverImage, storageClass),
    }),
    async operatorLeader() {
      const lease = await client.get(RESOURCES.leases, {
        namespace: OPERATOR_NAMESPACE,
        name: RELEASE,
      });
      const { holderIdentity = '' } = (lease?.['spec'] ?? {}) as { holderIdentity?: string };
      const all = await pods(OPERATOR_NAMESPACE, OPERATOR_PODS);
      const leader = all.find(({ metadata }) => holderIdentity.startsWith(metadata.name ?? '-'));
      return leader?.metadata.name ?? '';
    },
    metricsOf: (namespace, pod, port = METRICS_PORT) =>
      client.raw('GET', `/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy/metrics`),
    async run(command, node) {
      const line = options.commands[command]?.replaceAll('{node}', node) ?? '';
      const child = spawn(line, { shell: true, stdio: 'inherit' });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`${line} ended with ${code}`);
    },
    async lastWords() {
      const told = [
        'get mcpc,pods,pvc -o wide',
        `get mcpc -o jsonpath={range.items[*]}{.metadata.name}:{.status.conditions}{end}`,
        'logs -l app.kubernetes.io/managed-by=mcp-cluster-operator -c sidecar --tail=15 --prefix',
        `logs -n ${OPERATOR_NAMESPACE} -l ${OPERATOR_PODS} --tail=15`,
      ];
      const texts = told.map(async (args) => `--- ${args}\n${(await kubectl.run(args)).stdout}`);
      return (await Promise.all(texts)).join('\n');
    },
    async stop() {
      const { items } = await client.list(MCP_CLUSTERS, { namespace: NAMESPACE });
      for (const { metadata } of items)
        await kubectl.run(`delete mcpc ${metadata.name} --cascade=foreground --timeout=60s`);
      await kubectl.run(`delete namespace ${NAMESPACE} --timeout=60s`);
      await volumes?.remove();
      await tunnel.close();
      await helm(helmProgram, ['uninstall', RELEASE, '-n', OPERATOR_NAMESPACE, '--wait']).catch(
        () => undefined,
      );
      await client.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A McpCluster as it can run here. The sample's server is the first process of its container and has no handler of SIGTERM, so
 * that each of its pods takes all the time to stop that it is given; this much is enough for handing over a few sessions.
 */
function adapted(object: KubeObject, image: string, storageClassName?: string): KubeObject {
  const text = JSON.stringify(object).replaceAll(`"${EVERYTHING.image}"`, `"${image}"`);
  const copy = JSON.parse(text) as KubeObject & { readonly spec?: Record<string, object> };
  if (copy.kind !== MCP_CLUSTER_KIND) return copy;
  const { storage, podTemplate } = copy.spec ?? {};
  const spec = {
    ...copy.spec,
    storage: { ...(storageClassName === undefined ? {} : { storageClassName }), ...storage },
    podTemplate: { terminationGracePeriodSeconds: GRACE_SECONDS, ...podTemplate },
  };
  return { ...copy, spec };
}

/** The chart's values. Operators keep off one node, so that there is one that a scenario need not hit. */
function values(image: string, quietNode: string): object {
  const colon = image.lastIndexOf(':');
  const elsewhere = [{ key: 'kubernetes.io/hostname', operator: 'NotIn', values: [quietNode] }];
  const required = { nodeSelectorTerms: [{ matchExpressions: elsewhere }] };
  return {
    replicas: 2,
    image: { repository: image.slice(0, colon), tag: image.slice(colon + 1) },
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
  };
}

async function firstNode(client: KubeClient): Promise<string> {
  const { items } = await client.list<PodStatus>(RESOURCES.nodes);
  const ready = items.filter(({ status }) =>
    status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True'),
  );
  if (ready.length < 3)
    throw new UsageError(`three ready nodes are needed, there are ${ready.length}`);
  return ready[0]?.metadata.name ?? '';
}
