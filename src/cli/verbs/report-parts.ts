/** What a report on a cluster is made of: each part with how to read it, and without what must not leave the cluster. */
import { dump } from 'js-yaml';
import { MCP_CLUSTERS, type McpCluster } from '../../api/index.ts';
import { KubeError, RESOURCES, type KubeObject, type ResourceType } from '../../kube/index.ts';
import { redactLog, redactObject, redactText } from '../core/redact.ts';
import { podSelector } from '../core/status-view.ts';
import { readLog } from './logs.ts';
import type { Session } from './session.ts';

/** Objects of a cluster, told by its label. */
const KINDS: readonly ResourceType[] = [
  RESOURCES.pods,
  RESOURCES.statefulSets,
  RESOURCES.services,
  RESOURCES.endpointSlices,
  RESOURCES.configMaps,
  RESOURCES.secrets,
  RESOURCES.persistentVolumeClaims,
  RESOURCES.podDisruptionBudgets,
  RESOURCES.networkPolicies,
  RESOURCES.serviceAccounts,
  RESOURCES.cronJobs,
  RESOURCES.jobs,
];
/** A log is read to so many bytes, which are far more than its last lines have when nothing is wrong with them. */
const LOG_BYTES_MAX = 4 * 2 ** 20;
/** A node that is gone costs no more than this. */
const PART_MS_MAX = 20_000;
const POD_LOGS: ResourceType = { ...RESOURCES.pods, plural: 'pods/log' };
const METRICS_PORT = 9090;
const OPERATOR_SELECTOR = 'app.kubernetes.io/name=mcp-cluster-operator';

/** One file of a report. */
export interface Part {
  /** Within its folder. */
  readonly path: string;
  /** What has no place in a report has been taken out; rejects with what keeps it from being read, and what to do. */
  readonly read: () => Promise<string>;
}

export interface ReportFlags {
  /** Folder that is made; it must not exist. */
  readonly out?: string;
  /** Lines of each log. */
  readonly tail: number;
  readonly operatorNamespace: string;
  /** What the MCP servers themselves say may hold anything. */
  readonly includeServerLogs?: boolean;
}

/** What there is to read of `cluster`; parts that cannot even be named are added to `missing`. */
export async function partsOf(
  session: Session,
  cluster: McpCluster,
  options: ReportFlags & { readonly missing: string[] },
): Promise<readonly Part[]> {
  const { client, namespace } = session;
  const labelSelector = podSelector(cluster.metadata.name);
  const [pods, operators] = await Promise.all([
    podNames(session, { path: 'logs and metrics', namespace, labelSelector }, options),
    podNames(session, operatorPods(options), options),
  ]);
  return [
    { path: 'mcpcluster.yaml', read: async () => yaml([cluster as unknown as KubeObject]) },
    ...KINDS.map((type) => ({
      path: `objects/${type.plural}.yaml`,
      read: async () =>
        yaml((await readable('list', type, client.list(type, { namespace, labelSelector }))).items),
    })),
    { path: 'events.yaml', read: async () => yaml(await eventsOf(session, cluster)) },
    {
      path: 'nodes.yaml',
      read: async () => {
        const nodes = readable('list', RESOURCES.nodes, client.list(RESOURCES.nodes));
        return yaml((await nodes).items.map(nodeFacts));
      },
    },
    { path: 'other-clusters.txt', read: () => otherClusters(session) },
    { path: 'kubernetes-version.json', read: () => client.raw('GET', '/version') },
    ...pods.flatMap((pod) => podParts(session, pod, options)),
    ...operators.flatMap((pod) => operatorParts(session, pod, options)),
  ];
}

const operatorPods = ({ operatorNamespace: namespace }: ReportFlags) => ({
  path: 'operator',
  namespace,
  labelSelector: OPERATOR_SELECTOR,
  whenNone: `there is no pod of the operator in the namespace ${namespace}: name that with --operator-namespace`,
});

async function podNames(
  { client }: Session,
  {
    path,
    whenNone = 'there is no pod',
    ...scope
  }: {
    readonly path: string;
    readonly namespace: string;
    readonly labelSelector: string;
    readonly whenNone?: string;
  },
  { missing }: { readonly missing: string[] },
): Promise<readonly string[]> {
  const list = client.list(RESOURCES.pods, scope);
  const names = await readable('list', RESOURCES.pods, list).then(
    ({ items }) => items.map(({ metadata }) => metadata.name ?? ''),
    (error: Error) => void missing.push(`${path}: ${error.message}`),
  );
  if (names?.length === 0) missing.push(`${path}: ${whenNone}`);
  return names ?? [];
}

