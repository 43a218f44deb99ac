/** How a verb reaches the API server and finds the cluster it is about; whatever goes wrong becomes a sentence that helps. */
import { MCP_CLUSTERS, type McpCluster } from '../../api/index.ts';
import { systemClock, systemRandom, UsageError } from '../../host/index.ts';
import {
  createKubeClient,
  KubeError,
  loadKubeConnection,
  type KubeClient,
  type KubeResource,
  type ResourceType,
} from '../../kube/index.ts';
import { createMetrics } from '../../telemetry/index.ts';
import { explain } from '../core/explain.ts';

/** The flags of kubectl that every verb takes; kubectl itself hands them on. */
export interface ConnectionFlags {
  readonly namespace?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly as?: string;
}

export interface Session {
  readonly client: KubeClient;
  readonly namespace: string;
  /** The flags as they were given, to be repeated in commands that are named: ` -n team`. */
  readonly flags: string;
  /** Shows lines on standard output. */
  readonly print: Print;
}

export type Print = (text: string) => void;

/** The API server refused, or did not answer. */
const FAILED = 1;

/** Runs `work` at the API server that `flags` name, and ends the connection afterwards. */
export async function withSession<T>(
  flags: ConnectionFlags,
  print: Print,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { namespace, context, kubeconfig, as } = flags;
  const connection = await loadKubeConnection({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    ...(as === undefined ? {} : { impersonateUser: as }),
  });
  const client = createKubeClient(connection, {
    clock: systemClock,
    random: systemRandom,
    metrics: createMetrics(),
    userAgent: 'kubectl-mcp',
    // Somebody waits for the answer, and may ask again.
    retriesMax: 1,
  });
  const given = Object.entries({
    '-n': namespace,
    '--context': context,
    '--kubeconfig': kubeconfig,
  });
  try {
    return await work({
      client,
      print,
      namespace: namespace ?? connection.namespace,
      flags: given
        .map(([flag, value]) => (value === undefined ? '' : ` ${flag} ${value}`))
        .join(''),
    });
  } finally {
    await client.close();
  }
}

/** Awaits `request`; a refusal of the API server is told as what it means for `verb` on `type`. */
export async function attempt<T>(
  { namespace }: Pick<Session, 'namespace'>,
  verb: string,
  type: ResourceType,
  request: Promise<T>,
): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const what = { verb, group: type.group, resource: type.plural, namespace };
    throw Object.assign(new UsageError(explain(error, what), FAILED), { cause: error });
  }
}

/** The McpCluster `name`; rejects with the names that there are. */
export async function findCluster(session: Session, name: string): Promise<McpCluster> {
  const { client, namespace } = session;
  const found = await attempt(
    session,
    'get',
    MCP_CLUSTERS,
    client.get<KubeResource & McpCluster>(MCP_CLUSTERS, { namespace, name }),
  );
  if (found !== undefined) return found;
  const here = await clusterNames(session, namespace);
  const there = `there is no McpCluster ${name} in the namespace ${namespace}`;
  if (here.length > 0) throw new UsageError(`${there}: it has ${here.join(', ')}`);
  const elsewhere = await everywhere(session);
  throw new UsageError(
    elsewhere.length > 0
      ? `${there}, nor any other: there are ${elsewhere.join(', ')}; name the namespace with -n`
      : `${there}, nor any other: kubectl apply one first`,
  );
}

/** Every McpCluster of the namespace, or of all. */
export async function listClusters(
  session: Session,
  options: { readonly allNamespaces: boolean },
): Promise<readonly McpCluster[]> {
  const scope = options.allNamespaces ? {} : { namespace: session.namespace };
  const { items } = await attempt(
    session,
    'list',
    MCP_CLUSTERS,
    session.client.list<KubeResource & McpCluster>(MCP_CLUSTERS, scope),
  );
  return items;
}

async function clusterNames(session: Session, namespace: string): Promise<readonly string[]> {
  const items = await listClusters({ ...session, namespace }, { allNamespaces: false });
  return items.map(({ metadata }) => metadata.name);
}

/** Who may not look everywhere is told of what is here only. */
async function everywhere({ client }: Session): Promise<readonly string[]> {
  const { items } = await client.list(MCP_CLUSTERS).catch(() => ({ items: [] }));
  return items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}
