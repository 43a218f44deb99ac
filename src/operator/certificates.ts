/** The certificate of a cluster and what it trusts, in the Secret that its pods mount: made once, renewed before it ends. */
import type { McpCluster } from '../api/index.ts';
import { X509Certificate } from 'node:crypto';
import { RESOURCES, type KubeClient } from '../kube/index.ts';
import {
  certificateExpiry,
  clusterUri,
  issueCertificate,
  type TlsMaterial,
} from '../security/index.ts';
import type { Clock } from '../std/index.ts';
import type { Applier } from './applier.ts';
import { base64, decoded, ensureAuthority, type Authority } from './identity/authority.ts';
import { clusterAuthority } from './identity/cluster-authority.ts';
import {
  certificateNames,
  objectNames,
  ownerOf,
  ownershipOf,
  tlsSecret,
  type Secret,
} from './core/index.ts';

const CERTIFICATE_DAYS = 90;
/** Renewed when less than this is left. */
const RENEWAL_MS = 30 * 86_400_000;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export interface CertificateOptions {
  readonly client: KubeClient;
  readonly applier: Applier;
  readonly clock: Clock;
}

/** The material of a cluster as its Secrets hold it, after whatever was missing or about to end has been made. */
export async function ensureCertificates(
  cluster: McpCluster,
  options: CertificateOptions,
): Promise<TlsMaterial> {
  const { clock, client, applier } = options;
  const { namespace, name } = cluster.metadata;
  const ref = { namespace, name: objectNames(name).tlsSecret };
  const found = await client.get<Secret>(RESOURCES.secrets, ref);
  const current = found === undefined ? undefined : materialOf(found);
  const inUse = current === undefined ? '' : signersOf(current.cert, current.ca);
  const authority = await ensureAuthority(clusterAuthority(cluster), inUse, options);
  if (current !== undefined && isUsable(current, authority, clock.wall())) {
    // Labels and owner may have been edited, and there may be a new authority to trust; the leaf stays.
    const kept = { ...current, ca: authority.trusted };
    await applier.ensure(RESOURCES.secrets, tlsSecret(cluster, encoded(kept)), found);
    return kept;
  }
  const issued = await issueCertificate(authority.signing, {
    commonName: name,
    dnsNames: certificateNames(cluster),
    ipAddresses: [],
    uris: [clusterUri(cluster.metadata.uid)],
    validityDays: CERTIFICATE_DAYS,
    now: new Date(clock.wall()),
  });
  const material = { ca: authority.trusted, cert: issued.certificate, key: issued.key };
  await applier.ensure(RESOURCES.secrets, tlsSecret(cluster, encoded(material)), found);
  return material;
}

/** The material of a cluster as its Secret holds it; undefined when there is none. Writes nothing. */
export async function readCertificates(
  cluster: McpCluster,
  client: KubeClient,
): Promise<TlsMaterial | undefined> {
  const { namespace, name } = cluster.metadata;
  const ref = { namespace, name: objectNames(name).tlsSecret };
  const secret = await client.get<Secret>(RESOURCES.secrets, ref);
  if (secret === undefined || ownershipOf(secret, ownerOf(cluster)).kind === 'foreign') {
    return undefined;
  }
  return materialOf(secret);
}

/** The leaf may stay: it lasts, somebody who is trusted signed it, and it need not be one of the newest authority yet. */
function isUsable({ cert, key }: TlsMaterial, authority: Authority, nowMs: number): boolean {
  if (key === '') return false;
  try {
    if (certificateExpiry(cert).getTime() - nowMs <= RENEWAL_MS) return false;
    // A clock that was ahead issued it.
    if (Date.parse(new X509Certificate(cert).validFrom) > nowMs) return false;
    const { knownAt, signing, trusted } = authority;
    return signersOf(cert, knownAt === undefined ? signing.certificate : trusted) !== '';
  } catch {
    return false;
  }
}

/** Those of the authorities, PEM, that signed the certificate; empty when none did or the certificate cannot be read. */
function signersOf(cert: string, authorities: string): string {
  try {
    const leaf = new X509Certificate(cert);
    return (authorities.match(PEM) ?? [])
      .filter((pem) => leaf.verify(new X509Certificate(pem).publicKey))
      .map((pem) => `${pem}\n`)
      .join('');
  } catch {
    return '';
  }
}

function materialOf(secret: Secret): TlsMaterial {
  return {
    ca: decoded(secret.data?.['ca.crt']),
    cert: decoded(secret.data?.['tls.crt']),
    key: decoded(secret.data?.['tls.key']),
  };
}

function encoded(material: TlsMaterial) {
  return {
    'ca.crt': base64(material.ca),
    'tls.crt': base64(material.cert),
    'tls.key': base64(material.key),
  };
}