function podParts(
  session: Session,
  pod: string,
  { tail, includeServerLogs }: ReportFlags,
): readonly Part[] {
  const { client, namespace } = session;
  const log = (container: 'sidecar' | 'server', previous: boolean): Part => ({
    path: `logs/${pod}-${container}${previous ? '-previous' : ''}.log`,
    read: async () => {
      const reading = readLog(
        client,
        { namespace, name: pod },
        { container, tail, previous, bytesMax: LOG_BYTES_MAX, signal: soon() },
      );
      return wholeLines(await readable('get', POD_LOGS, reading));
    },
  });
  return [
    log('sidecar', false),
    log('sidecar', true),
    ...(includeServerLogs === true ? [log('server', false)] : []),
    metricsOf(session, namespace, pod),
  ];
}

function operatorParts(
  session: Session,
  pod: string,
  { tail, operatorNamespace: namespace }: ReportFlags,
): readonly Part[] {
  return [
    {
      path: `operator/${pod}.log`,
      read: async () => {
        const options = { tail, bytesMax: LOG_BYTES_MAX, signal: soon() };
        const reading = readLog(session.client, { namespace, name: pod }, options);
        return wholeLines(await readable('get', POD_LOGS, reading));
      },
    },
    metricsOf(session, namespace, pod),
  ];
}

function metricsOf({ client }: Session, namespace: string, pod: string): Part {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}:${METRICS_PORT}/proxy/metrics`;
  const type = { ...RESOURCES.pods, plural: 'pods/proxy' };
  return {
    path: `metrics/${pod}.txt`,
    read: async () =>
      redactText(await readable('get', type, client.raw('GET', path, { signal: soon() }))),
  };
}

/** One that was cut by its length ends in half a line, in which nothing can be told from what is secret. */
function wholeLines(text: string): string {
  const isCut = text.length >= LOG_BYTES_MAX;
  return redactLog(isCut ? text.slice(0, text.lastIndexOf('\n') + 1) : text);
}

const soon = (): AbortSignal => AbortSignal.timeout(PART_MS_MAX);

/** Awaits `request`; rejects with a sentence that says what to do. */
async function readable<T>(verb: string, type: ResourceType, request: Promise<T>): Promise<T> {
  return request.catch((error: unknown) => {
    const { message, name } = error as Error;
    if (name === 'TimeoutError' || name === 'AbortError') {
      throw new Error(`no answer within ${PART_MS_MAX / 1_000} s: is its node there?`);
    }
    if (!(error instanceof KubeError)) throw error;
    if (error.status === 404) throw new Error(`the API server has no such thing: ${message}`);
    if (error.status !== 403) throw error;
    throw new Error(`${message}; whoever has the right to ${verb} ${type.plural} can add it`);
  });
}

/** Events about anything that is named after the cluster. */
async function eventsOf(
  { client, namespace }: Session,
  { metadata }: McpCluster,
): Promise<readonly KubeObject[]> {
  const list = client.list(RESOURCES.events, { namespace });
  const { items } = await readable('list', RESOURCES.events, list);
  const isAbout = (event: KubeObject): boolean => {
    const { name = '' } = (event['regarding'] ?? {}) as { name?: string };
    return (
      name === metadata.name ||
      name.startsWith(`${metadata.name}-`) ||
      name === `data-${metadata.name}`
    );
  };
  return items.filter(isAbout);
}

/** Of nodes only what scheduling and versions need. */
function nodeFacts(node: KubeObject): KubeObject {
  const { nodeInfo, conditions } = (node['status'] ?? {}) as Record<string, unknown>;
  const { unschedulable, taints } = (node['spec'] ?? {}) as Record<string, unknown>;
  const { apiVersion, kind, metadata } = node;
  const { name = '', labels = {} } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, labels },
    spec: { unschedulable, taints },
    status: { nodeInfo, conditions },
  };
}

/** How many there are and how they are, without their names. */
async function otherClusters({ client }: Session): Promise<string> {
  const { items } = await readable('list', MCP_CLUSTERS, client.list(MCP_CLUSTERS));
  const phases = items.map((each) => (each as unknown as McpCluster).status?.phase ?? 'Unknown');
  const counts = new Map<string, number>();
  for (const phase of phases) counts.set(phase, (counts.get(phase) ?? 0) + 1);
  return [...counts].map(([phase, count]) => `${phase} ${count}`).join('\n');
}

const yaml = (objects: readonly KubeObject[]): string =>
  objects
    .map((object) => dump(redactObject(object), { noRefs: true, lineWidth: -1 }))
    .join('---\n');
