/** Looks up what a spec refers to: Secrets with tokens, the right to review tokens, the issuer of its certificates. */
import type { McpCluster } from '../api/index.ts';
import { KubeError, RESOURCES, type KubeClient, type KubeResource } from '../kube/index.ts';
import type { Clock } from '../std/index.ts';
import { issuerFacts } from './issuer/facts.ts';
import {
  objectNames,
  referenceProblems,
  tokenReviewField,
  tokenSecrets,
  type Secret,
  type SpecFacts,
} from './core/index.ts';

/** Neither is watched: what is missing is looked for this often, what is there this seldom. */
const MISSING_MS = 4_000;
const FOUND_MS = 60_000;

interface Known {
  readonly generation: number;
  readonly until: number;
  readonly facts: SpecFacts;
}

export interface SpecFactsReader {
  of(cluster: McpCluster): Promise<SpecFacts>;
  /** Ends what is kept for the cluster with this uid. */
  forget(uid: string): void;
}

export function createSpecFacts(options: {
  readonly client: KubeClient;
  readonly clock: Clock;
}): SpecFactsReader {
  const { clock } = options;
  const knownByUid = new Map<string, Known>();
  return {
    async of(cluster) {
      const { uid, generation } = cluster.metadata;
      const known = knownByUid.get(uid);
      const now = clock.monotonic();
      if (known?.generation === generation && now < known.until) return known.facts;
      const facts = await lookUpSpec(cluster, options);
      const until = now + (referenceProblems(cluster, facts).length > 0 ? MISSING_MS : FOUND_MS);
      knownByUid.set(uid, { generation, until, facts });
      return facts;
    },
    forget: (uid) => void knownByUid.delete(uid),
  };
}

/** Asks the API server now. */
export async function lookUpSpec(
  cluster: McpCluster,
  options: { readonly client: KubeClient; readonly clock: Clock },
): Promise<SpecFacts> {
  return {
    missingSecretKeys: await missingSecretKeys(cluster, options.client),
    mayReviewTokens: await mayReviewTokens(cluster, options.client),
    issuer: await issuerFacts(cluster, options),
  };
}

async function missingSecretKeys(
  cluster: McpCluster,
  client: KubeClient,
): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  const { namespace } = cluster.metadata;
  for (const { name, key } of tokenSecrets(cluster)) {
    const secret = await client.get<Secret>(RESOURCES.secrets, { namespace, name });
    if (secret?.data?.[key] === undefined) missing.add(`${name}/${key}`);
  }
  return missing;
}

interface AccessReview extends KubeResource {
  readonly spec: object;
  readonly status?: { readonly allowed: boolean };
}

/** Asks the API server what the sidecars' service account may; where that cannot be asked, it is not known. */
async function mayReviewTokens(
  cluster: McpCluster,
  client: KubeClient,
): Promise<boolean | undefined> {
  if (tokenReviewField(cluster) === undefined) return undefined;
  const { namespace, name } = cluster.metadata;
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: `system:serviceaccount:${namespace}:${objectNames(name).serviceAccount}`,
      groups: [
        'system:serviceaccounts',
        `system:serviceaccounts:${namespace}`,
        'system:authenticated',
      ],
      resourceAttributes: {
        group: 'authentication.k8s.io',
        resource: 'tokenreviews',
        verb: 'create',
      },
    },
  };
  try {
    const { status } = await client.create<AccessReview>(RESOURCES.subjectAccessReviews, review);
    return status?.allowed === true;
  } catch (error) {
    if (error instanceof KubeError && [403, 404].includes(error.status)) return undefined;
    throw error;
  }
}
