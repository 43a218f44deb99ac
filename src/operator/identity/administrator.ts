/** A certificate for somebody at a terminal who may read the authority's Secret: signed there and then, for minutes. */
import { MCP_CLUSTERS, type McpCluster } from '../../api/index.ts';
import { systemRandom } from '../../host/index.ts';
import type { KubeClient, KubeResource } from '../../kube/index.ts';
import { signCertificate, type TlsMaterial } from '../../security/index.ts';
import type { Clock } from '../../std/index.ts';
import { readAuthority } from './authority.ts';
import { createClusterSigner } from '../issuer/cluster-signer.ts';
import { clusterAuthority } from './cluster-authority.ts';
import { createOwnSigner } from './own-signer.ts';
import { requestFor, subjectWithoutPod } from './subjects.ts';

const MINUTES = 10;

/** Rejects with a sentence when there is no such McpCluster, or its Secret cannot be read. */
export async function administratorMaterial(
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
  clock: Clock,
): Promise<{ readonly material: TlsMaterial; readonly clusterId: string }> {
  const { namespace, name } = ref;
  const cluster = await client.get<KubeResource & McpCluster>(MCP_CLUSTERS, ref);
  if (cluster === undefined) throw new Error(`no McpCluster ${namespace}/${name}`);
  if (cluster.spec.tls.issuerRef !== undefined) return byIssuer(cluster, client, clock);
  const place = clusterAuthority(cluster);
  const authority = await readAuthority(place, { client, clock });
  if (authority === undefined) {
    throw new Error(`no Secret ${namespace}/${place.name}: the operator has not made it yet`);
  }
  const subject = subjectWithoutPod(cluster, 'administrator');
  const { key, request } = await requestFor(subject);
  const cert = await signCertificate(authority.signing, request.publicKey, {
    ...subject,
    ipAddresses: [],
    validityDays: MINUTES / (24 * 60),
    now: new Date(clock.wall()),
  });
  return { material: { ca: authority.trusted, cert, key }, clusterId: cluster.metadata.uid };
}

/** Whoever may make CertificateRequests in the namespace gets one from the issuer of the cluster. */
async function byIssuer(
  cluster: McpCluster,
  client: KubeClient,
  clock: Clock,
): Promise<{ readonly material: TlsMaterial; readonly clusterId: string }> {
  const subject = subjectWithoutPod(cluster, 'administrator');
  const { key, request } = await requestFor(subject);
  const own = createOwnSigner({ client, clock, random: systemRandom });
  const outcome = await createClusterSigner({ own, client, clock }).sign(request, subject);
  if (outcome.kind !== 'signed') throw new Error(outcome.message);
  const { certificate: cert, trusted: ca } = outcome;
  return { material: { ca, cert, key }, clusterId: cluster.metadata.uid };
}
