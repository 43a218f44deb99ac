/** A Kubernetes cluster with real nodes, which somebody else runs: what the scenarios do there, and that it is left tidy. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  API_VERSION,
  MCP_CLUSTER_KIND,
  MCP_CLUSTERS,
  type McpCluster,
} from '../../../src/api/index.ts';
import { applyManifest, readManifest } from '../../../src/cli/manifests.ts';
import { projectRoot } from '../../../src/cli/project.ts';
import { systemClock as clock, systemRandom as random } from '../../../src/host/index.ts';
import {
  createKubeClient,
  loadKubeConnection,
  RESOURCES,
  type KubeClient,
  type KubeObject,
} from '../../../src/kube/index.ts';
import { DEFAULT_IMAGE } from '../../../src/operator/index.ts';
import { createMetrics } from '../../../src/telemetry/index.ts';
import { eventually } from '../../eventually.ts';
import { CLIENT, SERVER } from './programs.ts';

export interface SiteOptions {
  /** Image of operator, sidecar, server and client; the nodes must be able to get it. */
  readonly image: string;
  /** Commands that cut a node off and take that back; `{node}` stands for its name. Without them that is left out. */
  readonly cut: string | undefined;
  readonly heal: string | undefined;
}

export const NAMESPACE = 'mcp-cluster-e2e';
export const CLUSTER = 'nodes';
const OPERATOR_NAMESPACE = 'mcp-cluster-system';
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  runAsUser: 65_532,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};
const START_MAX_MS = 180_000;

type Pod = KubeObject & {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: { readonly phase?: string };
};

export interface Site {
  readonly client: KubeClient;
  /** Installs definitions and operator, and makes a cluster with a pod on each of three nodes; resolves when it serves. */
  open(): Promise<void>;
  cluster(): Promise<McpCluster>;
  nodeOf(namespace: string, labels: string): Promise<string>;
  /** Starts the client on `node`, for so long; resolves once it calls. */
  startLoad(node: string, seconds: number): Promise<void>;
  /** What the client printed last, once it has ended. */
  loadReport(): Promise<string>;
  run(command: string, node: string): Promise<void>;
  close(): Promise<void>;
}

export async function connectSite(options: SiteOptions): Promise<Site> {
  const connection = await loadKubeConnection({});
  const client = createKubeClient(connection, { clock, random, metrics: createMetrics() });
  const pods = async (namespace: string, labelSelector: string): Promise<readonly Pod[]> =>
    (await client.list<Pod>(RESOURCES.pods, { namespace, labelSelector })).items;
  const log = (): Promise<string> =>
    client.raw('GET', `/api/v1/namespaces/${NAMESPACE}/pods/load/log`);
  const cluster = async (): Promise<McpCluster> => {
    const found = await client.get<McpCluster>(MCP_CLUSTERS, {
      namespace: NAMESPACE,
      name: CLUSTER,
    });
    if (found === undefined) throw new Error('the McpCluster is gone');
    return found;
  };
  return {
    client,
    cluster,
    async open() {
      await install(client, options.image);
      await applyManifest(client, clusterObjects(options.image), NAMESPACE);
      const isWhole = async (): Promise<boolean> => (await cluster()).status?.readyReplicas === 3;
      await eventually('three ready pods', isWhole, START_MAX_MS);
    },
    nodeOf: (namespace, labels) =>
      eventually(`a pod ${labels} on a node`, async () => {
        const found = await pods(namespace, labels);
        return found.find(({ status }) => status?.phase === 'Running')?.spec?.nodeName ?? false;
      }),
    async startLoad(node, seconds) {
      await client.create(RESOURCES.pods, loadPod(options.image, node, seconds));
      await eventually(
        'the client to call',
        () => log().then((text) => text.includes('ready')),
        60_000,
      );
    },
    loadReport: () =>
      eventually(
        'the report of the client',
        async () => {
          const last = (await log()).trimEnd().split('\n').at(-1) ?? '';
          return last.startsWith('{') && last;
        },
        60_000,
      ),
    async run(command, node) {
      const child = spawn(command.replaceAll('{node}', node), { shell: true, stdio: 'inherit' });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`${command} for ${node} ended with ${code}`);
    },
    async close() {
      const propagationPolicy = 'Foreground';
      await client
        .delete(MCP_CLUSTERS, { namespace: NAMESPACE, name: CLUSTER }, { propagationPolicy })
        .catch(() => undefined);
      await client.delete(RESOURCES.namespaces, { name: NAMESPACE }).catch(() => undefined);
      await client.close();
    },
  };
}

/** The definitions, then the operator as `deploy/operator.yaml` has it. */
async function install(client: KubeClient, image: string): Promise<void> {
  const root = projectRoot();
  const definitions = await readManifest(join(root, 'crds', 'mcpcluster.io_mcpclusters.yaml'));
  await applyManifest(client, definitions, NAMESPACE);
  await eventually('mcpclusters to be served', async () => client.list(MCP_CLUSTERS), 20_000);
  const manifests = await readManifest(join(root, 'deploy', 'operator.yaml'));
  const text = JSON.stringify(manifests).replaceAll(DEFAULT_IMAGE, image);
  await applyManifest(client, JSON.parse(text) as KubeObject[], OPERATOR_NAMESPACE);
}

function clusterObjects(image: string): KubeObject[] {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } },
    {
      apiVersion: API_VERSION,
      kind: MCP_CLUSTER_KIND,
      metadata: { namespace: NAMESPACE, name: CLUSTER },
      spec: {
        server: {
          image,
          command: ['/usr/local/bin/node', '-e', SERVER],
          env: [{ name: 'PORT', value: '3001' }],
          port: 3001,
        },
        podTemplate: { antiAffinity: 'Required' },
      },
    },
  ];
}

function loadPod(image: string, nodeName: string, seconds: number): KubeObject {
  const variables = {
    URL: `http://${CLUSTER}.${NAMESPACE}.svc:8080/mcp`,
    SECONDS: String(seconds),
    EVERY_MS: '20',
    SESSIONS: '9',
    // More than a session of a lost owner waits for its lease to end, less than clients wait.
    TIMEOUT_MS: '8000',
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: NAMESPACE, name: 'load' },
    spec: {
      nodeName,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'load',
          image,
          command: ['/usr/local/bin/node', '-e', CLIENT],
          env: Object.entries(variables).map(([name, value]) => ({ name, value })),
          securityContext: RESTRICTED,
        },
      ],
    },
  };
}
