/**
 * `report`: a folder of plain files for whoever helps with a cluster. Each part is read by itself: what may not be read is said
 * in the report instead of ending it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { dump } from 'js-yaml';
import { MCP_CLUSTERS, type McpCluster } from '../../api/index.ts';
import { systemClock, UsageError } from '../../host/index.ts';
import { RESOURCES, type KubeObject, type ResourceType } from '../../kube/index.ts';
import { redactLog, redactObject, redactText } from '../core/redact.ts';
import { podSelector } from '../core/status-view.ts';
import { readLog } from './logs.ts';
import { findCluster, type Session } from './session.ts';

export interface ReportFlags {
  /** Folder that is made; it must not exist. */
  readonly out?: string;
  readonly tail: number;
  readonly operatorNamespace: string;
  /** What the MCP servers themselves say may hold anything. */
  readonly includeServerLogs?: boolean;
}

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
const METRICS_PORT = 9090;
const OPERATOR_SELECTOR = 'app.kubernetes.io/name=mcp-cluster-operator';

interface Part {
  readonly path: string;
  readonly read: () => Promise<string>;
}

/** Writes the report and says where it is; nothing of it was sent anywhere. */
export async function report(session: Session, name: string, flags: ReportFlags): Promise<void> {
  const cluster = await findCluster(session, name);
  const at = new Date(systemClock.wall()).toISOString().replace(/[:.]/g, '-');
  const folder = flags.out ?? `mcp-report-${session.namespace}-${name}-${at}`;
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      `--out ${folder}: ${error.code === 'EEXIST' ? 'is there already' : error.message}`,
    );
  });
  const missing: string[] = [];
  for (const part of await partsOf(session, cluster, flags)) {
    const text = await part.read().catch((error: Error) => {
      missing.push(`${part.path}: ${redactText(error.message)}`);
      return undefined;
    });
    if (text === undefined) continue;
    const path = join(folder, part.path);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, text.endsWith('\n') ? text : `${text}\n`, { mode: 0o600 });
  }
  await writeFile(join(folder, 'README.txt'), readme(name, missing, flags), { mode: 0o600 });
  session.print(`${folder}: read it before you give it away; tar -czf ${folder}.tar.gz ${folder}`);
  for (const line of missing) session.print(`  not in it: ${line}`);
}

async function partsOf(
  session: Session,
  cluster: McpCluster,
  { tail, operatorNamespace, includeServerLogs }: ReportFlags,
): Promise<readonly Part[]> {
  const { client, namespace } = session;
  const labelSelector = podSelector(cluster.metadata.name);
  const podNames = async (inNamespace: string, selector: string): Promise<readonly string[]> => {
    const scope = { namespace: inNamespace, labelSelector: selector };
    const { items } = await client.list(RESOURCES.pods, scope).catch(() => ({ items: [] }));
    return items.map(({ metadata }) => metadata.name ?? '');
  };
  const pods = await podNames(namespace, labelSelector);
  const operators = await podNames(operatorNamespace, OPERATOR_SELECTOR);
  const log = (pod: string, container: 'sidecar' | 'server', previous: boolean): Part => ({
    path: `logs/${pod}-${container}${previous ? '-previous' : ''}.log`,
    read: async () =>
      redactLog(await readLog(client, { namespace, name: pod }, { container, tail, previous })),
  });
  const raw = (path: string, url: string, shown: (text: string) => string): Part => ({
    path,
    read: async () => shown(await client.raw('GET', url)),
  });
  const podUrl = (inNamespace: string, pod: string): string =>
    `/api/v1/namespaces/${inNamespace}/pods/${pod}`;
  const metrics = (inNamespace: string, pod: string): Part =>
    raw(
      `metrics/${pod}.txt`,
      `${podUrl(inNamespace, pod)}:${METRICS_PORT}/proxy/metrics`,
      redactText,
    );
  return [
    { path: 'mcpcluster.yaml', read: async () => yaml([cluster as unknown as KubeObject]) },
    ...KINDS.map((type) => ({
      path: `objects/${type.plural}.yaml`,
      read: async () => yaml((await client.list(type, { namespace, labelSelector })).items),
    })),
    {
      path: 'events.yaml',
      read: async () => yaml(await eventsOf(session, cluster)),
    },
    {
      path: 'nodes.yaml',
      read: async () => yaml((await client.list(RESOURCES.nodes)).items.map(nodeFacts)),
    },
    { path: 'other-clusters.txt', read: () => otherClusters(session) },
    raw('kubernetes-version.json', '/version', (text) => text),
    ...pods.flatMap((pod) => [
      log(pod, 'sidecar', false),
      log(pod, 'sidecar', true),
      ...(includeServerLogs === true ? [log(pod, 'server', false)] : []),
      metrics(namespace, pod),
    ]),
    ...operators.flatMap((pod) => [
      raw(
        `operator/${pod}.log`,
        `${podUrl(operatorNamespace, pod)}/log?tailLines=${tail}`,
        redactLog,
      ),
      metrics(operatorNamespace, pod),
    ]),
  ].map((part) => withoutPrevious(part));
}

/** A container that was never restarted has no log of before: that is no gap in the report. */
function withoutPrevious(part: Part): Part {
  if (!part.path.endsWith('-previous.log')) return part;
  return { ...part, read: () => part.read().catch(() => 'this container was not restarted') };
}

/** Events about anything that is named after the cluster. */
async function eventsOf(
  { client, namespace }: Session,
  { metadata }: McpCluster,
): Promise<readonly KubeObject[]> {
  const { items } = await client.list(RESOURCES.events, { namespace });
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
  const { items } = await client.list(MCP_CLUSTERS);
  const phases = items.map((each) => (each as unknown as McpCluster).status?.phase ?? 'Unknown');
  const counts = new Map<string, number>();
  for (const phase of phases) counts.set(phase, (counts.get(phase) ?? 0) + 1);
  return [...counts].map(([phase, count]) => `${phase} ${count}`).join('\n');
}

const yaml = (objects: readonly KubeObject[]): string =>
  objects
    .map((object) => dump(redactObject(object), { noRefs: true, lineWidth: -1 }))
    .join('---\n');

function readme(name: string, missing: readonly string[], flags: ReportFlags): string {
  return [
    `The McpCluster ${name} at ${new Date(systemClock.wall()).toISOString()}.`,
    'Data of Secrets, values of variables, arguments of servers, annotations of strangers, tokens, principals, addresses of e-mail',
    'and the ids of sessions but for their first characters have been taken out.',
    flags.includeServerLogs === true
      ? 'The logs of the MCP servers are in it, which may hold anything: --include-server-logs was given.'
      : 'The logs of the MCP servers are not in it (--include-server-logs).',
    ...(missing.length === 0 ? [] : ['', 'What could not be read:', ...missing]),
    '',
  ].join('\n');
}
