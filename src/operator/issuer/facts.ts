/** Looks up what became of the issuer that a spec names: whether it is there, and which requests came to nothing. */
import { CLUSTER_LABEL, selectorText, type McpCluster } from '../../api/index.ts';
import { KubeError, type KubeClient, type KubeResource } from '../../kube/index.ts';
import type { Clock } from '../../std/index.ts';
import type { CertificateRequest, IssuerFacts, ReconcileProblem } from '../core/index.ts';
import { outcomeOf } from './cert-manager-signer.ts';
import { askedOf } from './asked-of.ts';
import { CERTIFICATE_REQUESTS, ISSUERS } from './resources.ts';

/** An issuer that needs longer is worth a word. */
const PENDING_MS = 60_000;

interface Options {
  readonly client: KubeClient;
  readonly clock: Clock;
}

interface Issuer extends KubeResource {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

export async function issuerFacts(
  cluster: McpCluster,
  options: Options,
): Promise<IssuerFacts | undefined> {
  const { issuerRef } = cluster.spec.tls;
  if (issuerRef === undefined) return undefined;
  const { namespace } = cluster.metadata;
  const type = ISSUERS[issuerRef.kind];
  try {
    const { client } = options;
    const ref = type.namespaced ? { namespace, name: issuerRef.name } : { name: issuerRef.name };
    const issuer = await client.get<Issuer>(type, ref);
    if (issuer === undefined) return { state: await whyMissing(client), refused: [] };
    const ready = issuer.status?.conditions?.find((condition) => condition.type === 'Ready');
    const refused = await refusedRequests(cluster, options);
    return ready?.status === 'True'
      ? { state: 'Ready', refused }
      : { state: 'NotReady', says: ready?.message, refused };
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 403) throw error;
    const message = `spec.tls.issuerRef: the operator may not look at issuers (${error.message}); install its chart with certManager.enabled=true`;
    return { state: 'Unknown', refused: [{ reason: 'IssuerForbidden', message }] };
  }
}

/** An unknown kind and an unknown object are told alike. */
async function whyMissing(client: KubeClient): Promise<'Missing' | 'NotInstalled'> {
  try {
    await client.raw('GET', `/apis/${ISSUERS.Issuer.group}/${ISSUERS.Issuer.version}`);
    return 'Missing';
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return 'NotInstalled';
    throw error;
  }
}

async function refusedRequests(
  cluster: McpCluster,
  { client, clock }: Options,
): Promise<readonly ReconcileProblem[]> {
  const { namespace, name } = cluster.metadata;
  const labelSelector = selectorText({ [CLUSTER_LABEL]: name });
  const { items } = await client.list<CertificateRequest>(CERTIFICATE_REQUESTS, {
    namespace,
    labelSelector,
  });
  const problems: ReconcileProblem[] = [];
  for (const request of items) {
    const outcome = outcomeOf(request, await askedOf(request), clock.wall());
    if (outcome.kind === 'refused') problems.push(outcome);
    const ageMs = clock.wall() - Date.parse(request.metadata.creationTimestamp ?? '');
    if (outcome.kind === 'pending' && ageMs > PENDING_MS) {
      problems.push({ reason: 'CertificatePending', message: outcome.message });
    }
  }
  return problems;
}
