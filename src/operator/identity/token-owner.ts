/** Whose token it is: the API server says which pod it is bound to, and the pod's controllers lead to its cluster, by uid. */
import { MCP_CLUSTERS, type McpCluster } from '../../api/index.ts';
import { apiVersionOf, RESOURCES, type KubeClient, type ResourceType } from '../../kube/index.ts';
import {
  CONTROL_CHAINS,
  controllerOf,
  IDENTITY_AUDIENCE,
  isOwner,
  objectNames,
  podRole,
  type AnyObject,
  type Owner,
  type Pod,
  type PodOfCluster,
} from '../core/index.ts';
import { Refused } from './refusals.ts';

interface TokenReview extends AnyObject {
  readonly spec: { readonly token: string; readonly audiences: readonly string[] };
  readonly status?: {
    readonly authenticated?: boolean;
    readonly audiences?: readonly string[];
    readonly error?: string;
    readonly user?: {
      readonly username?: string;
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
}

interface BoundPod {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly name: string;
  readonly uid: string;
}

export interface TokenOwner {
  readonly cluster: McpCluster;
  readonly pod: PodOfCluster;
}

const EXTRA = 'authentication.kubernetes.io/';
const CONTROLLERS: Readonly<Record<string, ResourceType>> = Object.fromEntries(
  [RESOURCES.statefulSets, RESOURCES.jobs, RESOURCES.cronJobs, MCP_CLUSTERS].map((type) => [
    type.kind,
    type,
  ]),
);

/** Rejects with {@link Refused} for a token that is not that of a pod of a cluster, as the API server has it now. */
export async function ownerOfToken(
  token: string,
  client: KubeClient,
  signal: AbortSignal,
): Promise<TokenOwner> {
  const bound = await review(token, client, signal);
  const { namespace } = bound;
  const pod = await client.get<Pod>(RESOURCES.pods, { namespace, name: bound.name }, { signal });
  // A pod with the same name may have come after it.
  if (pod === undefined || pod.metadata.uid !== bound.uid) throw new Refused('pod-gone');
  const chain = await controllersOf(pod, namespace, client, signal);
  const cluster = chain.at(-1) as (AnyObject & McpCluster) | undefined;
  if (cluster === undefined) throw new Refused('pod-foreign');
  const found = podRole(cluster, pod, chain);
  const serviceAccount = objectNames(cluster.metadata.name).serviceAccount;
  if (found === undefined || bound.serviceAccount !== serviceAccount) {
    throw new Refused('pod-foreign');
  }
  return { cluster, pod: found };
}

async function review(token: string, client: KubeClient, signal: AbortSignal): Promise<BoundPod> {
  const { status } = await client.create<TokenReview>(
    RESOURCES.tokenReviews,
    {
      apiVersion: apiVersionOf(RESOURCES.tokenReviews),
      kind: RESOURCES.tokenReviews.kind,
      metadata: {},
      spec: { token, audiences: [IDENTITY_AUDIENCE] },
    },
    { signal },
  );
  // A server that knows no audiences answers without them, and might have accepted any token.
  if (status?.authenticated !== true || !status.audiences?.includes(IDENTITY_AUDIENCE)) {
    throw new Refused('token-refused');
  }
  const { username = '', extra = {} } = status.user ?? {};
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username);
  const [name] = extra[`${EXTRA}pod-name`] ?? [];
  const [uid] = extra[`${EXTRA}pod-uid`] ?? [];
  if (account === null || name === undefined || uid === undefined) {
    throw new Refused('token-without-pod');
  }
  const [, namespace, serviceAccount] = account as unknown as [string, string, string];
  return { namespace, serviceAccount, name, uid };
}

/** The controllers of a pod, one after the other, up to its McpCluster; empty when they lead elsewhere. */
async function controllersOf(
  pod: Pod,
  namespace: string,
  client: KubeClient,
  signal: AbortSignal,
): Promise<readonly AnyObject[]> {
  const chain: AnyObject[] = [];
  let owner = controllerOf(pod);
  while (owner !== undefined && isExpected([...chain.map(({ kind }) => kind), owner.kind])) {
    const next = await read(owner, namespace, client, signal);
    if (next === undefined || !isOwner(owner, next)) return [];
    chain.push(next);
    if (next.kind === MCP_CLUSTERS.kind) return chain;
    owner = controllerOf(next);
  }
  return [];
}

const isExpected = (kinds: readonly string[]): boolean =>
  CONTROL_CHAINS.some((chain) => kinds.every((kind, i) => chain[i] === kind));

function read(
  { kind, name }: Owner,
  namespace: string,
  client: KubeClient,
  signal: AbortSignal,
): Promise<AnyObject | undefined> {
  const type = CONTROLLERS[kind];
  return type === undefined
    ? Promise.resolve(undefined)
    : client.get<AnyObject>(type, { namespace, name }, { signal });
}
