/** `status`: one cluster in full, or all of them in a table; once, or again whenever something changes. */
import { dump } from 'js-yaml';
import { MCP_CLUSTERS, type McpCluster } from '../../api/index.ts';
import { systemClock, UsageError } from '../../host/index.ts';
import { RESOURCES, type KubeObject } from '../../kube/index.ts';
import { delay } from '../../std/index.ts';
import { clusterLines, statusLines } from '../core/status-text.ts';
import { podSelector, statusView, type PodFacts, type StatusView } from '../core/status-view.ts';
import { readExpiries } from './expiries.ts';
import { attempt, findCluster, listClusters, type Session } from './session.ts';

export interface StatusFlags {
  readonly output?: 'json' | 'yaml';
  readonly watch?: boolean;
  readonly allNamespaces?: boolean;
}

/** Before a watch that ended is opened again. */
const REWATCH_MS = 1_000;

export async function status(
  session: Session,
  name: string | undefined,
  flags: StatusFlags,
): Promise<void> {
  if (flags.watch !== true) return session.print((await lines(session, name, flags)).join('\n'));
  if (name === undefined)
    throw new UsageError('status --watch: name one cluster; kubectl get mcpc --watch shows all');
  let shown = '';
  for (;;) {
    const { client, namespace } = session;
    // Before it is read: what changes while it is read must not be missed.
    const { resourceVersion } = await attempt(
      session,
      'list',
      MCP_CLUSTERS,
      client.list(MCP_CLUSTERS, { namespace }),
    );
    const text = (await lines(session, name, flags)).join('\n');
    if (text !== shown) {
      if (process.stdout.isTTY) process.stdout.write('\x1b[2J\x1b[H');
      else if (shown !== '') session.print('---');
      session.print(text);
      shown = text;
    }
    await nextChange(session, resourceVersion);
  }
}

/** Resolves when a McpCluster of the namespace has changed since `resourceVersion`, or after a while. */
async function nextChange({ client, namespace }: Session, resourceVersion: string): Promise<void> {
  const changed = new AbortController();
  const { signal } = changed;
  const end = await client.watch(MCP_CLUSTERS, { namespace, resourceVersion, signal }, (event) => {
    if (event.type !== 'BOOKMARK') changed.abort();
  });
  if (end.kind === 'failed') await delay(systemClock, REWATCH_MS);
}

async function lines(
  session: Session,
  name: string | undefined,
  { output, allNamespaces = false }: StatusFlags,
): Promise<string[]> {
  const now = systemClock.wall();
  const ageMs = (instant: string): number => now - Date.parse(instant);
  if (name !== undefined) {
    const view = await look(session, await findCluster(session, name));
    return output === undefined ? statusLines(view, ageMs) : [encoded(view, output)];
  }
  const clusters = await listClusters(session, { allNamespaces });
  const views = clusters.map((cluster) =>
    statusView({ cluster, pods: [], zones: new Map(), expiries: [], flags: session.flags }),
  );
  if (output !== undefined) return [encoded(views, output)];
  if (views.length > 0) return clusterLines(views, allNamespaces);
  return [
    allNamespaces
      ? 'there is no McpCluster: kubectl apply one'
      : `there is no McpCluster in the namespace ${session.namespace}: kubectl apply one, or see all namespaces with -A`,
  ];
}

function encoded(value: StatusView | readonly StatusView[], output: 'json' | 'yaml'): string {
  const plain: unknown = JSON.parse(JSON.stringify(value));
  return output === 'json'
    ? JSON.stringify(plain, undefined, 2)
    : dump(plain, { lineWidth: -1 }).trimEnd();
}

/** What may not be read is left out: the status itself is enough to see what is wrong. */
async function look(session: Session, cluster: McpCluster): Promise<StatusView> {
  const { client, namespace, flags } = session;
  const labelSelector = podSelector(cluster.metadata.name);
  const nothing = (): { items: KubeObject[] } => ({ items: [] });
  const [pods, nodes, expiries] = await Promise.all([
    client.list(RESOURCES.pods, { namespace, labelSelector }).catch(nothing),
    client.list(RESOURCES.nodes).catch(nothing),
    readExpiries(session, cluster),
  ]);
  const zones = nodes.items.map(({ metadata }) => {
    const zone = metadata.labels?.['topology.kubernetes.io/zone'];
    return [metadata.name ?? '', zone ?? ''] as const;
  });
  return statusView({
    cluster,
    pods: pods.items.map(podFacts),
    zones: new Map(zones.filter(([, zone]) => zone !== '')),
    expiries,
    flags,
  });
}

interface PodShape {
  readonly spec?: { readonly nodeName?: string };
  readonly status?: Record<
    'initContainerStatuses' | 'containerStatuses',
    readonly { readonly restartCount: number }[] | undefined
  >;
}

function podFacts(pod: KubeObject): PodFacts {
  const { spec, status: seen } = pod as PodShape;
  const containers = [...(seen?.initContainerStatuses ?? []), ...(seen?.containerStatuses ?? [])];
  return {
    name: pod.metadata.name ?? '',
    node: spec?.nodeName,
    restarts: containers.reduce((sum, { restartCount }) => sum + restartCount, 0),
  };
}
