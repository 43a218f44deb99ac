/** Signs with the authority of the cluster, whose key lies in a Secret that no pod mounts. */
import { X509Certificate } from 'node:crypto';
import type { McpCluster } from '../../api/index.ts';
import { RESOURCES, type KubeClient } from '../../kube/index.ts';
import { signCertificate } from '../../security/index.ts';
import { bundleOf, certificatesIn, type Clock, type Random } from '../../std/index.ts';
import { durationMs, objectNames, type DesiredObject } from '../core/index.ts';
import { ensureAuthority, OVERLAP_MS, readAuthority, type Authority } from './authority.ts';
import { clusterAuthority } from './cluster-authority.ts';
import type { CertificateSigner } from './signer.ts';

export interface OwnSignerOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
}

const DAY_MS = 86_400_000;

export function createOwnSigner(options: OwnSignerOptions): CertificateSigner {
  const { client, clock, random } = options;
  return {
    async trusted(cluster) {
      const authority = await readAuthority(clusterAuthority(cluster), options);
      // A Secret that was lost took the key with it; what the pods trust is still written down for them.
      const inUse = authority === undefined ? await lastTrusted(cluster, client) : '';
      return (await ensureAuthority(clusterAuthority(cluster), inUse, options)).trusted;
    },
    async sign(request, subject) {
      const { cluster } = subject;
      const authority = await readAuthority(clusterAuthority(cluster), options);
      if (authority === undefined) {
        return { kind: 'pending', message: 'the authority of the cluster is being made' };
      }
      const lastsMs = durationMs(cluster.spec.tls.certificateDuration);
      const now = clock.wall();
      const certificate = await signCertificate(authority.signing, request.publicKey, {
        commonName: subject.commonName,
        dnsNames: subject.dnsNames,
        ipAddresses: [],
        uris: subject.uris,
        validityDays: lastsMs / DAY_MS,
        now: new Date(now),
      });
      const before = durationMs(cluster.spec.tls.renewBefore);
      const renewAfter = Math.min(now + lastsMs - before, nextAuthorityAt(authority, random));
      return { kind: 'signed', certificate, trusted: authority.trusted, renewAfter };
    },
  };
}

/** After everybody trusts the newest authority and before the one before it is retired, each pod at a moment of its own. */
function nextAuthorityAt({ knownAt }: Authority, random: Random): number {
  return knownAt === undefined ? Infinity : knownAt + random.next() * (OVERLAP_MS / 2);
}

/** The authorities in the ConfigMap of the pods; empty when there is none. */
async function lastTrusted(cluster: McpCluster, client: KubeClient): Promise<string> {
  const { namespace, name } = cluster.metadata;
  const ref = { namespace, name: objectNames(name).trustMap };
  const map = await client.get<DesiredObject & { data?: Record<string, string> }>(
    RESOURCES.configMaps,
    ref,
  );
  const isAuthority = (pem: string): boolean => {
    try {
      return new X509Certificate(pem).ca;
    } catch {
      return false;
    }
  };
  return bundleOf(certificatesIn(map?.data?.['ca.crt'] ?? '').filter(isAuthority));
}
