/** Looks up what became of the issuer that a spec names. */
import type { McpCluster } from '../../api/index.ts';
import { KubeError, type KubeClient, type KubeResource } from '../../kube/index.ts';
import type { IssuerFacts } from '../core/index.ts';
import { ISSUERS } from './resources.ts';

interface Options {
  readonly client: KubeClient;
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
  { client }: Options,
): Promise<IssuerFacts | undefined> {
  const { issuerRef } = cluster.spec.tls;
  if (issuerRef === undefined) return undefined;
  const { namespace } = cluster.metadata;
  const type = ISSUERS[issuerRef.kind];
  try {
    const ref = type.namespaced ? { namespace, name: issuerRef.name } : { name: issuerRef.name };
    const issuer = await client.get<Issuer>(type, ref);
    if (issuer === undefined) return { state: await whyMissing(client), refused: [] };
    const ready = issuer.status?.conditions?.find((condition) => condition.type === 'Ready');
    return ready?.status === 'True'
      ? { state: 'Ready', refused: [] }
      : { state: 'NotReady', says: ready?.message, refused: [] };
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
